/** The limits under which sub-jobs are put into a queue, and who has been told to come back later. Pure. */
import type { Adjusted } from "../core/fan-out.ts";
import type { FanOutPlan, JobPlan } from "../core/plan.ts";
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
  readonly keys: { readonly held: number; readonly until: number } | undefined;
};

/** Until when nothing is begun, epoch ms: of jobs by their names, of the keys of a limit by its name and their hashes. */
export type Holds = {
  readonly jobs: ReadonlyMap<string, number>;
  readonly keys: ReadonlyMap<string, ReadonlyMap<string, number>>;
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
    keys: key === undefined ? undefined : heldKeys(holds.keys.get(name), at),
  }));
  return [...(job.limit === undefined && heldUntil === undefined ? [] : [own]), ...shared];
}

function heldKeys(
  keys: ReadonlyMap<string, number> | undefined,
  at: number,
): LimitStatus["keys"] | undefined {
  const held = [...(keys?.values() ?? [])].filter((until) => until > at);
  return held.length === 0 ? undefined : { held: held.length, until: Math.max(...held) };
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
