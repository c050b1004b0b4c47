/** What of a fan-out goes into the queue next, and what comes back from it without an outcome: slices, retries, the sweep. */
import type { Recorded } from "./event.ts";
import { lose, queue, type FanOut, type Issued } from "./fan-out.ts";
import * as fifos from "./fifo.ts";
import type { Fifo } from "./fifo.ts";
import * as heaps from "./heap.ts";
import { lookAgain } from "./limit-keys.ts";
import * as ledgers from "./ledger.ts";
import { firstFrom } from "./sorted.ts";
import type { Again, SliceTask } from "./task.ts";

/** The part of a task that says which sub-jobs. */
export type Slice = Pick<SliceTask, "from" | "count" | "again" | "pages">;

/** Time has passed: retries whose time has come may go. */
export function wake(step: FanOut, at: number): void {
  for (
    let due = heaps.peek(step.retries);
    due !== undefined && due.at <= at;
    due = heaps.peek(step.retries)
  ) {
    heaps.pop(step.retries);
    const index = due.value;
    const counts = ledgers.stateOf(step.ledger, index) === ledgers.retrying;
    if (!counts || ledgers.dueAtOf(step.ledger, index) !== due.at) continue;
    ledgers.move(step.ledger, index, ledgers.waiting);
    queue(step, index);
  }
}

/** Slices that have been out for longer than any attempt may take were lost by the queue: they are issued again. */
export function sweep(step: FanOut, patienceMs: number, event: Recorded): void {
  for (let first = fifos.peek(step.issued); first !== undefined; first = fifos.peek(step.issued)) {
    if (first.at + patienceMs > event.at) break;
    fifos.shift(step.issued);
    const before = ledgers.count(step.ledger, ledgers.inFlight);
    lose(step, first.triples, "queue", event);
    step.swept += before - ledgers.count(step.ledger, ledgers.inFlight);
  }
}

/**
 * Makes the lists from the ledger, in order of index: they say nothing that its pages do not. What is in flight counts as put into
 * the queue at `at`.
 */
export function relist(step: FanOut, at: number): void {
  const { ledger } = step;
  fifos.clear(step.again);
  fifos.clear(step.suspects);
  fifos.clear(step.issued);
  lookAgain(step.keyed, step.next);
  ledgers.forEachIn(ledger, ledgers.isOpen, (index, state) => {
    if (state === ledgers.retrying) heaps.push(step.retries, ledgers.dueAtOf(ledger, index), index);
    else if (state === ledgers.inFlight) {
      fifos.push(step.issued, { at, triples: [index, 1, ledgers.issueOf(ledger, index)] });
      if (ledgers.isSuspect(ledger, index)) step.suspectInFlight = index;
    } else if (index < step.next || ledgers.issueOf(ledger, index) > 1) queue(step, index);
  });
}

/** When it wants to be told the time next. */
export function wakeAt(step: FanOut, patienceMs: number): number | undefined {
  let first = fifos.peek(step.issued);
  for (; first !== undefined && isDone(step, first); first = fifos.peek(step.issued))
    fifos.shift(step.issued);
  const sweepAt = first === undefined ? Infinity : first.at + patienceMs;
  const at = Math.min(heaps.peek(step.retries)?.at ?? Infinity, sweepAt);
  return at === Infinity ? undefined : at;
}

function isDone(step: FanOut, issued: Issued): boolean {
  for (let t = 0; t + 2 < issued.triples.length; t += 3) {
    const from = issued.triples[t] ?? 0;
    for (let index = from; index < from + (issued.triples[t + 1] ?? 0); index += 1)
      if (ledgers.stateOf(step.ledger, index) === ledgers.inFlight) return false;
  }
  return true;
}

/** Something may be put into the queue now. */
export function hasWork(step: FanOut): boolean {
  if (step.state !== "running") return false;
  const suspect = fifos.size(step.suspects) > 0 && suspectIsFree(step);
  return suspect || fifos.size(step.again) > 0 || step.next < step.ledger.size;
}

export function suspectIsFree(step: FanOut): boolean {
  const index = step.suspectInFlight;
  return index === undefined || ledgers.stateOf(step.ledger, index) !== ledgers.inFlight;
}

/** Takes at most `max` waiting sub-jobs and puts them in flight: what was tried before first, then what comes next. */
export function takeSlice(step: FanOut, max: number, at: number): Slice | undefined {
  const { ledger } = step;
  if (fifos.size(step.suspects) > 0 && suspectIsFree(step)) {
    const suspect = takeAgain(step, step.suspects, 1, at);
    step.suspectInFlight = suspect?.from;
    if (suspect !== undefined) return suspect;
  }
  const tried = takeAgain(step, step.again, max, at);
  if (tried !== undefined) return tried;
  // A late success may have settled an index that was never issued since a restart; such a range is cut short.
  while (step.next < ledger.size && ledgers.stateOf(ledger, step.next) !== ledgers.waiting)
    step.next += 1;
  const from = step.next;
  const end = Math.min(ledger.size, from + max);
  let to = from;
  while (to < end && ledgers.stateOf(ledger, to) === ledgers.waiting) to += 1;
  if (to === from) return undefined;
  ledgers.moveRange(ledger, from, to - from, ledgers.waiting, ledgers.inFlight);
  step.next = to;
  fifos.push(step.issued, { at, triples: [from, to - from, 1] });
  step.issuedAt = at;
  return { from, count: to - from, pages: pagesFor(step, from, to) };
}

function takeAgain(step: FanOut, list: Fifo<number>, max: number, at: number): Slice | undefined {
  const { ledger } = step;
  const taken: number[] = [];
  while (taken.length < max) {
    const index = fifos.shift(list);
    if (index === undefined) break;
    if (ledgers.stateOf(ledger, index) !== ledgers.waiting) continue;
    ledgers.move(ledger, index, ledgers.inFlight);
    taken.push(index);
  }
  return taken.length === 0 ? undefined : sliceOf(step, taken, at);
}

/** A slice of these, which have been moved. */
export function sliceOf(step: FanOut, taken: readonly number[], at: number): Slice {
  const { ledger } = step;
  const [first = 0] = taken;
  const again = taken.map((index): Again => {
    const previous = ledgers.outcomeOffset(ledger, index);
    const edited = step.edits?.latest.get(index)?.offset;
    return {
      index,
      issue: ledgers.issueOf(ledger, index),
      attempt: ledgers.attemptsOf(ledger, index) + 1,
      ...(previous === undefined ? {} : { previous }),
      ...(edited === undefined ? {} : { edited }),
    };
  });
  step.issuedAt = at;
  fifos.push(step.issued, { at, triples: again.flatMap((one) => [one.index, 1, one.issue]) });
  const pages = new Map<number, number>();
  for (const index of taken.toSorted((a, b) => a - b)) {
    const [start = 0, offset = 0] = pagesFor(step, index, index + 1);
    pages.set(start, offset);
  }
  return { from: first, count: taken.length, again, pages: [...pages].flat() };
}

/** The pages that hold the items [from, to): first index and offset, alternating. */
function pagesFor(step: FanOut, from: number, to: number): number[] {
  const starts = step.pages.from;
  const first = Math.max(0, firstFrom(starts, (start) => start <= from) - 1);
  const pages: number[] = [];
  for (let n = first; n < starts.length && (starts[n] ?? 0) < to; n += 1)
    pages.push(starts[n] ?? 0, step.pages.offset[n] ?? 0);
  return pages;
}
