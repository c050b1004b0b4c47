import { UnavailableError } from "../../errors.ts";
import type { Engine } from "../../ports/engine.ts";
import type { LogClock } from "../system.ts";
import { checkPartitions } from "./checks.ts";
import { guarded } from "./guard.ts";
import { hintList } from "./hints.ts";
import { memoryLog } from "./log.ts";
import { memoryQueue } from "./queue.ts";
import { memoryStore } from "./store.ts";
import { memoryViews } from "./views.ts";

export type MemoryEngineOptions = {
  readonly clock: LogClock;
  /** Default 1. */
  readonly partitions?: number;
  /** Starts every lease's id; the same on every run unless said, for the simulator. */
  readonly prefix?: string;
};

export type MemoryEngine = Engine & {
  /** Loses everything that is in the queue, as a broker may. */
  readonly loseQueue: () => void;
  /** Copies all of it. The function puts the copy in its place, as a failover to a replica that was behind. */
  readonly copy: () => () => void;
};

/** The reference: everything is gone when the process is. Deterministic: the same calls at the same times, the same answers. */
export function memoryEngine(options: MemoryEngineOptions): MemoryEngine {
  const { clock, partitions = 1, prefix = "lease-" } = options;
  checkPartitions(partitions);
  const { hint, onHint } = hintList();
  const heard = clock.listening?.();
  const queue = memoryQueue({ clock: heard ?? clock, prefix, hint: () => hint("queue") });
  const log = memoryLog(clock, partitions, (partition) => hint("log", partition));
  const store = memoryStore(clock, partitions, log, queue, hint);
  const views = memoryViews(partitions, log);
  let closed = false;
  const check = (): void => {
    if (closed) throw new UnavailableError("the engine is closed");
  };
  return {
    name: "memory:",
    partitions,
    queueSurvives: false,
    manages: true,
    ...guarded(check, {
      log,
      queue,
      store,
      views,
    }),
    onHint,
    loseQueue: queue.lose,
    copy() {
      const back = [log, queue, store, views].map(({ copy }) => copy());
      return () => {
        for (const takeBack of back) takeBack();
      };
    },
    async close() {
      closed = true;
      heard?.close();
    },
  };
}
