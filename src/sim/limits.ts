/** Whether what was put into the queue keeps the limits: judged by tasks and times alone. */
import type { JobPlan } from "../core/plan.ts";
import type { SliceTask } from "../core/task.ts";
import type { Rate } from "../core/throttle.ts";
import type { Run, Told } from "./model.ts";

export type Limits = {
  /** What workers say: that nothing of a job is to be put for a while. */
  readonly hear: (event: Told) => void;
  /** A slice was put at this time; the model's runs know its sub-jobs as flying. */
  readonly put: (task: SliceTask, at: number, tell: (what: string) => void) => void;
};

/** What of a rate may come at once: a tenth of a second's, and at least one. */
const burstMs = 100;

/** What is left of a rate; of another rate, it is another bucket. */
type Bucket = { readonly rate: Rate; tokens: number; at: number };

export function limits(
  runs: ReadonlyMap<string, Run>,
  partition: number,
  partitions: number,
): Limits {
  const heldUntil = new Map<string, number>();
  const buckets = new Map<string, Bucket>();

  /** Of all steps that are limited by it. */
  function flying(isOf: (job: JobPlan) => boolean): number {
    let count = 0;
    for (const { steps } of runs.values())
      for (const { plan, subJobs } of steps)
        if (plan.kind === "fan-out" && isOf(plan.job))
          count += subJobs.filter(({ state }) => state === "flying").length;
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

  return {
    hear({ type, run, step, at, bad = [] }) {
      if (type !== "sub-jobs.settled") return;
      const plan = runs.get(run)?.plan.steps.find((one) => one.name === step);
      const told = bad as readonly { of?: string; delayMs?: number }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
      for (const { of, delayMs } of told)
        if (of === "job" && plan?.kind === "fan-out") {
          const { name } = plan.job;
          heldUntil.set(name, Math.max(heldUntil.get(name) ?? 0, at + (delayMs ?? 0)));
        }
    },
    put({ run, step: stepName, count }, at, tell) {
      const step = runs.get(run)?.steps.find(({ plan }) => plan.name === stepName);
      if (step?.plan.kind !== "fan-out") return;
      const { name, limit } = step.plan.job;
      if (at < (heldUntil.get(name) ?? 0)) tell(`job ${name} is put although it was told to wait`);
      const shared = (step.plan.job.limits ?? []).map((one) => ({
        what: `limit ${one.name}`,
        limit: one,
        isOf: (job: JobPlan) => job.limits?.some((other) => other.name === one.name) === true,
      }));
      const own = { what: `job ${name}`, limit, isOf: (job: JobPlan) => job.name === name };
      for (const { what, limit, isOf } of [own, ...shared]) {
        if (limit?.concurrency !== undefined && flying(isOf) > shareOf(limit.concurrency))
          tell(`${flying(isOf)} sub-jobs of ${what} in flight`);
        if (limit?.rate !== undefined && !take(what, limit.rate, partitions, count, at))
          tell(`${what} is put more often than its rate allows`);
      }
      if (step.rate !== undefined && !take(`${run}/${stepName}`, step.rate, 1, count, at))
        tell(`${run}/${stepName} is put more often than its pace allows`);
    },
  };
}
