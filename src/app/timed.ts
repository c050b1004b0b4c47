/** How long the engine takes to make things durable, as this process sees it: counted per append and commit, never per sub-job. */
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { writeBucketOf, writeBuckets, type Writes } from "../views/metrics.ts";

export type Timed = {
  /** The same engine; what it does is timed. */
  readonly engine: Engine;
  /** Since it was opened. */
  readonly writes: () => readonly Writes[];
};

export function timed(engine: Engine, clock: Clock): Timed {
  const of = (operation: Writes["operation"]) => ({
    engine: engine.name.split(":")[0] ?? "",
    operation,
    buckets: writeBuckets.map(() => 0),
    count: 0,
    seconds: 0,
  });
  const appends = of("append");
  const commits = of("commit");

  /** What was refused is not counted: it took no time that says anything. */
  async function taking<T>(into: ReturnType<typeof of>, write: Promise<T>): Promise<T> {
    const from = clock.now();
    const done = await write;
    const seconds = (clock.now() - from) / 1_000;
    const bucket = writeBucketOf(seconds);
    if (bucket !== -1) into.buckets[bucket] = (into.buckets[bucket] ?? 0) + 1;
    into.count += 1;
    into.seconds += seconds;
    return done;
  }

  const { log, store } = engine;
  return {
    engine: {
      ...engine,
      log: {
        ...log,
        append: (partition, texts) => taking(appends, log.append(partition, texts)),
      },
      store: {
        ...store,
        commit: (claim, commit) => taking(commits, store.commit(claim, commit)),
      },
    },
    writes: () => [appends, commits],
  };
}
