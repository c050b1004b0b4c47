/** What the second set of rules (refold.ts) keeps of a run: an object per sub-job, and no counters. */
import { limits } from "../core/limits.ts";
import type { FlowPlan, StepPlan, Tolerance } from "../core/plan.ts";
import type { Rate } from "../core/throttle.ts";

export type Outcome = "ok" | "failed" | "timed-out" | "cancelled" | "skipped" | "poison";
/** open: it waits, for its turn or for its time. */
export type SubJob = {
  state: "open" | "flying" | Outcome;
  issue: number;
  attempts: number;
  crashes: number;
  kills: number;
  signature: string;
  result: unknown;
  /** Hash of what a limit by key counts it under; 0 for nothing. */
  limitKey: number;
  /** The input that a person gave it, in the redrive at `offset`; what was issued before `issue` worked on another. */
  edited: { readonly offset: number; readonly issue: number; readonly item: unknown } | undefined;
};

export type Step = {
  readonly plan: StepPlan;
  state: string;
  generation: number;
  began: boolean;
  startedAt: number;
  isLate: boolean;
  isAtRisk: boolean;
  /** A person ended it before it was complete. */
  closed: boolean;
  /** As the plan says, or as people have changed it. */
  concurrency: number;
  tolerate: Tolerance;
  /** The pace that people have set; a new object whenever it begins anew. */
  rate: Rate | undefined;
  main: {
    state: string;
    issue: number;
    attempts: number;
    crashes: number;
    at: number;
    /** Of the attempt that failed last. */
    trace: unknown;
  };
  subJobs: SubJob[];
  total: number | undefined;
  readonly pages: Map<number, number>;
  late: number;
  duplicate: number;
  stale: number;
  duplicateKeys: number;
  swept: number;
  /** Of each end: how many sub-jobs had come to what, in the order of the outcomes' names. */
  readonly ends: number[][];
};

export type Run = {
  readonly id: string;
  readonly customer: string;
  readonly plan: FlowPlan;
  readonly steps: Step[];
  state: string;
  endedAt: number | undefined;
  at: number;
  /** When it may begin, of one that waits. */
  readonly beginAt: number;
  readonly input: unknown;
  readonly trace: unknown;
  deadlineAt: number | undefined;
  isLate: boolean;
  isAtRisk: boolean;
  readonly answers: Map<string, number | undefined>;
};

/** An event, as its JSON says. */
export type Told = {
  readonly type: string;
  readonly run: string;
  readonly step: string;
  readonly offset: number;
  readonly at: number;
  readonly body: string | undefined;
  readonly [field: string]: unknown;
};

/** What must have been written because of it. */
export type Output = {
  readonly type: string;
  readonly run: string;
  readonly [field: string]: unknown;
};

/** What must have been put into the queue for a step itself: its body or its split. */
export type Issued = {
  readonly run: string;
  readonly step: string;
  readonly issue: number;
  readonly after?: unknown;
};

export const failures: ReadonlySet<string> = new Set(["failed", "timed-out", "poison"]);

export function isOpen(one: SubJob): boolean {
  return one.state === "open" || one.state === "flying";
}

export function isEnded(run: Run): boolean {
  return run.state === "done" || run.state === "failed" || run.state === "cancelled";
}

/** More has failed than the step tolerates. */
export function isBeyond({ tolerate, ...step }: Step): boolean {
  const failed = step.subJobs.filter(({ state }) => failures.has(state)).length;
  return "count" in tolerate
    ? failed > tolerate.count
    : failed * 100 > tolerate.percent * step.subJobs.length;
}

export type Bad = {
  readonly index: number;
  readonly issue: number;
  readonly outcome: string;
  readonly fatal?: boolean;
  readonly error?: { readonly name: string; readonly message: string };
};

export function newStep(plan: StepPlan): Step {
  return {
    plan,
    state: "waiting",
    generation: 1,
    began: false,
    startedAt: 0,
    isLate: false,
    isAtRisk: false,
    closed: false,
    concurrency: (plan.kind === "fan-out" ? plan.concurrency : undefined) ?? Infinity,
    tolerate: plan.kind === "fan-out" ? plan.tolerate : { count: 0 },
    rate: undefined,
    main: { state: "waiting", issue: 0, attempts: 0, crashes: 0, at: 0, trace: undefined },
    subJobs: [],
    total: undefined,
    pages: new Map(),
    late: 0,
    duplicate: 0,
    stale: 0,
    duplicateKeys: 0,
    swept: 0,
    ends: [],
  };
}

export function newSubJob(limitKey: number): SubJob {
  return {
    state: "open",
    issue: 1,
    attempts: 0,
    crashes: 0,
    kills: 0,
    signature: "",
    result: undefined,
    limitKey,
    edited: undefined,
  };
}

/** How long a task may be out before it is taken for lost. */
export function patienceMs(timeoutMs: number): number {
  return timeoutMs + 2 * limits.leaseMs + limits.sweepMs;
}

/** [from, count, …, from, count, …] in steps of `width`, one by one. */
export function* indicesOf(flat: unknown, width: number): Generator<number> {
  const numbers = flat as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- events have numbers there
  for (let at = 0; at + width - 1 < numbers.length; at += width)
    for (let n = 0; n < (numbers[at + 1] ?? 0); n += 1) yield (numbers[at] ?? 0) + n;
}

/** [from, count, issue, …], one by one. */
export function* issuesOf(flat: unknown): Generator<readonly [index: number, issue: number]> {
  const numbers = flat as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- events have numbers there
  for (let at = 0; at + 2 < numbers.length; at += 3)
    for (let n = 0; n < (numbers[at + 1] ?? 0); n += 1)
      yield [(numbers[at] ?? 0) + n, numbers[at + 2] ?? 0];
}

/** Which failed sub-jobs a command is about. */
export function chosenBy(event: Told): (one: SubJob, index: number) => boolean {
  const { signature, indices } = event;
  const named = indices === undefined ? undefined : new Set(indicesOf(indices, 2));
  return (one, index) =>
    failures.has(one.state) &&
    (signature === undefined || one.signature === signature) &&
    (named?.has(index) ?? true);
}

/** As people see it; enough for the few ways in which the simulator's work fails. */
export function signatureOf(name: string, message: string): string {
  const saysNothing = name === "Error" || name === "FatalError";
  const words = [
    ...(saysNothing ? [] : name.split(/(?=[A-Z])/)),
    ...message.split(/[^\p{L}\p{N}]+/u),
  ];
  return words
    .filter((word) => word !== "" && !/\d/.test(word))
    .join("-")
    .toLowerCase();
}

/** What people have paused, as "customer acme" or "step run/one". */
export type Paused = ReadonlySet<string>;

/** Whether the body or the split of a step may be put; of sub-jobs, whether their job is paused counts as well. */
export function isPaused(paused: Paused, run: Run, step: Step, isSubJob: boolean): boolean {
  const { plan } = step;
  return (
    paused.has(`run ${run.id}`) ||
    paused.has(`step ${run.id}/${plan.name}`) ||
    paused.has(`customer ${run.customer}`) ||
    paused.has(`flow ${run.plan.name}`) ||
    paused.has(`queue ${isSubJob && plan.kind === "fan-out" ? plan.job.queue : plan.queue}`) ||
    (isSubJob && plan.kind === "fan-out" && paused.has(`job ${plan.job.name}`))
  );
}

type Result = { readonly n: number };

/** What the folds of sim/program.ts must say: computed from all results at once. */
export function valueOf(step: Step, { isSent }: { readonly isSent?: true }): unknown {
  const results = step.subJobs.flatMap((one) => (one.state === "ok" ? [one.result as Result] : [])); // oxlint-disable-line typescript/no-unsafe-type-assertion -- the simulator's jobs return nothing else
  if (isSent === true) return results;
  const kinds: Record<string, number> = {};
  for (const { n } of results) kinds[`${n % 3}`] = (kinds[`${n % 3}`] ?? 0) + 1;
  return {
    count: results.length,
    sum: results.reduce((sum, { n }) => sum + n, 0),
    top: results.toSorted((a, b) => b.n - a.n).slice(0, 3),
    kinds,
  };
}
