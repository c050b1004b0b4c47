/** What a run, a step or a sub-job waits for: a sentence for each cause, and the command that would change it. Pure. */
import * as ledger from "../core/ledger.ts";
import type { FanOutPlan, FlowPlan, StepPlan } from "../core/plan.ts";
import { pausesOf, pauseText, type Pause } from "../core/pauses.ts";
import type { Session } from "../core/state.ts";
import type { StoredFanOut, StoredRun, StoredStep } from "../core/stored.ts";
import type { KeyStops } from "./limits.ts";
import type { SubJobRecord } from "./status.ts";
import { be, counted, said, subJobs } from "./words.ts";
import { keyCauses, slotsFor, turn } from "./turn.ts";
import { whyNotBegun } from "./why-not-begun.ts";

/** One thing that is waited for. */
export type Cause = {
  readonly cause:
    | "ended"
    | "not-begun"
    | "held"
    | "paused"
    | "unknown-flow"
    | "no-worker"
    | "split"
    | "in-flight"
    | "retry"
    | "concurrency"
    | "rate"
    | "limit"
    | "slots"
    | "step";
  /** One sentence, without its first word in capitals and without its full stop. */
  readonly because: string;
  /** When it will be over, or has been since, in epoch ms. */
  readonly at: number | undefined;
  /** Words after `fanfold` that would change it; undefined where only time does. */
  readonly command: readonly string[] | undefined;
};

/** What a run, a step or a sub-job waits for: the causes, the first to begin with. */
export type Why = {
  readonly run: string;
  readonly step: string | undefined;
  readonly key: string | undefined;
  readonly state: string;
  /** The first is the one to begin with. */
  readonly causes: readonly Cause[];
  /** The offset up to which (exclusive) this is known, and the log's time there. */
  readonly asOf: number;
  readonly at: number;
};

/** What is known when somebody asks. */
export type WhyFacts = {
  readonly run: StoredRun;
  /** Parallel to run.steps. */
  readonly steps: readonly (StoredStep | undefined)[];
  /** Where this program has the flow. */
  readonly plan: FlowPlan | undefined;
  readonly pauses: ReadonlyMap<string, Pause>;
  readonly workers: readonly Session[];
  /** Of the step that is asked about: the key of the first sub-job in flight. */
  readonly first: string | undefined;
  /** When the first of those that are retried may go; of one sub-job, when it may. */
  readonly dueAt: number | undefined;
  /** Until when the job of the step that is asked about is held, or what has the key of the sub-job: somebody it asked said so. */
  readonly held:
    | { readonly of: "job" | "key"; readonly until: number; readonly key?: string | undefined }
    | undefined;
  /** Which keys of a limit the sub-jobs of that step wait for. */
  readonly keys: KeyStops | undefined;
  readonly offset: number;
  readonly at: number;
};

export function whyRun(facts: WhyFacts): Why {
  const { run } = facts;
  const current = run.steps[run.at];
  const causes = stands(facts) ?? (current === undefined ? [] : stepCauses(facts, current));
  return answer(facts, undefined, undefined, run.state, causes);
}

export function whyStep(facts: WhyFacts, name: string): Why {
  const { run } = facts;
  const position = run.steps.indexOf(name);
  const state = facts.steps[position]?.state ?? "waiting";
  const current = run.steps[run.at];
  let causes: readonly Cause[];
  if (state === "done" || state === "failed" || state === "cancelled")
    causes = [stepEnded(run, name, state, facts.steps[position]?.endedAt)];
  else if (position === run.at) causes = stands(facts) ?? stepCauses(facts, name);
  else
    causes = stands(facts) ?? [
      {
        cause: "step",
        because: `it has not begun: it waits for step "${current}"`,
        at: undefined,
        command: ["why", `${run.run}/${current}`],
      },
    ];
  return answer(facts, name, undefined, state, causes);
}

export function whySubJob(facts: WhyFacts, record: SubJobRecord): Why {
  const { step, key, state } = record;
  const causes = isOpen(state)
    ? (stands(facts) ?? subJobCauses(facts, record))
    : [subJobEnded(record)];
  return answer(facts, step, key, state, causes);
}

function answer(
  { run, offset, at }: WhyFacts,
  step: string | undefined,
  key: string | undefined,
  state: string,
  causes: readonly Cause[],
): Why {
  return { run: run.run, step, key, state, causes, asOf: offset, at };
}

// ---- what stops all of a run

function stands(facts: WhyFacts): readonly Cause[] | undefined {
  const { run, plan } = facts;
  if (run.state === "waiting") return [whyNotBegun(facts)];
  const because = run.because === undefined ? "" : `: ${run.because}`;
  if (run.state === "held")
    return [
      {
        cause: "held",
        because: `it waits for a person${because}`,
        at: undefined,
        command: ["redrive", run.run],
      },
    ];
  if (run.endedAt !== undefined)
    return [
      {
        cause: "ended",
        because: `${ends[run.state] ?? "it is over"}${because}`,
        at: run.endedAt,
        command: run.state === "failed" ? ["redrive", run.run] : ["show", run.run],
      },
    ];
  const step = run.steps[run.at];
  if (plan?.steps.some(({ name }) => name === step) === true) return undefined;
  const what =
    plan === undefined ? `flow "${run.flow}"` : `step "${step}" of flow "${run.flow}" any more`;
  return [
    {
      cause: "unknown-flow",
      because: `this program does not know ${what}, and only one that does can go on with it`,
      at: undefined,
      command: ["worker", "--app", "…"],
    },
  ];
}

const ends: Readonly<Record<string, string>> = {
  done: "it is done",
  failed: "it has failed",
  cancelled: "it was cancelled",
};

function stepEnded(run: StoredRun, name: string, state: string, at: number | undefined): Cause {
  const again = state === "failed" ? ["redrive", run.run, "--step", name] : undefined;
  return {
    cause: "ended",
    because: ends[state] ?? "it is over",
    at,
    command: again ?? ["show", `${run.run}/${name}`],
  };
}

// ---- a step that runs

function stepCauses(facts: WhyFacts, name: string): readonly Cause[] {
  const step = facts.steps[facts.run.steps.indexOf(name)];
  const plan = facts.plan?.steps.find((one) => one.name === name);
  if (step === undefined || plan === undefined) return [];
  const isSplit = step.single.state === "ok";
  if (step.kind === "fan-out" && plan.kind === "fan-out")
    return stopped(facts, plan, isSplit, fanOutCauses(facts, step, plan));
  return step.kind === "step"
    ? stopped(facts, plan, isSplit, mainCauses(facts, step, plan, "its body"))
    : [];
}

/** What is paused comes first; then it is not for want of a slot that it waits. */
function stopped(
  { run, pauses }: WhyFacts,
  plan: StepPlan,
  isSplit: boolean,
  others: readonly Cause[],
): readonly Cause[] {
  const { run: id, flow, customer } = run;
  const about = { id, flow, customer };
  const causes = pausesOf(pauses, about, plan, isSplit).map((pause): Cause => ({
    cause: "paused",
    because: pauseText(pause),
    at: pause.at,
    command:
      pause.of === "run" || pause.of === "step"
        ? ["resume", pause.name]
        : ["resume", `--${pause.of}`, pause.name],
  }));
  if (causes.length === 0) return others;
  const wanting = new Set(["slots", "concurrency", "rate", "limit", "no-worker"]);
  return [...causes, ...others.filter(({ cause }) => !wanting.has(cause))];
}

/** The one task of a step: its body, or its split. */
function mainCauses(
  facts: WhyFacts,
  { single, name }: StoredStep,
  plan: StepPlan,
  what: string,
): readonly Cause[] {
  const attempt = `attempt ${single.attempts + 1} of ${plan.retry.attempts}`;
  if (single.state === "retrying")
    return [
      {
        cause: "retry",
        because: `${what} failed (${single.error?.message ?? "without an error"}) and is tried again: ${attempt}`,
        at: single.at,
        command: undefined,
      },
    ];
  if (single.state !== "in-flight") return [];
  if (slotsFor(facts, plan.queue).workers === 0) return [noWorker(plan.queue, `${what} waits`)];
  return [
    {
      cause: "in-flight",
      because: `${what} is in flight: ${attempt}`,
      at: single.at,
      command: ["show", `${facts.run.run}/${name}`],
    },
  ];
}

function fanOutCauses(facts: WhyFacts, step: StoredFanOut, plan: FanOutPlan): readonly Cause[] {
  const { run, first, dueAt } = facts;
  const of = (state: number): number => step.counts[state] ?? 0;
  const { queue } = plan.job;
  const flying = of(ledger.inFlight);
  const waiting = of(ledger.waiting);
  const retried = of(ledger.retrying);
  const causes: Cause[] = [];
  const isServed = slotsFor(facts, queue).workers > 0;
  if (!isServed && flying + waiting > 0)
    causes.push(noWorker(queue, `${subJobs(flying + waiting)} ${be(flying + waiting, "wait")}`));
  if (step.total === undefined) causes.push(...splitCauses(facts, step, plan));
  if (isServed && flying > 0)
    causes.push({
      cause: "in-flight",
      because: `${subJobs(flying)} ${be(flying, "are")} in flight${first === undefined ? "" : flying === 1 ? `: ${first}` : `, the first of them ${first}`}`,
      at: undefined,
      command: ["show", `${run.run}/${step.name}${first === undefined ? "" : `/${first}`}`],
    });
  if (retried > 0)
    causes.push({
      cause: "retry",
      because: `${subJobs(retried)} ${be(retried, "wait")} for ${retried === 1 ? "its" : "their"} next attempt${retried === 1 ? "" : ", the first of them"}`,
      at: dueAt,
      command: undefined,
    });
  if (!isServed) return causes;
  const stops = keyCauses(facts);
  causes.push(...stops.causes);
  const others = waiting - stops.waiting;
  if (others > 0) {
    const { because, ...cause } = turn(facts, step, plan);
    causes.push({ ...cause, because: `${subJobs(others)} ${be(others, "wait")} ${because}` });
  }
  return causes;
}

function splitCauses(facts: WhyFacts, step: StoredFanOut, plan: FanOutPlan): readonly Cause[] {
  const [cause] = mainCauses(facts, step, plan, "its split");
  if (cause?.cause !== "in-flight") return cause === undefined ? [] : [cause];
  return [
    {
      cause: "split",
      because: `its split is not over: ${subJobs(step.size)} so far`,
      at: undefined,
      command: ["close", facts.run.run, "--reason", "…"],
    },
  ];
}

// ---- one sub-job

const open: readonly string[] = ["waiting", "in-flight", "retrying"];

function isOpen(state: string): boolean {
  return open.includes(state);
}

function subJobCauses(facts: WhyFacts, record: SubJobRecord): readonly Cause[] {
  const { run, steps, plan } = facts;
  const step = steps[run.steps.indexOf(record.step)];
  const stepPlan = plan?.steps.find(({ name }) => name === record.step);
  if (step?.kind !== "fan-out" || stepPlan?.kind !== "fan-out") return [];
  const { job } = stepPlan;
  const last = record.attempts.at(-1);
  const tried = record.attempts.filter(({ outcome }) => outcome !== "retry-later").length;
  if (record.state === "retrying")
    return [
      {
        cause: "retry",
        because: `its attempt ${tried} of ${job.retry.attempts} ended (${last?.error?.message ?? last?.outcome ?? "?"}): it waits for the next`,
        at: facts.dueAt,
        command: undefined,
      },
    ];
  const [paused] = record.state === "waiting" ? stopped(facts, stepPlan, true, []) : [];
  if (paused !== undefined) return [paused];
  if (slotsFor(facts, job.queue).workers === 0) return [noWorker(job.queue, "it waits")];
  if (record.state === "in-flight")
    return [
      {
        cause: "in-flight",
        because: `it is in flight: attempt ${tried + 1} of ${job.retry.attempts}${said(record.progress)}`,
        at: undefined,
        command: ["show", `${run.run}/${record.step}/${record.key}`],
      },
    ];
  return [before(facts, step, stepPlan, record.index)];
}

/** Its turn has not come: others of its step go first. */
function before(facts: WhyFacts, step: StoredFanOut, plan: FanOutPlan, index: number): Cause {
  const ahead = Math.max(0, index - step.next);
  const { because, ...cause } = turn(facts, step, plan);
  const after = ahead === 0 ? "" : `, and ${counted(ahead, "other")} ${be(ahead, "go")} before it`;
  return { ...cause, because: `it waits ${because}${after}` };
}

function subJobEnded({ run, step, key, state, attempts }: SubJobRecord): Cause {
  const last = attempts.at(-1);
  const address = `${run}/${step}/${key}`;
  if (state !== "failed" && state !== "timed-out" && state !== "poison")
    return {
      cause: "ended",
      because: `it is ${state}`,
      at: last?.at,
      command: ["show", address, "--payload"],
    };
  return {
    cause: "ended",
    because: `it is given up on, ${state}${last?.error === undefined ? "" : `: ${last.error.message}`}`,
    at: last?.at,
    command: ["redrive", run, "--step", step, "--keys", key],
  };
}

// ---- words

function noWorker(queue: string, what: string): Cause {
  return {
    cause: "no-worker",
    because: `${what}: no worker serves queue "${queue}"`,
    at: undefined,
    command: ["worker", "--queues", queue],
  };
}
