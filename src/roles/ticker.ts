/** Tells the log the time when a manager asked for it. */
import { encode } from "../core/event.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Manager } from "./manager.ts";
import type { Role } from "./role.ts";

export type TickerOptions = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly partition: number;
  /** Whoever serves the partition here, if anybody does: then the store need not be asked after each commit. */
  readonly manager?: Pick<Manager, "isHolder" | "wishes">;
};

/** A tick that nobody consumed is repeated after this. */
const repeatMs = 1_000;

export function ticker({ engine, clock, partition, manager }: TickerOptions): Role {
  /** Which wish was fulfilled, and when to do it again if the wish is still there. */
  let told: { readonly wakeAt: number; readonly until: number } | undefined;
  let next: number | undefined;
  return {
    name: `ticker ${partition}`,
    hints: ["state"],
    partition,
    wakeAt: () => next,
    async tick() {
      next = undefined;
      const { wakeAt } =
        manager?.isHolder() === true ? manager.wishes() : await engine.store.position(partition);
      if (wakeAt === undefined) return 0;
      const now = clock.now();
      next = told?.wakeAt === wakeAt ? told.until : wakeAt;
      if (next > now) return 0;
      await engine.log.append(partition, [encode({ type: "ticked" })]);
      told = { wakeAt, until: now + repeatMs };
      next = told.until;
      return 1;
    },
  };
}
