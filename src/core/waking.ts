/** What follows from time alone: deadlines, runs whose time has come, retries, and what was out for too long. */
import { changeFanOut, issueMain, loseMain } from "./advance.ts";
import { wakeDeadlines } from "./deadlines.ts";
import { beginDue } from "./delay.ts";
import type { Recorded } from "./event.ts";
import { guarded } from "./halt.ts";
import * as heaps from "./heap.ts";
import { isEnded, stepAt, type Run } from "./run.ts";
import * as slices from "./slices.ts";
import { arm, patienceMs, type Decided, type Partition } from "./state.ts";

/**
 * Does what is due at the time of this event, at most so many things, and returns how many: deadlines first, because after them
 * there may be nothing left to do.
 */
export function wake(state: Partition, event: Recorded, decided: Decided, atMost: number): number {
  let woken = wakeDeadlines(state, event, decided, atMost);
  for (
    let due = heaps.peek(state.timers);
    due !== undefined && due.at <= event.at && woken < atMost;
    due = heaps.peek(state.timers)
  ) {
    heaps.pop(state.timers);
    const run = state.runs.get(due.value.run);
    const { position } = due.value;
    if (run === undefined || run.armedAt[position] !== due.at) continue;
    run.armedAt[position] = undefined;
    woken += 1;
    if (!isEnded(run) && !run.halted)
      guarded(state, run.id, event, decided, () => wakeStep(state, run, position, event, decided));
  }
  return woken;
}

function wakeStep(
  state: Partition,
  run: Run,
  position: number,
  event: Recorded,
  decided: Decided,
): void {
  if (run.state === "waiting") return beginDue(state, run, event, decided);
  const { step, plan } = stepAt(run, position);
  const { main } = step;
  if (step.state === "running" && main.state === "retrying" && main.at <= event.at)
    issueMain(state, run, position, event, decided);
  else if (
    step.state === "running" &&
    main.state === "in-flight" &&
    main.at + patienceMs(plan.timeoutMs) <= event.at
  )
    loseMain(state, run, position, 0, event, decided);
  changeFanOut(state, run, position, event, decided, (_, fanOut, { job }) => {
    slices.wake(fanOut, event.at);
    slices.sweep(fanOut, patienceMs(job.timeoutMs), event);
  });
  arm(state, run, position);
}
