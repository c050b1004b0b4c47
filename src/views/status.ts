/** What a person wants to know of a run: derived from committed state, O(1) at any size. */
import type { Failure, Json, Priority, RunState } from "../core/event.ts";
import type { Adjusted } from "../core/fan-out.ts";
import type { FailureGroup } from "../core/failures.ts";
import { forecastAt } from "../core/forecast.ts";
import { foldsFit, foldsValue } from "../core/fold.ts";
import { countOf, percentile } from "../core/histogram.ts";
import * as ledger from "../core/ledger.ts";
import { pausesAt, pausesOf, type Pause, type Pauses } from "../core/pauses.ts";
import type { Progress } from "../core/progress.ts";
import type { FanOutPlan, FlowPlan } from "../core/plan.ts";
import { redacted } from "../core/redact.ts";
import { signatureOf } from "../core/signature.ts";
import { jobLimits, stepLimits, type Holds, type LimitStatus } from "./limits.ts";
import type { StepState, StoredFanOut, StoredRun, StoredStep } from "../core/stored.ts";

export type { FailureGroup } from "../core/failures.ts";
export type { Pause, PauseOf } from "../core/pauses.ts";
export type { Progress } from "../core/progress.ts";

/** How a step stands: its sub-jobs by state, its failures by kind, its pace. */
export type StepStatus = {
  readonly name: string;
  readonly kind: "step" | "fan-out";
  readonly state: StepState;
  /** 1, and one more for each redrive. */
  readonly generation: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  /** The same of a deadline of its own. */
  readonly lateAt?: number;
  readonly riskAt?: number;
  /** Of a fan-out: the number of sub-jobs, once the split is complete. */
  readonly total: number | undefined;
  /** Known so far; equals total after the seal. size = waiting + inFlight + retrying + ok + failed + skipped + cancelled. */
  readonly size: number;
  readonly waiting: number;
  readonly inFlight: number;
  readonly retrying: number;
  readonly ok: number;
  /** Given up on: failed, timed out and poison together. */
  readonly failed: number;
  readonly timedOut: number;
  readonly poison: number;
  readonly skipped: number;
  readonly cancelled: number;
  /** Outcomes that came after the end of their step, a second time, or from an attempt that no longer counts. */
  readonly late: number;
  readonly duplicate: number;
  readonly stale: number;
  /** Repeated keys that the split left out. */
  readonly duplicateKeys: number;
  /** Settled per second, over the last seconds; undefined before anything is known. */
  readonly perSecond: number | undefined;
  /** Of attempts, in ms. */
  readonly durations:
    | { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number }
    | undefined;
  /** Worker time so far, in seconds. */
  readonly seconds: number;
  /** What those that run have said of themselves, at most 64 of them; number -1 is the body of the step, or the split. */
  readonly progress: readonly Progress[];
  readonly failures: readonly FailureGroup[];
  /** Of a body or a split that has failed: what it threw last, and where. */
  readonly error?: Failure;
  /** What people have changed of the step's concurrency and rate (null: no limit) and tolerance. */
  readonly adjusted?: Adjusted;
  /** Of a fan-out that runs: the limits under which it is put into the queue, its own, its job's and those that jobs share. */
  readonly limits: readonly LimitStatus[];
  /** What the folds say so far. */
  readonly value: Json | undefined;
};

/** How a run stands, as far as it is committed. */
export type Status = {
  readonly run: string;
  readonly flow: string;
  readonly state: RunState;
  readonly customer: string | undefined;
  readonly priority: Priority;
  readonly tags: Readonly<Record<string, string>>;
  /** The step it is at; undefined before it has begun and when it has ended. */
  readonly step: string | undefined;
  /** Of that step's sub-jobs (of the last fan-out's when the run ended). */
  readonly done: number;
  readonly failed: number;
  readonly total: number | undefined;
  readonly steps: readonly StepStatus[];
  /** Of one that waits: when it is to begin. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly deadlineAt: number | undefined;
  /** The deadline that has passed; when the forecast was first found beyond it. */
  readonly lateAt?: number;
  readonly riskAt?: number;
  /** When the fan-out that runs will be through, at the pace of the last seconds; not there before 30 are settled. */
  readonly forecastAt?: number;
  /** Why it is held, failed or was cancelled. */
  readonly because: string | undefined;
  /** What people have paused, as far as it keeps the run from going on where it is. */
  readonly paused: readonly Pause[];
  /** The offset up to which (exclusive) this is known, and the log's time there. */
  readonly asOf: number;
  readonly at: number;
};

/** Everything about one attempt of a sub-job. */
export type AttemptRecord = {
  readonly attempt: number;
  readonly outcome: string;
  readonly at: number;
  readonly ms: number | undefined;
  readonly error:
    | { readonly name: string; readonly message: string; readonly at?: string }
    | undefined;
};

/** A redrive with another input. */
export type EditRecord = {
  readonly at: number;
  readonly author: string | undefined;
  readonly reason: string | undefined;
  /** What the input was until then. */
  readonly before: Json;
};

/** All there is to know of one sub-job: input, attempts, errors, result. */
export type SubJobRecord = {
  readonly run: string;
  readonly step: string;
  readonly key: string;
  readonly index: number;
  readonly state: string;
  /** As it is now. */
  readonly input: Json;
  /** What people have corrected of it, oldest first. */
  readonly edits: readonly EditRecord[];
  readonly result: Json | undefined;
  /** Of one that runs: what it has said of itself. */
  readonly progress: Progress | undefined;
  /** Of one that is retried: when it may go again. */
  readonly dueAt: number | undefined;
  /** Oldest first. */
  readonly attempts: readonly AttemptRecord[];
};

/** A sub-job among all of its step. */
export type ExportedSubJob = {
  readonly index: number;
  readonly key: string;
  readonly state: string;
  readonly input: Json;
  /** Of its last attempt; undefined before there was one, and where the job returned nothing. */
  readonly result: Json | undefined;
  /** 0 before the first has ended. */
  readonly attempts: number;
  readonly at: number | undefined;
  readonly ms: number | undefined;
  readonly error: AttemptRecord["error"];
};

/** The rate is taken over at least this many seconds of the log's time, and at most the last ten. */
const rateSeconds = 10;

/** What people have paused, and what was told to come back later. */
export type Stops = { readonly pauses: Pauses; readonly holds: Holds };

/** What is committed, as a person reads it. `plan` is known where the program has the flow; without it, folds have no value yet. */
export function statusOf(
  run: StoredRun,
  steps: readonly (StoredStep | undefined)[],
  plan: FlowPlan | undefined,
  { pauses, holds }: Stops,
  asOf: { readonly offset: number; readonly at: number },
): Status {
  const all = run.steps.map((name, position) => {
    const step = steps[position];
    const stepPlan = plan?.steps.find((one) => one.name === name);
    if (step === undefined) return notBegun(name, stepPlan?.kind ?? "step");
    if (step.kind === "step") return plainStatus(step);
    return fanOutStatus(step, stepPlan?.kind === "fan-out" ? stepPlan : undefined, holds, asOf.at);
  });
  const current = all[run.at];
  const shown =
    current?.kind === "fan-out"
      ? current
      : all.findLast((step) => step.kind === "fan-out" && step.startedAt !== undefined);
  return {
    run: run.run,
    flow: run.flow,
    state: run.state,
    customer: run.customer,
    priority: run.priority,
    tags: run.tags ?? {},
    step: ["waiting", "done", "cancelled"].includes(run.state) ? undefined : current?.name,
    done: (shown?.ok ?? 0) + (shown?.skipped ?? 0),
    failed: shown?.failed ?? 0,
    total: shown?.total,
    steps: all,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    deadlineAt: run.deadlineAt,
    ...optional("lateAt", run.lateAt),
    ...optional("riskAt", run.riskAt),
    ...optional("forecastAt", forecast(run, steps[run.at], asOf.at)),
    because: run.because,
    paused: pausedAt(run, plan, steps[run.at], pauses),
    asOf: asOf.offset,
    at: asOf.at,
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- the key is K
}

function forecast(run: StoredRun, step: StoredStep | undefined, at: number): number | undefined {
  if (run.state !== "running" || step?.kind !== "fan-out") return undefined;
  const { counts, recent, serviceMs, size } = step;
  const open = [ledger.waiting, ledger.inFlight, ledger.retrying].reduce(
    (sum, state) => sum + (counts[state] ?? 0),
    0,
  );
  const settled = size - open;
  return forecastAt({ open, settled, recent, serviceMs, isEstimated: false, slots: 0 }, at);
}

function pausedAt(
  run: StoredRun,
  plan: FlowPlan | undefined,
  step: StoredStep | undefined,
  { all }: Pauses,
): readonly Pause[] {
  const name = run.steps[run.at];
  if (run.endedAt !== undefined || name === undefined) return [];
  const { run: id, flow, customer } = run;
  const about = plan?.steps.find((one) => one.name === name);
  if (about === undefined) return pausesAt(all, { run: id, flow, customer, step: name, queue: "" });
  return pausesOf(all, { id, flow, customer }, about, step?.single.state === "ok");
}

const nothing = {
  total: undefined,
  size: 0,
  waiting: 0,
  inFlight: 0,
  retrying: 0,
  ok: 0,
  failed: 0,
  timedOut: 0,
  poison: 0,
  skipped: 0,
  cancelled: 0,
  late: 0,
  duplicate: 0,
  stale: 0,
  duplicateKeys: 0,
  perSecond: undefined,
  durations: undefined,
  seconds: 0,
  progress: [],
  failures: [],
  limits: [],
  value: undefined,
} as const;

function notBegun(name: string, kind: "step" | "fan-out"): StepStatus {
  return {
    name,
    kind,
    state: "waiting",
    generation: 1,
    startedAt: undefined,
    endedAt: undefined,
    ...nothing,
  };
}

/** What steps of both kinds say. */
function headOf(step: StoredStep) {
  return {
    name: step.name,
    kind: step.kind,
    state: step.state,
    generation: step.generation,
    startedAt: step.startedAt,
    endedAt: step.endedAt,
    ...optional("lateAt", step.lateAt),
    ...optional("riskAt", step.riskAt),
    ...optional("error", wholeFailure(step)),
    late: step.late,
    stale: step.stale,
    progress: step.progress ?? [],
  };
}

function plainStatus(step: StoredStep): StepStatus {
  return {
    ...nothing,
    ...headOf(step),
    size: 1,
    waiting: step.state === "waiting" ? 1 : 0,
    inFlight: step.single.state === "in-flight" ? 1 : 0,
    retrying: step.single.state === "retrying" ? 1 : 0,
    ok: step.single.state === "ok" ? 1 : 0,
    failed: step.single.state === "failed" ? 1 : 0,
    failures: failureGroups(step),
  };
}

/** Of a body, and of a split that is given up on. */
function wholeFailure({ kind, state, single }: StoredStep): Failure | undefined {
  if (state === "done" || (kind === "fan-out" && single.state !== "failed")) return undefined;
  return single.error;
}

/** Of sub-jobs that are given up on, and of a body or a split that has failed: that group has no keys. */
export function failureGroups(step: StoredStep): readonly FailureGroup[] {
  const { attempts } = step.single;
  const ofSubJobs = step.kind === "fan-out" ? step.groups.filter(({ count }) => count > 0) : [];
  const error = wholeFailure(step);
  if (error === undefined) return ofSubJobs;
  const whole = { signature: signatureOf(error), message: error.message, keys: [], attempts };
  return [...ofSubJobs, { ...whole, count: step.kind === "fan-out" ? 1 : attempts }];
}

function fanOutStatus(
  step: StoredFanOut,
  plan: FanOutPlan | undefined,
  holds: Holds,
  at: number,
): StepStatus {
  const { folds } = plan ?? {};
  const of = (state: number): number => step.counts[state] ?? 0;
  const fits = folds !== undefined && step.folds !== undefined && foldsFit(folds, step.folds);
  return {
    ...headOf(step),
    total: step.total,
    size: step.size,
    waiting: of(ledger.waiting),
    inFlight: of(ledger.inFlight),
    retrying: of(ledger.retrying),
    ok: of(ledger.ok),
    failed: of(ledger.failed) + of(ledger.timedOut) + of(ledger.poison),
    timedOut: of(ledger.timedOut),
    poison: of(ledger.poison),
    skipped: of(ledger.skipped),
    cancelled: of(ledger.cancelled),
    duplicate: step.duplicate,
    duplicateKeys: step.duplicateKeys,
    perSecond: rate(step, at),
    durations: durations(step),
    seconds: Math.round(step.tookUs / 1_000) / 1_000,
    failures: failureGroups(step),
    ...(step.adjusted === undefined ? {} : { adjusted: step.adjusted }),
    limits:
      plan === undefined || step.state !== "running"
        ? []
        : [
            ...stepLimits(plan, step.adjusted, of(ledger.inFlight)),
            ...jobLimits(plan.job, holds, at),
          ],
    value:
      fits && step.folds !== undefined
        ? redacted(foldsValue(folds, step.folds), plan?.job.redact)
        : undefined,
  };
}

function rate({ recent, startedAt = 0, endedAt }: StoredFanOut, at: number): number | undefined {
  if (recent.length === 0) return undefined;
  const until = endedAt ?? at;
  const since = Math.max(until - rateSeconds * 1_000, startedAt);
  let settled = 0;
  for (let n = 0; n + 1 < recent.length; n += 2)
    if (((recent[n] ?? 0) + 1) * 1_000 > since) settled += recent[n + 1] ?? 0;
  return settled / Math.max(0.001, (until - since) / 1_000);
}

function durations({ took }: StoredFanOut): StepStatus["durations"] {
  if (countOf(took) === 0) return undefined;
  const ms = (q: number): number => (percentile(took, q) ?? 0) / 1_000;
  return { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), max: ms(1) };
}
