/** How people and deadlines end things early: a fan-out with what there is, a run with what it has. */
import { changeFanOut, endRun, finishStep, joinNow } from "./advance.ts";
import type { Recorded } from "./event.ts";
import * as fanOuts from "./fan-out.ts";
import * as ledgers from "./ledger.ts";
import { stepAt, type Run } from "./run.ts";
import type { Decided, Partition } from "./state.ts";

/** Joins the fan-out it is at with what there is: what is open is cancelled, what failed stays failed. Returns how many were open. */
export function closeStep(
  state: Partition,
  run: Run,
  event: Recorded,
  decided: Decided,
): number | string {
  const { step, plan } = stepAt(run, run.at);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out")
    return `step "${step.name}" is not a fan-out: nothing to fold`;
  let cancelled = 0;
  changeFanOut(state, run, run.at, event, decided, (_, fanOut) => {
    fanOut.state = "held"; // So that the join does not go by the tolerance.
    cancelled = fanOuts.cancelRest(fanOut);
  });
  if (run.state === "held")
    decided.events.push({ type: "run.resumed", run: run.id, step: step.name });
  joinNow(state, run, step, plan, event, decided);
  return cancelled;
}

/** Ends the run: what is open is cancelled. Returns how many sub-jobs were. */
export function cancelRun(
  state: Partition,
  run: Run,
  because: string,
  event: Recorded,
  decided: Decided,
): number {
  let cancelled = 0;
  for (const [position, step] of run.steps.entries()) {
    const isUnderWay = step.state === "running" || step.state === "held";
    // A redrive of an earlier step may have left some behind in a step that waits.
    const isOpen = step.kind === "fan-out" && ledgers.open(step.ledger) > 0;
    if (!isUnderWay && !isOpen) continue;
    step.state = "cancelled"; // So that nothing joins.
    step.endedAt = event.at;
    changeFanOut(state, run, position, event, decided, (_, fanOut) => {
      cancelled += fanOuts.cancelAll(fanOut, event);
    });
    if (isUnderWay) finishStep(state, run, step, "cancelled", event, decided);
  }
  endRun(state, run, "cancelled", because, event, decided);
  return cancelled;
}
