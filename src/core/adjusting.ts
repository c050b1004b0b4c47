/** Adjust: what people change of a run while it runs. What it changed stays with the run, over redrives and restarts. */
import { changeFanOut, laneOf, resumeHeld } from "./advance.ts";
import type { InputEvent, Recorded } from "./event.ts";
import { concurrencyOf, type FanOut } from "./fan-out.ts";
import { beyondTolerance, toleranceOf } from "./join.ts";
import { isEnded, positionOf, stepAt, type Run } from "./run.ts";
import { poolOf, retireLane, setPace, watchRun, type Decided, type Partition } from "./state.ts";
import { offer } from "./window.ts";

type Asked = Recorded & Extract<InputEvent, { readonly type: "adjust.asked" }>;

/** Takes it over, at once. Returns 1, or why it did nothing. */
export function adjust(
  state: Partition,
  run: Run,
  event: Asked,
  decided: Decided,
): number | string {
  if (isEnded(run)) return `run "${run.id}" has ended: it is ${run.state}`;
  const { to } = event;
  const isOfStep =
    to.concurrency !== undefined || to.tolerate !== undefined || to.rate !== undefined;
  const isOfRun = to.priority !== undefined || to.deadlineAt !== undefined;
  if (!isOfStep && !isOfRun) return "there is nothing to adjust: say what";
  const position = isOfStep ? fanOutFor(run, event.step) : -1;
  if (typeof position === "string") return position;
  if (isOfRun) adjustRun(state, run, event, decided);
  if (isOfStep) adjustStep(state, run, position, event, decided);
  return 1;
}

/** The fan-out that is meant: the one named, or else the one the run is at or comes to next. */
function fanOutFor(run: Run, name: string | undefined): number | string {
  if (name === undefined) {
    const next = run.steps.findIndex(
      ({ kind }, position) => position >= run.at && kind === "fan-out",
    );
    return next === -1 ? `run "${run.id}" comes to no fan-out any more` : next;
  }
  const position = positionOf(run, name);
  if (position === -1) return `run "${run.id}" has no step "${name}"`;
  if (position < run.at) return `step "${name}" is over`;
  return stepAt(run, position).step.kind === "fan-out"
    ? position
    : `step "${name}" is not a fan-out: it has neither concurrency nor rate nor tolerance`;
}

function adjustRun(
  state: Partition,
  run: Run,
  { at, to: { priority, deadlineAt } }: Asked,
  decided: Decided,
): void {
  if (priority !== undefined && priority !== run.priority) {
    run.priority = priority;
    for (const [position, lane] of run.lanes.entries()) {
      if (lane === undefined) continue;
      retireLane(run, position);
      offer(poolOf(state, lane.queue), laneOf(state, run, position));
    }
  }
  if (deadlineAt !== undefined && (deadlineAt ?? undefined) !== run.deadlineAt) {
    run.deadlineAt = deadlineAt ?? undefined;
    run.lateAt = undefined;
    run.riskAt = undefined;
    watchRun(state, run, at);
  }
  state.changed.runs.add(run);
  decided.events.push({
    type: "run.adjusted",
    run: run.id,
    priority: run.priority,
    ...(run.deadlineAt === undefined ? {} : { deadlineAt: run.deadlineAt }),
  });
}

function adjustStep(
  state: Partition,
  run: Run,
  position: number,
  event: Asked,
  decided: Decided,
): void {
  const { concurrency, tolerate, rate } = event.to;
  changeFanOut(state, run, position, event, decided, (_, step, plan) => {
    step.adjusted = {
      ...step.adjusted,
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(tolerate === undefined ? {} : { tolerate }),
    };
    if (rate !== undefined) setPace(state, run, position, rate);
    const lane = laneOf(state, run, position);
    lane.concurrency = concurrencyOf(step, plan);
    if (tolerate !== undefined && isHeldForFailures(run, position, step)) {
      const beyond = beyondTolerance(step, toleranceOf(step, plan));
      if (beyond === undefined) resumeHeld(state, run, step, decided);
    }
  });
}

/** Not for its split, nor because it stands still. */
function isHeldForFailures(run: Run, position: number, step: FanOut): boolean {
  return run.at === position && step.state === "held" && step.main.state === "ok";
}
