/**
 * One fan-out of one run: it grows by pages, is sealed, hands out its sub-jobs in slices, takes their outcomes and knows when it
 * is settled. What comes back from workers is in outcomes.ts; what it costs is in ledger.ts; in which order slices go is in window.ts.
 *
 * A sub-job that waits is either one that was never issued, from `next` on, or stands in one of the lists: `again` (may go
 * at once), `retries` (may go when its time has come), `suspects` (twice in the hands of a worker that vanished: these go one at a
 * time, so that the third loss names the culprit and nobody else). An index may stand in a list although it has been settled
 * meanwhile by a success that came late; the ledger decides when it is taken from the list.
 */
import type { Adjustment, Json, Recorded } from "./event.ts";
import type { Edits } from "./edits.ts";
import { countFailure, uncountFailure, type GivenUp, type Group } from "./failures.ts";
import * as fifos from "./fifo.ts";
import type { Fifo } from "./fifo.ts";
import { startFolds, type Accumulators } from "./fold.ts";
import * as heaps from "./heap.ts";
import type { Heap } from "./heap.ts";
import type { Histogram } from "./histogram.ts";
import { addKeys, lookAgain, newKeyed, type Keyed } from "./limit-keys.ts";
import type { KeyIndex } from "./key-index.ts";
import * as ledgers from "./ledger.ts";
import type { Ledger } from "./ledger.ts";
import { limits } from "./limits.ts";
import * as losses from "./losses.ts";
import type { Loss } from "./losses.ts";
import type { FanOutPlan } from "./plan.ts";
import type { Pace } from "./pace.ts";
import { anyStep, type AnyStep } from "./step.ts";

/** A slice in the queue since `at`: what the sweep looks at. */
export type Issued = { readonly at: number; readonly triples: readonly number[] };

/** Updated in place, by the manager that decides on it. */
export type FanOut = AnyStep & {
  readonly kind: "fan-out";
  /** Where the split of a source with a cursor goes on. */
  cursor: Json | undefined;
  ledger: Ledger;
  /** The first index that was never issued. */
  next: number;
  readonly again: Fifo<number>;
  readonly suspects: Fifo<number>;
  readonly retries: Heap<number>;
  /** Where the pages of items stand: index of the first item, offset of the event. */
  readonly pages: { readonly from: number[]; readonly offset: number[]; changedFrom: number };
  /** Finds a sub-job by its key; there once a page came. */
  index: KeyIndex | undefined;
  folds: Accumulators | undefined;
  readonly groups: Group[];
  duplicate: number;
  swept: number;
  duplicateKeys: number;
  /** There once something was timed. */
  took: Histogram | undefined;
  tookUs: number;
  /** Moving average of an attempt's duration in ms; undefined before anything is known. */
  serviceMs: number | undefined;
  /** Settled per second of log time, the last few: [second, count, …]. */
  recent: number[];
  readonly issued: Fifo<Issued>;
  /** When the last slice went into the queue: after a restart, all that is out counts from here. */
  issuedAt: number | undefined;
  suspectInFlight: number | undefined;
  /** The keys of its sub-jobs, where its job is limited by key. */
  keyed: Keyed | undefined;
  /** Items that people have corrected. */
  edits: Edits | undefined;
  /** What people have changed of its plan. */
  adjusted: Adjusted;
  /** How often it was tried again, by cause (counted.ts). */
  readonly retried: number[];
  /** When sub-jobs were settled, since it was told of last. */
  pace: Pace | undefined;
};

/** null: without a limit. */
export type Adjusted = Pick<Adjustment, "concurrency" | "tolerate" | "rate">;

export function newFanOut(plan: FanOutPlan, base: number): FanOut {
  return {
    kind: "fan-out",
    ...anyStep(plan.name),
    cursor: undefined,
    ledger: ledgers.emptyLedger(base),
    next: 0,
    again: fifos.fifo(),
    suspects: fifos.fifo(),
    retries: heaps.heap(),
    pages: { from: [], offset: [], changedFrom: 0 },
    index: undefined,
    folds: plan.folds === undefined ? undefined : startFolds(plan.folds),
    groups: [],
    duplicate: 0,
    swept: 0,
    duplicateKeys: 0,
    took: undefined,
    tookUs: 0,
    serviceMs: plan.job.estimateMs,
    recent: [],
    issued: fifos.fifo(),
    issuedAt: undefined,
    suspectInFlight: undefined,
    keyed: undefined,
    edits: undefined,
    adjusted: {},
    retried: [0, 0, 0, 0],
    pace: undefined,
  };
}

/** How many of it may be in flight at once. */
export function concurrencyOf({ adjusted }: FanOut, plan: FanOutPlan): number {
  const { concurrency = plan.concurrency } = adjusted;
  return concurrency ?? Infinity;
}

/** Takes in a page of the split. False: it was not the page that comes next, so it changes nothing. */
export function growBy(step: FanOut, event: Recorded & { type: "fan-out.grown" }): boolean {
  const { ledger } = step;
  const expected = step.main.state === "in-flight" && event.issue === step.main.issue;
  if (!expected || ledger.total !== undefined || event.from !== ledger.size) return false;
  ledgers.grow(ledger, event.keys.length);
  if (event.keys.length > 0) {
    step.pages.from.push(event.from);
    step.pages.offset.push(event.offset);
  }
  if (event.cursor !== undefined) step.cursor = event.cursor; // A page may be full before the source has turned its own.
  if (event.limitKeys !== undefined)
    addKeys((step.keyed ??= newKeyed(step.next)), event.from, event.limitKeys);
  step.duplicateKeys += event.duplicates;
  step.main.at = event.at; // A page is a sign of life.
  if (event.keys.length > 0 || event.cursor !== undefined) step.main.crashes = 0; // It gets on: whoever killed its worker, it was not the split.
  return true;
}

/** The split is complete. False: an older try of it says so, or it says so again. */
export function sealWith(step: FanOut, event: Recorded & { type: "fan-out.sealed" }): boolean {
  const expected = step.main.state === "in-flight" && event.issue === step.main.issue;
  if (!expected || step.ledger.total !== undefined || event.total !== step.ledger.size)
    return false;
  step.main.state = "ok";
  step.duplicateKeys += event.duplicates;
  ledgers.seal(step.ledger);
  return true;
}

/** The sub-job gets the outcome of its last attempt, and stands among the failures of its kind. */
export function giveUp(
  step: FanOut,
  index: number,
  outcome: number,
  how: Omit<GivenUp, "at">,
  { offset, at }: Pick<Recorded, "offset" | "at">,
): void {
  const group = countFailure(step.groups, { ...how, at });
  ledgers.settle(step.ledger, index, outcome, offset);
  ledgers.setGroup(step.ledger, index, group);
}

/** A worker vanished with these sub-jobs: those of which that issue still counts wait again, or on, and it counts no more. */
export function lose(step: FanOut, triples: readonly number[], why: Loss, event: Recorded): void {
  for (let t = 0; t + 2 < triples.length; t += 3) {
    const { ledger } = step;
    const from = triples[t] ?? 0;
    const end = from + (triples[t + 1] ?? 0);
    if (end > ledger.size) step.stale += 1;
    for (let index = from; index < end && end <= ledger.size; index += 1) {
      const counts = ledgers.issueOf(ledger, index) === triples[t + 2];
      if (counts && ledgers.isOpen(ledgers.stateOf(ledger, index)))
        returnToWait(step, index, why, event);
    }
  }
}

/** The queue is empty after a restart: everything in flight waits again. */
export function loseAll(step: FanOut, why: "crash" | "queue", event: Recorded): void {
  const lost: number[] = [];
  ledgers.forEachIn(
    step.ledger,
    (state) => state === ledgers.inFlight,
    (index) => lost.push(index),
  );
  for (const index of lost) returnToWait(step, index, why, event);
  fifos.clear(step.issued);
}

/** Where those stand in `retried` whose worker vanished. */
const lostCause = 3;

function returnToWait(step: FanOut, index: number, why: Loss, event: Recorded): void {
  const { ledger } = step;
  const crashes = losses.add(ledgers.lossesOf(ledger, index), why);
  if (step.suspectInFlight === index) step.suspectInFlight = undefined;
  if (losses.weight(crashes) >= limits.crashes) {
    const message = `its worker vanished ${losses.times(crashes)} times while it ran`;
    const error = { name: "Poison", message };
    const attempts = ledgers.attemptsOf(ledger, index) + losses.times(crashes);
    giveUp(step, index, ledgers.poison, { error, key: `#${index}`, attempts }, event);
    return;
  }
  if (why !== "queue") step.retried[lostCause] = (step.retried[lostCause] ?? 0) + 1;
  if (ledgers.stateOf(ledger, index) === ledgers.retrying) {
    ledgers.reissue(ledger, index, { crashes, dueAt: ledgers.dueAtOf(ledger, index) });
    return;
  }
  ledgers.move(ledger, index, ledgers.waiting);
  ledgers.reissue(ledger, index, { crashes });
  queue(step, index);
}

/** It waits, and was tried before: may go at once, in its turn. */
export function queue(step: FanOut, index: number): void {
  fifos.push(ledgers.isSuspect(step.ledger, index) ? step.suspects : step.again, index);
}

/** Opens failed sub-jobs again, in a new generation. Returns which. */
export function redrive(step: FanOut, wanted: (index: number) => boolean): readonly number[] {
  const chosen = chooseFailed(step, wanted);
  for (const index of chosen) {
    uncountFailure(step.groups, ledgers.groupOf(step.ledger, index));
    ledgers.move(step.ledger, index, ledgers.waiting);
    ledgers.reissue(step.ledger, index, { attempts: 0, crashes: 0, group: 0 });
    fifos.push(step.again, index);
  }
  return chosen;
}

/** Counts failed sub-jobs as skipped. Returns how many. */
export function skip(step: FanOut, wanted: (index: number) => boolean): number {
  const chosen = chooseFailed(step, wanted);
  for (const index of chosen) {
    uncountFailure(step.groups, ledgers.groupOf(step.ledger, index));
    ledgers.move(step.ledger, index, ledgers.skipped);
    ledgers.setGroup(step.ledger, index, 0);
  }
  return chosen.length;
}

function chooseFailed(step: FanOut, wanted: (index: number) => boolean): number[] {
  const chosen: number[] = [];
  ledgers.forEachIn(step.ledger, ledgers.isFailure, (index) => {
    if (wanted(index)) chosen.push(index);
  });
  return chosen;
}

/** Ends what is open: nothing more is issued, what is not settled is cancelled. Returns how many were. */
export function cancelRest(step: FanOut): number {
  const { ledger } = step;
  const before = ledgers.count(ledger, ledgers.cancelled);
  if (step.main.state !== "failed") step.main.state = "ok"; // As far as it came: nobody wants more of it.
  if (ledger.total === undefined) ledgers.seal(ledger);
  for (let index = 0; index < ledger.size && ledgers.open(ledger) > 0; index += 1)
    if (ledgers.isOpen(ledgers.stateOf(ledger, index)))
      ledgers.move(ledger, index, ledgers.cancelled);
  fifos.clear(step.again);
  fifos.clear(step.suspects);
  fifos.clear(step.issued);
  lookAgain(step.keyed, step.next);
  return ledgers.count(ledger, ledgers.cancelled) - before;
}

/** The same of a run that is cancelled, and may be reopened: what is out no longer counts then, and a split that is not over is not taken for one. */
export function cancelAll(step: FanOut, event: Recorded): number {
  const { state } = step.main;
  loseAll(step, "queue", event);
  const cancelled = cancelRest(step);
  if (state !== "ok" && state !== "failed") step.main.state = "waiting";
  return cancelled;
}

/** What was cancelled is open again: those that were under way in a list, the others as they would have come. Returns how many. */
export function openCancelled(step: FanOut): number {
  const { ledger, next } = step;
  const opened: number[] = [];
  ledgers.forEachIn(
    ledger,
    (state) => state === ledgers.cancelled,
    (index) => opened.push(index),
  );
  for (const index of opened) {
    ledgers.move(ledger, index, ledgers.waiting);
    if (index < next || ledgers.issueOf(ledger, index) > 1) queue(step, index);
  }
  lookAgain(step.keyed, next);
  return opened.length;
}
