/** Whether what was put into the queue keeps the limits: judged by tasks and times alone. */
import type { JobPlan } from "../core/plan.ts";
import type { SliceTask } from "../core/task.ts";
import type { LimitPlan, Rate } from "../core/throttle.ts";
import type { Run, SubJob, Told } from "./model.ts";

export type Limits = {
  /** What workers say: that nothing of a job, or of a key, is to be put for a while. */
  readonly hear: (event: Told) => void;
  /** A slice was put at this time; the model's runs know its sub-jobs as flying. */
  readonly put: (task: SliceTask, at: number, tell: (what: string) => void) => void;
};

/** What of a rate may come at once: a tenth of a second's, and at least one. */
const burstMs = 100;

/** What is left of a rate; of another rate, it is another bucket. */
type Bucket = { readonly rate: Rate; tokens: number; at: number };

/** One thing that must be kept: which sub-jobs count under it, and how many of them were just put. */
type Kept = {
  readonly what: string;
  readonly limit: LimitPlan | undefined;
  readonly counts: (job: JobPlan, one: SubJob) => boolean;
  readonly put: number;
};

export function limits(
  runs: ReadonlyMap<string, Run>,
  partition: number,
  partitions: number,
): Limits {
  const heldUntil = new Map<string, number>();
  const buckets = new Map<string, Bucket>();

  /** Of all steps. */
  function flying(counts: Kept["counts"]): number {
    let count = 0;
    for (const { steps } of runs.values())
      for (const { plan, subJobs } of steps)
        if (plan.kind === "fan-out")
          count += subJobs.filter((one) => one.state === "flying" && counts(plan.job, one)).length;
    return count;
  }

  /** This partition's share; at least one. */
  function shareOf(concurrency: number): number {
    const rest = partition < concurrency % partitions ? 1 : 0;
    return Math.max(1, Math.floor(concurrency / partitions) + rest);
  }

  /** Takes so many; false: there were not as many. Who shares a rate has his part of it. */
  function take(what: string, rate: Rate, shared: number, count: number, at: number): boolean {
    const perMs = rate.count / rate.perMs / shared;
    const holds = Math.max(1, perMs * burstMs);
    let bucket = buckets.get(what);
    if (bucket === undefined || bucket.rate !== rate) bucket = { rate, tokens: holds, at };
    bucket.tokens = Math.min(holds, bucket.tokens + (at - bucket.at) * perMs) - count;
    bucket.at = at;
    buckets.set(what, bucket);
    return bucket.tokens > -0.001;
  }

  /** The job's own limit, those it shares, and those of each key in the slice. */
  function keptBy(job: JobPlan, slice: readonly SubJob[]): readonly Kept[] {
    const { name, limit } = job;
    const put = slice.length;
    const all: Kept[] = [
      { what: `job ${name}`, limit, counts: (other) => other.name === name, put },
    ];
    for (const limit of job.limits ?? []) {
      const isOf = (other: JobPlan): boolean =>
        other.limits?.some(({ name }) => name === limit.name) === true;
      const what = `limit ${limit.name}`;
      const keys = new Set(slice.map(({ limitKey }) => limitKey));
      if (limit.key === undefined) all.push({ what, limit, counts: isOf, put });
      else
        for (const key of [...keys].filter((one) => one !== 0))
          all.push({
            what: `key ${key} of ${what}`,
            limit,
            counts: (other, one) => isOf(other) && one.limitKey === key,
            put: slice.filter(({ limitKey }) => limitKey === key).length,
          });
    }
    return all;
  }

  return {
    hear({ type, run, step: name, at, bad = [] }) {
      const step = runs.get(run)?.steps.find(({ plan }) => plan.name === name);
      if (type !== "sub-jobs.settled" || step?.plan.kind !== "fan-out") return;
      const told = bad as readonly { of?: string; index: number; delayMs?: number }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
      for (const { of, index, delayMs } of told) {
        if (of !== "job" && of !== "key") continue;
        const { job } = step.plan;
        const key = of === "key" ? (step.subJobs[index]?.limitKey ?? 0) : 0;
        const limit = job.limits?.find((one) => one.key !== undefined);
        const isOfKey = limit !== undefined && key !== 0;
        const what = isOfKey ? `key ${key} of limit ${limit.name}` : `job ${job.name}`;
        heldUntil.set(what, Math.max(heldUntil.get(what) ?? 0, at + (delayMs ?? 0)));
      }
    },
    put({ run, step: stepName, from, count, again }, at, tell) {
      const step = runs.get(run)?.steps.find(({ plan }) => plan.name === stepName);
      if (step?.plan.kind !== "fan-out") return;
      const indices =
        again?.map(({ index }) => index) ?? Array.from({ length: count }, (_, n) => from + n);
      const slice = indices.flatMap((index) => step.subJobs[index] ?? []);
      for (const { what, limit, counts, put } of keptBy(step.plan.job, slice)) {
        if (at < (heldUntil.get(what) ?? 0)) tell(`${what} is put although it was told to wait`);
        if (limit?.concurrency !== undefined && flying(counts) > shareOf(limit.concurrency))
          tell(`${flying(counts)} sub-jobs of ${what} in flight`);
        if (limit?.rate !== undefined && !take(what, limit.rate, partitions, put, at))
          tell(`${what} is put more often than its rate allows`);
      }
      if (step.rate !== undefined && !take(`${run}/${stepName}`, step.rate, 1, count, at))
        tell(`${run}/${stepName} is put more often than its pace allows`);
    },
  };
}
