/**
 * Keeps statistics across runs: a reader of the managers' events, with a checkpoint of its own.
 *
 * A step tells what it came to once, when it ends; so a run of a million costs it one event, and nothing is counted per sub-job.
 * What it keeps stands under its checkpoint, and both are written together: nothing is counted twice, nothing is left out.
 */
import { keys } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { toldOf, type Headline } from "../core/run-event.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Kept } from "../ports/store.ts";
import {
  mergeStatistics,
  noStatistics,
  statisticsOf,
  type Statistics,
  type StoredStatistics,
} from "../views/statistics.ts";
import { sums } from "../views/sums.ts";
import { checkpointOf, type Checkpoint } from "./checkpoint.ts";
import { scanAll, text } from "./loading.ts";
import type { News } from "./news.ts";
import type { Role } from "./role.ts";

/** No listener of a user can be called so. */
export const reader = "fanfold:statistics";
/** Records read since the checkpoint was written, if none of them counts. */
const unkeptAtMost = 1_000;

/** It is a moment behind: many steps that end at about the same time are one reading and one transaction. */
const everyMs = 250;

export type StatisticsOptions = {
  readonly engine: Pick<Engine, "log" | "store">;
  readonly news: Pick<News, "read">;
  readonly clock: Clock;
  readonly partition: number;
  /** Whether this process is the one to count: where several could, one does. */
  readonly mayCount: () => boolean;
};

export function statistician(options: StatisticsOptions): Role {
  const { engine, news, clock, partition, mayCount } = options;
  const { store } = engine;
  let known: (Checkpoint & { readonly read: number }) | undefined;
  let notBefore = 0;

  async function resumed() {
    const checkpoint = await checkpointOf(engine, partition, reader);
    return { ...checkpoint, read: checkpoint.kept ?? 0 };
  }

  /** Adds to what is kept, together with how far it was read. */
  async function keep(how: Omit<Kept, "puts">, more: Sums): Promise<void> {
    const names = [...more.keys()];
    const before = await store.load(
      partition,
      names.map((name) => keys.reader(reader, name)),
    );
    const puts = names.map((name, n): readonly [string, string] => {
      const value = before[n];
      const one = value === undefined ? noStatistics : stored(text(value));
      return [name, JSON.stringify(mergeStatistics(one, more.get(name) ?? noStatistics))];
    });
    await store.keep(partition, reader, { ...how, puts });
  }

  return {
    name: `statistics ${partition}`,
    hints: ["state"],
    partition,
    restsUntil: () => notBefore,
    async tick() {
      if (clock.now() < notBefore) return 0;
      notBefore = 0;
      const at = known ?? (mayCount() ? await resumed() : undefined);
      known = undefined; // If anything below throws, or another process counts, the store is asked again.
      if (at === undefined || !mayCount()) return 0;
      const { past } = at;
      const { events, next } = await news.read(partition, at.read, past);
      const more = sumsOf(events);
      const isDue = more.size > 0 || next - (at.kept ?? 0) > unkeptAtMost;
      if (isDue) await keep({ from: at.kept, to: next, past }, more);
      known = { kept: isDue ? next : at.kept, read: next, past };
      const records = next - at.read;
      if (records < limits.readRecords && records > 0)
        notBefore = Math.floor(clock.now()) + everyMs;
      return notBefore === 0 ? records : 0;
    },
  };
}

type Sums = ReadonlyMap<string, StoredStatistics>;

function sumsOf(events: readonly Headline[]): Sums {
  const all = sums();
  for (const headline of events) {
    if (headline.type !== "step.ended" && headline.type !== "run.ended") continue;
    const event = toldOf(headline);
    if (event.type === "step.ended" || event.type === "run.ended") all.add(event);
  }
  return all.all();
}

/** Of which flow, of which step of it, or of which job; of all that is known if nothing is said. */
export type StatisticsOf = {
  readonly flow?: string;
  readonly step?: string;
  readonly job?: string;
};

/** What is known, and up to which offset (exclusive) of each partition. */
export type Known = {
  readonly statistics: readonly Statistics[];
  readonly asOf: readonly number[];
};

/** Of all partitions together, by name; those that are meant. */
export async function knownStatistics(
  { store, partitions }: Pick<Engine, "store" | "partitions">,
  of: StatisticsOf,
): Promise<Known> {
  const all = new Map<string, StoredStatistics>();
  const asOf: number[] = [];
  const prefix = keys.reader(reader, "");
  for (let partition = 0; partition < partitions; partition += 1) {
    const [checkpoint] = await store.load(partition, [keys.reader(reader)]);
    asOf.push(Number(checkpoint ?? 0));
    for (const [key, value] of await scanAll(store, partition, prefix)) {
      const name = key.slice(prefix.length);
      if (!isMeant(name, of)) continue;
      all.set(name, mergeStatistics(all.get(name) ?? noStatistics, stored(text(value))));
    }
  }
  const names = [...all.keys()].toSorted();
  return {
    statistics: names.map((name) => statisticsOf(name, all.get(name) ?? noStatistics)),
    asOf,
  };
}

function stored(json: string): StoredStatistics {
  return JSON.parse(json) as StoredStatistics; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in statistician
}

function isMeant(name: string, { flow, step, job }: StatisticsOf): boolean {
  const [of, first, second] = name.split("/");
  if (job !== undefined) return of === "job" && first === job;
  if (flow !== undefined && (of === "job" || first !== flow)) return false;
  return step === undefined || second === step;
}
