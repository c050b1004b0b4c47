/** How a run goes on: from step to step, into a hold and out of it, to its end. Each function does one such move. */
import { countedOf, keepTold } from "./counted.ts";
import type { OutputEvent, Priority, Recorded } from "./event.ts";
import * as fanOuts from "./fan-out.ts";
import { concurrencyOf, type FanOut } from "./fan-out.ts";
import { foldsProblem } from "./fold.ts";
import { halt } from "./halt.ts";
import { beyondTolerance, failureOf, joined, toleranceOf } from "./join.ts";
import { watch } from "./keyed.ts";
import * as ledgers from "./ledger.ts";
import { limits } from "./limits.ts";
import { forgetPausesOf } from "./pauses.ts";
import type { FanOutPlan, StepPlan } from "./plan.ts";
import { isSent, newStep, stepAt, type Run, type Step } from "./run.ts";
import { splitSent } from "./sent.ts";
import { issueSingle, resetSingle } from "./single.ts";
import type { StepTask } from "./task.ts";
import {
  arm,
  forgetPace,
  isMainPaused,
  isPaused,
  keyedOf,
  poolOf,
  throttlesOf,
  watchRun,
  type Decided,
  type Partition,
} from "./state.ts";
import { offer, type Lane } from "./window.ts";

/** Begins the run: now, whenever it was asked for. */
export function beginRun(state: Partition, run: Run, event: Recorded, decided: Decided): void {
  run.state = "running";
  run.startedAt = event.at;
  run.steps = run.plan.steps.map(newStep);
  if (isSent(run)) state.sent.underWay.add(run.id);
  state.changed.runs.add(run);
  decided.events.push({ type: "run.began", ...said(run) });
  beginStep(state, run, event, decided);
}

/** What is said of a run when it is there, and when it begins. */
export function said(run: Run): Omit<Extract<OutputEvent, { readonly type: "run.began" }>, "type"> {
  return {
    run: run.id,
    flow: run.flow,
    priority: run.priority,
    ...(run.customer === undefined ? {} : { customer: run.customer }),
    ...(run.deadlineAt === undefined ? {} : { deadlineAt: run.deadlineAt }),
    ...(run.tags === undefined ? {} : { tags: run.tags }),
  };
}

/** Begins the step the run is at, or ends the run where there is none left. */
export function beginStep(state: Partition, run: Run, event: Recorded, decided: Decided): void {
  const plan = run.plan.steps[run.at];
  if (plan === undefined) return endRun(state, run, "done", undefined, event, decided);
  const { step } = stepAt(run, run.at);
  if (step.startedAt !== undefined) step.generation += 1; // It ran before: a redrive came by.
  if (step.kind === "fan-out") {
    if (step.ledger.size === 0)
      step.ledger = { ...ledgers.emptyLedger(event.offset), left: step.ledger.left };
    ledgers.unseal(step.ledger);
    step.cursor = undefined;
  }
  step.state = "running";
  step.startedAt ??= event.at;
  step.endedAt = undefined;
  resetSingle(step.main);
  state.changed.runs.add(run);
  decided.events.push({
    type: "step.began",
    run: run.id,
    step: step.name,
    generation: step.generation,
  });
  issueMain(state, run, run.at, event, decided);
  // What a generation before left open need not wait for the split.
  if (plan.kind === "fan-out") offer(poolOf(state, plan.job.queue), laneOf(state, run, run.at));
  watchRun(state, run, event.at);
}

/** Puts the one task of a step into the queue: its body, or its split. Where that is paused, it waits to be resumed. */
export function issueMain(
  state: Partition,
  run: Run,
  position: number,
  event: Recorded,
  decided: Decided,
): void {
  const { step, plan } = stepAt(run, position);
  state.changed.steps.set(step, run);
  if (isMainPaused(state, run, plan)) {
    step.main.state = "waiting";
    return;
  }
  issueSingle(step.main, event.at);
  const common = {
    ...taskOf(state, run, step, "urgent"),
    queue: plan.queue,
    issue: step.main.issue,
    attempt: step.main.attempts + 1,
    ...(step.main.trace === undefined ? {} : { after: step.main.trace }),
  };
  if (step.kind === "step") decided.tasks.push({ kind: "step", ...common });
  else if (plan.kind === "fan-out" && plan.isSent === true) splitSent(run, step, plan, decided);
  else {
    const cursor = step.cursor === undefined ? {} : { cursor: step.cursor };
    decided.tasks.push({ kind: "split", ...common, size: step.ledger.size, ...cursor });
  }
  arm(state, run, position);
}

/** What every task of a step says. */
export function taskOf(
  state: Partition,
  run: Run,
  step: Step,
  priority: Priority,
): Omit<StepTask, "kind" | "queue" | "issue" | "attempt"> {
  const { customer, deadlineAt, trace } = run;
  return {
    partition: state.partition,
    run: run.id,
    flow: run.flow,
    step: step.name,
    generation: step.generation,
    priority,
    ...(customer === undefined ? {} : { customer }),
    ...(deadlineAt === undefined ? {} : { deadlineAt }),
    ...(trace === undefined ? {} : { trace }),
  };
}

export function endRun(
  state: Partition,
  run: Run,
  how: "done" | "failed" | "cancelled",
  because: string | undefined,
  event: Recorded,
  decided: Decided,
): void {
  run.state = how;
  run.because = because;
  run.endedAt = event.at;
  run.startedAt = Math.min(run.startedAt, event.at); // It may have waited for a time that never came.
  state.changed.runs.add(run);
  if (forgetPausesOf(state.pauses, run.id)) state.changed.pauses = true;
  recall(state, run, 0, event, decided);
  for (const position of run.steps.keys()) forgetPace(state, run, position);
  decided.events.push({
    type: "run.ended",
    run: run.id,
    state: how,
    ...(because === undefined ? {} : { because }),
    counted: { flow: run.flow, startedAt: run.startedAt },
  });
}

/** From this step on, what is in the queue no longer takes room there: it waits again. Whatever succeeds all the same, counts. */
export function recall(
  state: Partition,
  run: Run,
  from: number,
  event: Recorded,
  decided: Decided,
): void {
  for (const [position, step] of run.steps.entries())
    if (position >= from && step.kind === "fan-out")
      if (ledgers.count(step.ledger, ledgers.inFlight) > 0)
        changeFanOut(state, run, position, event, decided, (_, fanOut) =>
          fanOuts.loseAll(fanOut, "queue", event),
        );
}

/** The step is over: its result is known, and the run goes on. */
export function endStep(
  state: Partition,
  run: Run,
  step: Step,
  event: Recorded,
  decided: Decided,
): void {
  finishStep(state, run, step, "done", event, decided);
  run.state = "running";
  run.because = undefined;
  run.at += 1;
  beginStep(state, run, event, decided);
}

/** Says that the step is over, and what it came to; what follows is its caller's. */
export function finishStep(
  state: Partition,
  run: Run,
  step: Step,
  how: "done" | "failed" | "cancelled",
  event: Recorded,
  decided: Decided,
): void {
  step.state = how;
  step.endedAt = event.at;
  state.changed.steps.set(step, run);
  const { plan } = stepAt(run, run.steps.indexOf(step));
  decided.events.push({
    type: "step.ended",
    run: run.id,
    step: step.name,
    generation: step.generation,
    outcome: how === "done" ? "ok" : how,
    counted: countedOf(run.flow, step, plan),
  });
}

/** The one task of a step has failed for good. */
export function failMain(
  state: Partition,
  run: Run,
  step: Step,
  plan: StepPlan,
  event: Recorded,
  decided: Decided,
): void {
  step.main.state = "failed";
  run.error = step.main.error;
  const why = step.main.error?.message ?? "failed without an error";
  if (step.kind === "fan-out" && plan.kind === "fan-out" && plan.beyond === "hold")
    return hold(state, run, step, `the split of ${step.name} failed: ${why}`, decided);
  failStep(state, run, step, `step ${step.name} failed: ${why}`, event, decided);
}

function failStep(
  state: Partition,
  run: Run,
  step: Step,
  because: string,
  event: Recorded,
  decided: Decided,
): void {
  finishStep(state, run, step, "failed", event, decided);
  if (step.kind === "fan-out") keepTold(step, event.at);
  endRun(state, run, "failed", because, event, decided);
}

function hold(state: Partition, run: Run, step: Step, because: string, decided: Decided): void {
  step.state = "held";
  run.state = "held";
  run.because = because;
  state.changed.runs.add(run);
  state.changed.steps.set(step, run);
  decided.events.push({ type: "run.held", run: run.id, step: step.name, because });
}

/** A person has done something about what it was held for: it is looked at again. */
export function resumeHeld(state: Partition, run: Run, step: FanOut, decided: Decided): void {
  step.state = "running";
  run.state = "running";
  run.because = undefined;
  state.changed.runs.add(run);
  decided.events.push({ type: "run.resumed", run: run.id, step: step.name });
}

/** A worker vanished with the one task of a step, or the queue did; at so many crashes it is given up. */
export function loseMain(
  state: Partition,
  run: Run,
  position: number,
  crashes: number,
  event: Recorded,
  decided: Decided,
  atMost: number = limits.stepCrashes,
): void {
  const { step, plan } = stepAt(run, position);
  step.main.crashes += crashes;
  if (crashes === 0 || step.main.crashes < atMost)
    return issueMain(state, run, position, event, decided);
  step.main.error = {
    name: "Poison",
    message: `its worker vanished ${step.main.crashes} times while it ran`,
  };
  failMain(state, run, step, plan, event, decided);
}

export type InFanOut = (run: Run, step: FanOut, plan: FanOutPlan) => void;

/** Changes a fan-out, and sees to all that may follow: the window's count, its lane, its timer, the join. */
export function changeFanOut(
  state: Partition,
  run: Run,
  position: number,
  event: Recorded,
  decided: Decided,
  change: InFanOut,
): void {
  const { step, plan } = stepAt(run, position);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out") return;
  const pool = poolOf(state, plan.job.queue);
  const before = ledgers.count(step.ledger, ledgers.inFlight);
  change(run, step, plan);
  const more = ledgers.count(step.ledger, ledgers.inFlight) - before;
  pool.inFlight += more;
  const lane = laneOf(state, run, position);
  for (const throttle of lane.throttles) throttle.inFlight += more;
  if (step.serviceMs !== undefined) pool.services.set(plan.job.name, step.serviceMs);
  state.changed.steps.set(step, run);
  offer(pool, lane);
  arm(state, run, position);
  join(state, run, position, event, decided);
}

/** Goes on where a fan-out is sealed and settled: the one place where a join can happen. */
function join(
  state: Partition,
  run: Run,
  position: number,
  event: Recorded,
  decided: Decided,
): void {
  const { step, plan } = stepAt(run, position);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out") return;
  if (step.state !== "running" || run.at !== position || !ledgers.isSettled(step.ledger)) return;
  const problem = foldsProblem(plan.folds, step.folds);
  if (problem !== undefined) return halt(state, run, problem, event, decided);
  const beyond = beyondTolerance(step, toleranceOf(step, plan));
  if (beyond === undefined) return joinNow(state, run, step, plan, event, decided);
  if (plan.beyond === "hold") return hold(state, run, step, beyond, decided);
  failStep(state, run, step, plan.isSent === true ? failureOf(step) : beyond, event, decided);
}

/** The join itself: what the folds say becomes the result of the step. */
export function joinNow(
  state: Partition,
  run: Run,
  step: FanOut,
  plan: FanOutPlan,
  event: Recorded,
  decided: Decided,
): void {
  const result = joined(step, plan);
  run.results[step.name] = result;
  const { total, ok, failed, skipped, value } = result;
  decided.events.push({
    type: "fan-out.joined",
    run: run.id,
    step: step.name,
    generation: step.generation,
    total,
    ok,
    failed,
    skipped,
    ...(value === undefined ? {} : { value }),
  });
  endStep(state, run, step, event, decided);
}

/** The fan-out's place in the window. */
export function laneOf(state: Partition, run: Run, position: number): Lane {
  const existing = run.lanes[position];
  if (existing !== undefined) return existing;
  const { step, plan } = stepAt(run, position);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out")
    throw new TypeError("only a fan-out has a lane");
  const limit = keyedOf(state, plan.job);
  if (limit !== undefined) watch(step, limit);
  const lane: Lane = {
    run: run.id,
    position,
    customer: run.customer ?? "",
    priority: run.priority,
    queue: plan.job.queue,
    job: plan.job.name,
    concurrency: concurrencyOf(step, plan),
    step,
    active: false,
    paused: isPaused(state, run, position),
    throttles: throttlesOf(state, run, position),
    limit,
  };
  run.lanes[position] = lane;
  return lane;
}
