/** Whether what was put into the queue keeps the limits of jobs: judged by tasks and times alone. */
import type { SliceTask } from "../core/task.ts";
import type { Run, Told } from "./model.ts";

export type Limits = {
  /** What workers say: that nothing of a job is to be put for a while. */
  readonly hear: (event: Told) => void;
  /** A slice was put at this time; the model's runs know its sub-jobs as flying. */
  readonly put: (task: SliceTask, at: number, tell: (what: string) => void) => void;
};

/** What of a rate may come at once: a tenth of a second's, and at least one. */
const burstMs = 100;

export function limits(
  runs: ReadonlyMap<string, Run>,
  partition: number,
  partitions: number,
): Limits {
  const heldUntil = new Map<string, number>();
  const buckets = new Map<string, { tokens: number; at: number }>();

  function flying(name: string): number {
    let count = 0;
    for (const { steps } of runs.values())
      for (const { plan, subJobs } of steps)
        if (plan.kind === "fan-out" && plan.job.name === name)
          count += subJobs.filter(({ state }) => state === "flying").length;
    return count;
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
    put({ run, step, count }, at, tell) {
      const plan = runs.get(run)?.plan.steps.find((one) => one.name === step);
      if (plan?.kind !== "fan-out") return;
      const { name, limit } = plan.job;
      if (at < (heldUntil.get(name) ?? 0)) tell(`job ${name} is put although it was told to wait`);
      if (limit?.concurrency !== undefined) {
        const whole = Math.floor(limit.concurrency / partitions);
        const most = Math.max(1, whole + (partition < limit.concurrency % partitions ? 1 : 0));
        if (flying(name) > most) tell(`${flying(name)} sub-jobs of job ${name} in flight`);
      }
      if (limit?.rate === undefined) return;
      const perMs = limit.rate.count / limit.rate.perMs / partitions;
      const holds = Math.max(1, perMs * burstMs);
      const bucket = buckets.get(name) ?? { tokens: holds, at };
      bucket.tokens = Math.min(holds, bucket.tokens + (at - bucket.at) * perMs) - count;
      bucket.at = at;
      buckets.set(name, bucket);
      if (bucket.tokens < -0.001) tell(`job ${name} is put more often than its rate allows`);
    },
  };
}
