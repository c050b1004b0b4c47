/** Tells the log the time when a manager asked for it. */
import { encode } from "../core/event.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Role } from "./role.ts";

/** A tick that nobody consumed is repeated after this. */
const repeatMs = 1_000;

export function ticker({
  engine,
  clock,
}: {
  readonly engine: Engine;
  readonly clock: Clock;
}): Role {
  /** Per partition: which wish was fulfilled, and when to do it again if the wish is still there. */
  const told = new Map<number, { readonly wakeAt: number; readonly until: number }>();
  let next: number | undefined;
  return {
    name: "ticker",
    hints: ["state"],
    wakeAt: () => next,
    async tick() {
      let ticks = 0;
      next = undefined;
      for (let partition = 0; partition < engine.partitions; partition += 1) {
        const { wakeAt } = await engine.store.position(partition);
        if (wakeAt === undefined) continue;
        const now = clock.now();
        const last = told.get(partition);
        const repeat = last?.wakeAt === wakeAt ? last.until : wakeAt;
        if (repeat > now) {
          next = Math.min(next ?? Infinity, repeat);
          continue;
        }
        await engine.log.append(partition, [encode({ type: "ticked" })]);
        told.set(partition, { wakeAt, until: now + repeatMs });
        next = Math.min(next ?? Infinity, now + repeatMs);
        ticks += 1;
      }
      return ticks;
    },
  };
}
