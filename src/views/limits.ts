/** The limits under which sub-jobs are put into a queue, and who has been told to come back later. Pure. */
import type { Adjusted } from "../core/fan-out.ts";
import { limits } from "../core/limits.ts";
import type { FanOutPlan, JobPlan, SharedLimit } from "../core/plan.ts";
import type { LimitPlan, Rate } from "../core/throttle.ts";
import { number } from "./words.ts";

/** One limit that holds, or one that stands because of a Retry-After. */
export type LimitStatus = {
  /** Of one step of one run; of a job in all its runs; of all jobs that share it; of those for each key by itself. */
  readonly of: "step" | "job" | "shared" | "key";
  /** The step, the job, or the limit. */
  readonly name: string;
  readonly concurrency: number | undefined;
  readonly rate: Rate | undefined;
  /** Sub-jobs under it, in all runs; undefined where only one run was asked about, and it is not the step's own. */
  readonly inFlight: number | undefined;
  /** Nothing of the job is begun before this, epoch ms: somebody it asked said so (`ctx.retryLater`, of: "job"). */
  readonly heldUntil: number | undefined;
  /** Of those for each key: keys of which nothing is begun yet for the same reason, and when the last of them may go on. */
  readonly keys: HeldKeys | undefined;
};

/** Keys that were told to come back later. */
export type HeldKeys = {
  readonly held: number;
  readonly until: number;
  /** The few that wait longest, by their names as far as those are known. */
  readonly first: readonly HeldKey[];
};

export type HeldKey = { readonly key: string; readonly until: number };

/** A key that sub-jobs of a step wait for. */
export type KeyStop = {
  /** Undefined where it is not known, or hidden. */
  readonly key: string | undefined;
  readonly waiting: number;
  /** It was told to come back later; its rate is used up; as many as may be are in flight. */
  readonly because: "told" | "rate" | "concurrency";
  readonly until: number | undefined;
};

export type KeyStops = {
  readonly limit: SharedLimit;
  /** Those that most wait for. */
  readonly keys: readonly KeyStop[];
  /** How many more keys there are, and how many sub-jobs wait for them. */
  readonly others: number;
  readonly waiting: number;
};

/** Until when nothing is begun, epoch ms: of jobs by their names, of the keys of a limit by its name and their hashes. */
export type Holds = {
  readonly jobs: ReadonlyMap<string, number>;
  readonly keys: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** How a key is called; undefined where that is not known, or hidden. */
  readonly nameOf?: (limit: string, hash: number) => string | undefined;
};

/** Sub-jobs in flight in all runs: of jobs by their names, and of those under a limit that jobs share. */
export type Flying = {
  readonly jobs: ReadonlyMap<string, number>;
  readonly limits: ReadonlyMap<string, number>;
};

export const noHolds: Holds = { jobs: new Map(), keys: new Map() };

/** What holds for a step of one run by itself; nothing where it has neither. */
export function stepLimits(
  plan: FanOutPlan,
  adjusted: Adjusted | undefined,
  inFlight: number,
): LimitStatus[] {
  const { concurrency = plan.concurrency, rate } = adjusted ?? {};
  if (typeof concurrency !== "number" && (rate === undefined || rate === null)) return [];
  const limit = { concurrency: concurrency ?? undefined, rate: rate ?? undefined };
  const { name } = plan;
  return [{ of: "step", name, ...limit, inFlight, heldUntil: undefined, keys: undefined }];
}

/** What holds for a job wherever it runs, and what it was told. `flying` knows how many there are of a job, or of all under a limit. */
export function jobLimits(job: JobPlan, holds: Holds, at: number, flying?: Flying): LimitStatus[] {
  const until = holds.jobs.get(job.name) ?? 0;
  const heldUntil = until > at ? until : undefined;
  const own: LimitStatus = {
    of: "job",
    name: job.name,
    concurrency: job.limit?.concurrency,
    rate: job.limit?.rate,
    inFlight: flying === undefined ? undefined : (flying.jobs.get(job.name) ?? 0),
    heldUntil,
    keys: undefined,
  };
  const shared = (job.limits ?? []).map(({ name, concurrency, rate, key }): LimitStatus => ({
    of: key === undefined ? "shared" : "key",
    name,
    concurrency,
    rate,
    inFlight: flying === undefined ? undefined : (flying.limits.get(name) ?? 0),
    heldUntil: undefined,
    keys: key === undefined ? undefined : heldKeys(name, holds, at),
  }));
  return [...(job.limit === undefined && heldUntil === undefined ? [] : [own]), ...shared];
}

function heldKeys(limit: string, { keys, nameOf }: Holds, at: number): HeldKeys | undefined {
  const held = longestHeld(keys.get(limit), at);
  const [longest] = held;
  if (longest === undefined) return undefined;
  const first = held.slice(0, limits.keysNamed).flatMap(([hash, until]) => {
    const key = nameOf?.(limit, hash);
    return key === undefined ? [] : [{ key, until }];
  });
  return { held: held.length, until: longest[1], first };
}

/** Those that are still held, the longest first. */
export function longestHeld(
  keys: ReadonlyMap<string, number> | undefined,
  at: number,
): readonly (readonly [hash: number, until: number])[] {
  return [...(keys ?? [])]
    .filter(([, until]) => until > at)
    .map(([hash, until]) => [Number(hash), until] as const)
    .toSorted(([, a], [, b]) => b - a);
}

/** "at most 200 at once and 50/s" */
export function limitText({
  concurrency,
  rate,
}: { readonly [K in keyof LimitPlan]: LimitPlan[K] | undefined }): string {
  const units: Readonly<Record<number, string>> = { 1_000: "s", 60_000: "m", 3_600_000: "h" };
  const parts = [
    ...(concurrency === undefined ? [] : [`at most ${number(concurrency)} at once`]),
    ...(rate === undefined ? [] : [`${rate.count}/${units[rate.perMs] ?? `${rate.perMs} ms`}`]),
  ];
  return parts.join(" and ");
}
