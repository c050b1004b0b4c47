/**
 * How an ended run leaves when its retention is over: all that is kept of it, in portions, a commit each.
 *
 * A run of a million is two thousand records: to remove them in one commit would hold up all others. So the first commit says
 * that the run is leaving, and from then on nobody finds it; each takes a portion, and writes the event with which the next
 * goes on. A crash in between changes nothing: that event stands on the log.
 */
import type { InputEvent, Recorded } from "./event.ts";
import { keys } from "./ids.ts";
import { isEnded, type Run } from "./run.ts";
import type { FlowPlan } from "./plan.ts";
import { storedRun } from "./snapshot.ts";
import { patienceMs, type Decided, type Partition } from "./state.ts";
import type { StoredRun } from "./stored.ts";

/** What the store has of a run, as far as one commit is to remove it. */
export type Remains = {
  readonly run: StoredRun;
  readonly keys: readonly string[];
  /** Besides the run's own record there is nothing more. */
  readonly isAll: boolean;
};

/**
 * How long a run of the flow is kept after its end; undefined: for ever.
 *
 * At least until nothing of it can be under way any more: what comes late must find its run, and not another one of its id.
 */
export function keptMs({ retentionMs, steps }: FlowPlan): number | undefined {
  if (retentionMs === undefined) return undefined;
  const out = steps.map((step) =>
    patienceMs(
      step.kind === "step" ? step.timeoutMs : Math.max(step.timeoutMs, step.job.timeoutMs),
    ),
  );
  return Math.max(retentionMs, ...out);
}

type Expired = Recorded & { readonly type: "run.expired" };

/** Takes a portion of the run away, if its retention is over by the log's time: a run that is under way, or was begun anew, stays. */
export function expire(state: Partition, event: Expired, decided: Decided): void {
  const { run: id, flow } = event;
  const known = state.runs.get(id);
  const remains = state.remains.get(id);
  const stored = known === undefined ? remains?.run : storedRun(known);
  if (stored === undefined || (stored.isLeaving !== true && !isOver(stored, event))) return;
  state.remains.delete(id); // Who begins under this id behind it, has nothing in the store.
  const { removed } = state.changed;
  if (known !== undefined) forget(state, known);
  removed.push([keys.live(id), undefined]);
  for (const key of remains?.keys ?? []) removed.push([key, undefined]);
  if (remains === undefined || remains.isAll) {
    removed.push([keys.run(id), undefined]);
    state.leaving.delete(id);
    decided.events.push({ type: "run.removed", run: id, flow, by: event.offset });
    return;
  }
  // Its steps are named no more: they go before it does.
  const left = { ...stored, input: null, results: {}, steps: [], at: 0, answers: [] };
  removed.push([keys.run(id), JSON.stringify({ ...left, isLeaving: true } satisfies StoredRun)]);
  state.leaving.add(id);
  const { retentionMs } = event;
  decided.events.push({ type: "run.expired", run: id, flow, retentionMs });
}

/** The id is not free yet: the start waits behind the removal. */
export function startLater(
  event: Recorded & Extract<InputEvent, { readonly type: "run.started" }>,
  decided: Decided,
): void {
  const { offset: _, at: __, body: ___, ...again } = event;
  decided.events.push(again);
}

function isOver({ state, endedAt, flow }: StoredRun, event: Expired): boolean {
  return (
    isEnded({ state }) &&
    endedAt !== undefined &&
    flow === event.flow &&
    endedAt + event.retentionMs <= event.at
  );
}

/** Of a run that is in memory: what was about to be written of it is not. */
function forget(state: Partition, run: Run): void {
  const { changed } = state;
  state.runs.delete(run.id);
  changed.runs.delete(run);
  for (const step of run.steps) changed.steps.delete(step);
  changed.keys.splice(0, Infinity, ...changed.keys.filter((one) => one.run !== run));
  for (const lane of run.lanes) if (lane !== undefined) lane.paused = true;
}
