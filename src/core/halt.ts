/**
 * A run that stands still until somebody decides: a bug of ours, or folds that changed, must stop one run and no other (G18).
 *
 * What a decision changed before it failed cannot be taken back: others may have seen it. But each change of one sub-job is whole,
 * so the ledger's pages are right, and all else is made from them again: the counts, the lists, the room in the window. From then
 * on the run obeys a redrive, which tries again, and a cancel. What comes meanwhile is counted and passed over, and is
 * run again after the redrive.
 */
import { assert } from "../errors.ts";
import type { Recorded } from "./event.ts";
import { loseAll } from "./fan-out.ts";
import { countKeys } from "./keyed.ts";
import * as ledgers from "./ledger.ts";
import { isEnded, type Run } from "./run.ts";
import { relist } from "./slices.ts";
import { keyedOf, poolOf, throttlesOf, type Decided, type Partition } from "./state.ts";

/** Decides on one run, and halts it where that throws. */
export function guarded(
  state: Partition,
  id: string,
  event: Recorded,
  decided: Decided,
  decideOnRun: () => void,
): void {
  try {
    decideOnRun();
  } catch (thrown) {
    const said = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    const what = `fanfold failed on ${event.type} at offset ${event.offset}: ${said}`;
    const run = state.runs.get(id);
    assert(run !== undefined, what);
    halt(state, run, `${what}; redrive tries again, cancel ends the run`, event, decided);
    if (event.type === "cancel.asked" && !isEnded(run)) end(run, event, decided);
  }
}

/** Stops the run where it is. What it has in the queue no longer counts, except that nothing is done twice that succeeded. */
export function halt(
  state: Partition,
  run: Run,
  because: string,
  event: Recorded,
  decided: Decided,
): void {
  if (isEnded(run)) return;
  run.halted = true;
  run.state = "held";
  run.because = because;
  state.changed.runs.add(run);
  for (const step of run.steps) {
    if (step.startedAt === undefined) continue;
    if (step.state === "running") step.state = "held";
    state.changed.steps.set(step, run);
    if (step.kind !== "fan-out") continue;
    ledgers.recount(step.ledger);
    loseAll(step, "queue", event);
    relist(step, event.at);
  }
  countInFlight(state);
  const step = run.steps[run.at]?.name ?? "";
  decided.events.push({ type: "run.held", run: run.id, step, because });
}

/** A cancel that failed is a cancel all the same. */
function end(run: Run, event: Recorded, decided: Decided): void {
  run.state = "cancelled";
  run.endedAt = event.at;
  for (const step of run.steps) if (step.state === "held") step.state = "cancelled";
  decided.events.push({ type: "run.ended", run: run.id, state: "cancelled" });
}

function countInFlight(state: Partition): void {
  for (const pool of state.pools.values()) pool.inFlight = 0;
  for (const throttle of state.throttles.values()) throttle.inFlight = 0;
  for (const { keys } of state.keyed.values()) for (const key of keys.values()) key.inFlight = 0;
  for (const run of state.runs.values())
    for (const [position, step] of run.steps.entries()) {
      const plan = run.plan.steps[position];
      if (isEnded(run) || step.kind !== "fan-out" || plan?.kind !== "fan-out") continue;
      const flying = ledgers.count(step.ledger, ledgers.inFlight);
      poolOf(state, plan.job.queue).inFlight += flying;
      const limit = keyedOf(state, plan.job);
      if (limit !== undefined) countKeys(step, limit);
      for (const throttle of throttlesOf(state, run, position)) throttle.inFlight += flying;
    }
}
