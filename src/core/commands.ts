/** What people decide: redrive, skip, release, close, cancel, reopen, adjust, pause and resume. Each is an event with an author; each is answered once per request. */
import { remember } from "./counted.ts";
import { adjust } from "./adjusting.ts";
import { edit, editCount } from "./edits.ts";
import { beginStep, changeFanOut, issueMain, resumeHeld } from "./advance.ts";
import { cancelRun, closeStep } from "./closing.ts";
import type { InputEvent, Recorded, Selection } from "./event.ts";
import * as fanOuts from "./fan-out.ts";
import { foldsProblem } from "./fold.ts";
import * as ledgers from "./ledger.ts";
import { limits } from "./limits.ts";
import { pauseRun } from "./pausing.ts";
import { inRanges } from "./ranges.ts";
import { reopen, takeBackCancel } from "./reopening.ts";
import { isEnded, positionOf, stepAt, type Run } from "./run.ts";
import { resetSingle } from "./single.ts";
import { setPace, watchRun, type Decided, type Partition } from "./state.ts";

type Command = Recorded &
  Extract<InputEvent, { readonly run: string; readonly type: `${string}.asked` }>;

/** What came of a command: how many it was about, or why it did nothing. */
type Outcome = number | string;

/** Does what was asked for, once per request, and keeps the answer with the run. */
export function obey(state: Partition, run: Run, event: Command, decided: Decided): void {
  if (run.answers.some((answer) => answer.request === event.request)) return;
  const outcome = act(state, run, event, decided);
  const answer =
    typeof outcome === "number"
      ? { request: event.request, matched: outcome }
      : { request: event.request, matched: 0, refused: outcome };
  run.answers.push(answer);
  if (run.answers.length > limits.answers) run.answers.shift();
  state.changed.runs.add(run);
}

/** What a run that stands still obeys. */
const obeyedHalted: ReadonlySet<Command["type"]> = new Set([
  "redrive.asked",
  "cancel.asked",
  "reopen.asked",
  "pause.asked",
  "resume.asked",
]);
/** What a run obeys that has not begun. */
const obeyedBefore: ReadonlySet<Command["type"]> = new Set([
  "cancel.asked",
  "pause.asked",
  "resume.asked",
]);

function act(state: Partition, run: Run, event: Command, decided: Decided): Outcome {
  if (run.state === "waiting" && !obeyedBefore.has(event.type))
    return `run "${run.id}" has not begun: it is to begin at ${new Date(run.startedAt).toISOString()}`;
  if (run.halted && !obeyedHalted.has(event.type))
    return `run "${run.id}" is held for a redrive or a cancel, nothing else`;
  switch (event.type) {
    case "redrive.asked":
      return redrive(state, run, event, decided);
    case "skip.asked":
      return skip(state, run, event, decided);
    case "release.asked":
      return release(state, run, event, decided);
    case "close.asked":
      return close(state, run, event, decided);
    case "cancel.asked":
      return cancel(state, run, event, decided);
    case "reopen.asked":
      return takeBackCancel(state, run, event, decided);
    case "adjust.asked":
      return adjust(state, run, event, decided);
    case "pause.asked":
    case "resume.asked":
      return pauseRun(state, run, event, decided);
  }
}

/** The step that a command without a step means: the one the run stands at, else the first that has failures. */
function positionFor(run: Run, { step }: Selection): number | string {
  if (step !== undefined) {
    const position = positionOf(run, step);
    return position === -1 ? `run "${run.id}" has no step "${step}"` : position;
  }
  if (run.at < run.steps.length) return run.at;
  const failed = run.steps.findIndex(
    (one) => one.kind === "fan-out" && ledgers.failures(one.ledger) > 0,
  );
  return failed === -1 ? `nothing has failed in run "${run.id}"` : failed;
}

/** Says of an index whether the selection means it. */
function selected(step: fanOuts.FanOut, where: Selection): (index: number) => boolean {
  const { signature, indices } = where;
  const group = step.groups.findIndex((one) => one.signature === signature) + 1;
  const isChosen = indices === undefined ? undefined : inRanges(indices);
  return (index) =>
    (signature === undefined || (group > 0 && ledgers.groupOf(step.ledger, index) === group)) &&
    (isChosen === undefined || isChosen(index));
}

function redrive(
  state: Partition,
  run: Run,
  event: Command & { type: "redrive.asked" },
  decided: Decided,
): Outcome {
  if (run.state === "cancelled") return `run "${run.id}" was cancelled: reopen it first`;
  if (run.plan !== state.plans.get(run.flow))
    return `flow "${run.flow}" is no longer what run "${run.id}" began with: it cannot run again`;
  if (run.halted && event.edits !== undefined)
    return `run "${run.id}" stands still: redrive it as it is first, and correct inputs after that`;
  if (run.halted) return takeUp(state, run, event, decided);
  const position = positionFor(run, event);
  if (typeof position === "string") return position;
  if (position > run.at) return `step "${event.step}" has not begun`;
  const { step } = stepAt(run, position);
  for (const reopened of run.steps.slice(position)) remember(reopened, event.at);
  const again =
    step.main.state === "failed" && event.signature === undefined && event.indices === undefined;
  if (step.kind === "step") {
    if (!again) return `step "${step.name}" has not failed`;
    reopen(state, run, position, event, decided);
    resetSingle(step.main);
    issueMain(state, run, position, event, decided);
    return 1;
  }
  const { edits = [] } = event;
  if (editCount(step.edits) + edits.length > limits.editsOfStep)
    return `step "${step.name}" has had ${editCount(step.edits)} corrected inputs: ${limits.editsOfStep} are the most`;
  if (!again && step.main.state === "failed" && step.ledger.total === undefined)
    return `the split of "${step.name}" failed: redrive the whole step first`;
  const wanted = selected(step, event);
  let matched = 0;
  changeFanOut(state, run, position, event, decided, (_, fanOut) => {
    const redriven = fanOuts.redrive(fanOut, wanted);
    edit(fanOut, redriven, event);
    matched = redriven.length;
    if (again) ledgers.unseal(fanOut.ledger);
    if (matched === 0 && !again) return;
    reopen(state, run, position, event, decided);
    if (event.rate !== undefined) setPace(state, run, position, event.rate);
  });
  if (again) {
    resetSingle(step.main);
    issueMain(state, run, position, event, decided);
  }
  return matched + (again ? 1 : 0);
}

/** A run that stood still goes on: what its ledger says is right, what was under way is put again. */
function takeUp(state: Partition, run: Run, event: Command, decided: Decided): Outcome {
  const step = run.steps[run.at];
  const plan = run.plan.steps[run.at];
  if (step?.kind === "fan-out" && plan?.kind === "fan-out") {
    const problem = foldsProblem(plan.folds, step.folds);
    if (problem !== undefined) return problem;
  }
  run.halted = false;
  run.state = "running";
  run.because = undefined;
  state.changed.runs.add(run);
  decided.events.push({ type: "run.resumed", run: run.id, step: step?.name ?? "" });
  if (step?.startedAt === undefined) beginStep(state, run, event, decided);
  else {
    step.state = "running";
    watchRun(state, run, event.at);
    if (step.main.state === "failed") resetSingle(step.main);
    if (step.kind === "step" || step.main.state !== "ok")
      issueMain(state, run, run.at, event, decided);
    changeFanOut(state, run, run.at, event, decided, () => undefined);
  }
  return 1;
}

function skip(
  state: Partition,
  run: Run,
  event: Command & { type: "skip.asked" },
  decided: Decided,
): Outcome {
  if (isEnded(run)) return `run "${run.id}" has ended: it is ${run.state}`;
  const position = positionFor(run, event);
  if (typeof position === "string") return position;
  const { step } = stepAt(run, position);
  if (step.kind === "step") return `step "${step.name}" has no sub-jobs`;
  if (position < run.at) return `step "${step.name}" is over`;
  const wanted = selected(step, event);
  let matched = 0;
  changeFanOut(state, run, position, event, decided, (_, fanOut) => {
    matched = fanOuts.skip(fanOut, wanted);
    // A step that is held for its failures is looked at again by the join; one whose split failed stays held.
    if (matched > 0 && fanOut.state === "held" && fanOut.main.state === "ok")
      resumeHeld(state, run, fanOut, decided);
  });
  return matched;
}

function release(state: Partition, run: Run, event: Command, decided: Decided): Outcome {
  if (run.state !== "held") return `run "${run.id}" is not held: it is ${run.state}`;
  return closeStep(state, run, event, decided);
}

function close(state: Partition, run: Run, event: Command, decided: Decided): Outcome {
  if (isEnded(run)) return `run "${run.id}" has ended: it is ${run.state}`;
  return closeStep(state, run, event, decided);
}

function cancel(state: Partition, run: Run, event: Command, decided: Decided): Outcome {
  if (isEnded(run)) return `run "${run.id}" has ended: it is ${run.state}`;
  return cancelRun(state, run, event.reason ?? "cancelled", event, decided);
}
