/**
 * Runs that wait to begin: for their time, or for room.
 *
 * What waits is a run without steps and one entry in the heap of timers, so that a hundred thousand of them cost little more
 * than their inputs. Jobs sent by themselves begin only as long as there is room for them: each that is under way has a
 * ledger, and more at once than the window can hold would be of use to nobody.
 */
import { beginRun } from "./advance.ts";
import type { Recorded } from "./event.ts";
import * as fifos from "./fifo.ts";
import { guarded } from "./halt.ts";
import { limits } from "./limits.ts";
import { endOfScheduled } from "./scheduling.ts";
import { isSent, type Run } from "./run.ts";
import type { Decided, Partition } from "./state.ts";

/** Whether the run may begin: those that were due before it go first. */
export function hasRoom(state: Partition, run: Run): boolean {
  const { underWay, line } = state.sent;
  return !isSent(run) || (underWay.size < limits.sentAtOnce && fifos.size(line) === 0);
}

/** Its time has come: it begins, or stands in line. */
export function beginDue(state: Partition, run: Run, event: Recorded, decided: Decided): void {
  if (hasRoom(state, run)) beginRun(state, run, event, decided);
  else fifos.push(state.sent.line, run.id);
}

/** Sees to what runs leave behind that have ended, from this place in what was decided on; returns the place after it. */
export function followEnds(
  state: Partition,
  event: Recorded,
  decided: Decided,
  from: number,
): number {
  for (let n = from; n < decided.events.length; n += 1) {
    const one = decided.events[n];
    if (one?.type !== "run.ended") continue;
    if (state.sent.underWay.delete(one.run)) beginNext(state, event, decided);
    endOfScheduled(state, one.run, decided);
  }
  return decided.events.length;
}

function beginNext(state: Partition, event: Recorded, decided: Decided): void {
  const { underWay, line } = state.sent;
  while (underWay.size < limits.sentAtOnce) {
    const id = fifos.shift(line);
    if (id === undefined) return;
    const run = state.runs.get(id);
    if (run?.state === "waiting")
      guarded(state, id, event, decided, () => beginRun(state, run, event, decided));
  }
}
