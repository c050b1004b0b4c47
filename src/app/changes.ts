/** Lets many wait for what is committed without each of them looking at every commit. */
import { decode, type Recorded } from "../core/event.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Role } from "../roles/role.ts";

export type Changes = {
  /** Resolves when the managers have consumed what stands at this offset. */
  readonly consumed: (partition: number, offset: number) => Promise<void>;
  /** Calls back when this run begins or ends a step, is held, resumed or over; until the returned function is called. */
  readonly onRun: (run: string, listener: (event: Recorded) => void) => () => void;
  /** Follow the log while anybody listens. */
  readonly roles: readonly Role[];
};

/** A hint may be lost: those who wait look for themselves after this. */
const lookMs = 50;
const readRecords = 5_000;
const readBytes = 16_777_216;

type Waiter = { readonly offset: number; readonly resolve: () => void };

export function changes(engine: Engine, clock: Clock): Changes {
  const partitions = Array.from({ length: engine.partitions }, (_, partition) => partition);
  const waiters = partitions.map((): Waiter[] => []);
  const listeners = new Map<string, Set<(event: Recorded) => void>>();

  async function release(partition: number): Promise<number> {
    const waiting = waiters[partition] ?? [];
    if (waiting.length === 0) return 0;
    const { offset } = await engine.store.position(partition);
    const left = waiting.filter((waiter) => waiter.offset >= offset);
    const over = waiting.filter((waiter) => waiter.offset < offset);
    waiters[partition] = left;
    for (const { resolve } of over) resolve();
    return over.length;
  }

  /** Resolves those whose offset is consumed. */
  function gate(partition: number): Role & { ask: () => void } {
    let wake: () => void = () => undefined;
    return {
      name: `gate ${partition}`,
      hints: ["state"],
      onWake(ask) {
        wake = ask;
      },
      ask: () => wake(),
      wakeAt: () => ((waiters[partition]?.length ?? 0) > 0 ? clock.now() + lookMs : undefined),
      tick: () => release(partition),
    };
  }

  /** Reads what the managers say about runs, and tells those who listen. */
  function follower(partition: number): Role {
    let next: number | undefined;
    return {
      name: `follower ${partition}`,
      hints: ["state"],
      async tick() {
        // It reads on when nobody listens, so that who begins to listen misses nothing.
        next ??= await engine.log.end(partition);
        const entries = await engine.log.read(partition, next, {
          records: readRecords,
          bytes: readBytes,
        });
        next += entries.length;
        for (const entry of entries) {
          if (!entry.text.startsWith('{"type":"run.') && !entry.text.startsWith('{"type":"step.'))
            continue;
          const event = decode(entry);
          if (!("run" in event)) continue;
          for (const listener of listeners.get(event.run) ?? []) listener(event);
        }
        return entries.length;
      },
    };
  }

  const gates = partitions.map(gate);
  return {
    roles: [...gates, ...partitions.map(follower)],
    async consumed(partition, offset) {
      await new Promise<void>((resolve) => {
        waiters[partition]?.push({ offset, resolve });
        gates[partition]?.ask();
      });
    },
    onRun(run, listener) {
      const mine = listeners.get(run) ?? new Set();
      mine.add(listener);
      listeners.set(run, mine);
      return () => {
        mine.delete(listener);
        if (mine.size === 0) listeners.delete(run);
      };
    },
  };
}
