/** Pause and resume: what follows when people stop a run, a step, or something everywhere, and when they let it go on. */
import { issueMain } from "./advance.ts";
import type { InputEvent, Recorded } from "./event.ts";
import { guarded } from "./halt.ts";
import { limits } from "./limits.ts";
import { addPause, isEverywhere, pauseKey, removePause, type Pause } from "./pauses.ts";
import { isEnded, positionOf, stepAt, type Run } from "./run.ts";
import { isPaused, poolOf, type Decided, type Partition } from "./state.ts";
import { offer } from "./window.ts";

type Asked = Recorded & Extract<InputEvent, { readonly type: "pause.asked" | "resume.asked" }>;
type AskedOfAll = Recorded &
  Extract<InputEvent, { readonly type: "pause-all.asked" | "resume-all.asked" }>;

/** Pauses or resumes a run or one of its steps. Returns 1, or why it did nothing. */
export function pauseRun(
  state: Partition,
  run: Run,
  event: Asked,
  decided: Decided,
): number | string {
  if (isEnded(run)) return `run "${run.id}" has ended: it is ${run.state}`;
  const { step } = event;
  if (step !== undefined) {
    const position = positionOf(run, step);
    if (position === -1) return `run "${run.id}" has no step "${step}"`;
    if (position < run.at && event.type === "pause.asked") return `step "${step}" is over`;
  }
  const what =
    step === undefined
      ? ({ of: "run", name: run.id } as const)
      : ({ of: "step", name: `${run.id}/${step}` } as const);
  const refused =
    event.type === "pause.asked"
      ? addPause(state.pauses, pauseOf(what, event))
      : removePause(state.pauses, what);
  if (refused !== undefined) return refused;
  state.changed.pauses = true;
  apply(state, run, event, decided);
  return 1;
}

/** Pauses or resumes something in all partitions: the first decides, and keeps the answer. */
export function obeyForAll(state: Partition, event: AskedOfAll, decided: Decided): void {
  const { pauses } = state;
  const { request } = event;
  if (state.partition !== 0 || pauses.answers.some((answer) => answer.request === request)) return;
  const what = { of: event.of, name: event.name };
  const refused =
    event.type === "pause-all.asked"
      ? addPause(pauses, pauseOf(what, event))
      : removePause(pauses, what);
  pauses.answers.push(
    refused === undefined ? { request, matched: 1 } : { request, matched: 0, refused },
  );
  if (pauses.answers.length > limits.answers) pauses.answers.shift();
  state.changed.pauses = true;
  if (refused !== undefined) return;
  pauses.version = event.offset + 1;
  applyToAll(state, event, decided);
}

/** Takes over what the first partition has decided. What is older than what is known changes nothing. */
export function adoptPauses(
  state: Partition,
  event: Recorded & { type: "pauses.told" },
  decided: Decided,
): void {
  const { pauses } = state;
  if (event.version <= pauses.version) return;
  pauses.version = event.version;
  for (const [key, pause] of pauses.all) if (isEverywhere(pause)) pauses.all.delete(key);
  for (const pause of event.pauses) pauses.all.set(pauseKey(pause), pause);
  state.changed.pauses = true;
  applyToAll(state, event, decided);
}

function pauseOf(
  what: Pick<Pause, "of" | "name">,
  { at, author, reason }: Asked | AskedOfAll,
): Pause {
  return {
    ...what,
    at,
    ...(author === undefined ? {} : { author }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function applyToAll(state: Partition, event: Recorded, decided: Decided): void {
  for (const run of state.runs.values())
    guarded(state, run.id, event, decided, () => apply(state, run, event, decided));
}

/** Lanes leave the window or come back to it, and the one task of the step is put that could not be. */
function apply(state: Partition, run: Run, event: Recorded, decided: Decided): void {
  for (const [position, lane] of run.lanes.entries())
    if (lane !== undefined) lane.paused = isPaused(state, run, position);
  if (isEnded(run) || run.halted) return; // A redrive may take it up again, and offers its lanes.
  for (const lane of run.lanes) if (lane !== undefined) offer(poolOf(state, lane.queue), lane);
  if (run.at >= run.steps.length) return;
  const { step } = stepAt(run, run.at);
  if (step.state === "running" && step.main.state === "waiting")
    issueMain(state, run, run.at, event, decided);
}
