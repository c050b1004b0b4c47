/** How an ended run goes on: at a step that is redriven, or where it was when it was cancelled. */
import { changeFanOut, issueMain, recall } from "./advance.ts";
import { remember } from "./counted.ts";
import { cancelledAgainAt } from "./deadlines.ts";
import type { Recorded } from "./event.ts";
import * as fanOuts from "./fan-out.ts";
import { foldsProblem } from "./fold.ts";
import * as ledgers from "./ledger.ts";
import { stepAt, type Run } from "./run.ts";
import { resetSingle } from "./single.ts";
import { retireLane, watchRun, type Decided, type Partition } from "./state.ts";

/** The run stands at this step again, and the step is in a new generation; what comes after it will run again. */
export function reopen(
  state: Partition,
  run: Run,
  position: number,
  event: Recorded,
  decided: Decided,
): void {
  const { step } = stepAt(run, position);
  run.at = position;
  run.state = "running";
  run.because = undefined;
  run.error = undefined;
  run.endedAt = undefined;
  step.state = "running";
  step.generation += 1;
  step.endedAt = undefined;
  state.changed.runs.add(run);
  state.changed.steps.set(step, run);
  for (const one of run.steps.keys()) if (one >= position) retireLane(run, one); // As long as the run was over, there was no pace.
  for (const later of run.steps.slice(position + 1)) {
    later.state = "waiting";
    resetSingle(later.main);
    delete run.results[later.name];
    state.changed.steps.set(later, run);
  }
  delete run.results[step.name];
  watchRun(state, run, event.at);
  recall(state, run, position + 1, event, decided);
  decided.events.push({ type: "run.resumed", run: run.id, step: step.name });
}

/** Takes a cancel back: what it cancelled is open again, and the run goes on where it was. Returns how much was, or why it was not. */
export function takeBackCancel(
  state: Partition,
  run: Run,
  event: Recorded,
  decided: Decided,
): number | string {
  if (run.state !== "cancelled") return `run "${run.id}" is not cancelled: it is ${run.state}`;
  if (run.plan !== state.plans.get(run.flow))
    return `flow "${run.flow}" is no longer what run "${run.id}" began with: it cannot go on`;
  if (run.steps.every(({ startedAt }) => startedAt === undefined))
    return `run "${run.id}" was cancelled before it began: start it under another id`;
  const dueAt = cancelledAgainAt(run, event.at);
  if (dueAt !== undefined)
    return `run "${run.id}" would be cancelled again at once: its deadline passed at ${new Date(dueAt).toISOString()}; start it under another id`;
  const { step, plan } = stepAt(run, run.at);
  const problem =
    step.kind === "fan-out" && plan.kind === "fan-out"
      ? foldsProblem(plan.folds, step.folds)
      : undefined;
  if (problem !== undefined) return problem;
  remember(step, event.at);
  let opened = 0;
  for (const one of run.steps.slice(run.at))
    if (one.kind === "fan-out" && one.state === "cancelled") opened += fanOuts.openCancelled(one);
  run.halted = false;
  reopen(state, run, run.at, event, decided);
  // Of a split that was not over, the rest is still to come.
  const isWhole = step.kind === "fan-out" && step.main.state === "ok";
  if (!isWhole) {
    if (step.kind === "fan-out") ledgers.unseal(step.ledger);
    resetSingle(step.main);
    issueMain(state, run, run.at, event, decided);
    opened += 1;
  }
  changeFanOut(state, run, run.at, event, decided, () => undefined);
  return opened;
}
