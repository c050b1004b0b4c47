/**
 * What a step knows of its sub-jobs: a state per index, and where its last outcome stands on the log.
 *
 *   { size: 3, total: undefined, counts: [waiting 1, in-flight 1, …, ok 1], pages: [{ state: [3, 1, 0, …], … }] }
 *
 * A sub-job costs one byte and an offset; only pages in which something was tried again carry more. A page that nothing has
 * touched is not there at all. Pages are updated in place: nobody outside the manager sees them, and a failed commit throws
 * all of them away.
 *
 * G1  counts add up to size.        G2  total is set by seal, once per split, and equals size.
 * G3  an outcome is final until a redrive re-opens it.
 */
import { assert } from "../errors.ts";
import * as pages from "./ledger-page.ts";
import { pageBits, pageSize, type Page } from "./ledger-page.ts";
import { limits } from "./limits.ts";
import { weight } from "./losses.ts";

/** In the order of their numbers. */
export const outcomeNames = [
  "ok",
  "failed",
  "timed-out",
  "cancelled",
  "skipped",
  "poison",
] as const;
/** The number is what is stored: never reuse one. */
export const states: readonly ["waiting", "in-flight", "retrying", ...typeof outcomeNames] = [
  "waiting",
  "in-flight",
  "retrying",
  ...outcomeNames,
];

export const waiting = 0;
export const inFlight = 1;
export const retrying = 2;
export const ok = 3;
export const failed = 4;
export const timedOut = 5;
export const cancelled = 6;
export const skipped = 7;
export const poison = 8;

const mask = pageSize - 1;

export type Ledger = {
  /** Offsets are kept relative to this one, in 32 bits. */
  readonly base: number;
  size: number;
  total: number | undefined;
  readonly counts: number[];
  readonly pages: (Page | undefined)[];
  /** Hears of each that is in flight no more; there where a limit counts by key. */
  left: ((index: number) => void) | undefined;
  /** Numbers of the pages that changed since the last snapshot. */
  readonly changed: Set<number>;
};

export function emptyLedger(base: number): Ledger {
  return {
    base,
    size: 0,
    total: undefined,
    counts: states.map(() => 0),
    pages: [],
    left: undefined,
    changed: new Set(),
  };
}

/** Room for `count` more sub-jobs, all waiting. */
export function grow(ledger: Ledger, count: number): void {
  assert(ledger.total === undefined, "a sealed ledger cannot grow");
  ledger.size += count;
  add(ledger, waiting, count);
}

/** The split is complete: the total is known. Evaluating the join before this is the bug of half the cases. */
export function seal(ledger: Ledger): void {
  assert(ledger.total === undefined, "a ledger is sealed once");
  ledger.total = ledger.size;
}

/** The split runs again: what is known stays, what is new comes behind it. */
export function unseal(ledger: Ledger): void {
  ledger.total = undefined;
}

/** Counts anew, from the pages. */
export function recount(ledger: Ledger): void {
  ledger.counts.fill(0);
  let seen = 0;
  const all = (): boolean => true;
  forEachIn(ledger, all, (_, state) => {
    add(ledger, state, 1);
    seen += 1;
  });
  add(ledger, waiting, ledger.size - seen); // Those on pages that nothing has touched.
}

function add(ledger: Ledger, state: number, count: number): void {
  ledger.counts[state] = (ledger.counts[state] ?? 0) + count;
}

export function count(ledger: Ledger, state: number): number {
  return ledger.counts[state] ?? 0;
}

/** Sub-jobs without an outcome. */
export function open(ledger: Ledger): number {
  return count(ledger, waiting) + count(ledger, inFlight) + count(ledger, retrying);
}

/** Sub-jobs that were given up on. */
export function failures(ledger: Ledger): number {
  return count(ledger, failed) + count(ledger, timedOut) + count(ledger, poison);
}

export function isFailure(state: number): boolean {
  return state === failed || state === timedOut || state === poison;
}

export function isOpen(state: number): boolean {
  return state <= retrying;
}

/** Sealed, and every sub-job has an outcome. O(1): it is re-derived from the counts, not remembered. */
export function isSettled(ledger: Ledger): boolean {
  return ledger.total !== undefined && open(ledger) === 0;
}

export function stateOf(ledger: Ledger, index: number): number {
  return ledger.pages[index >>> pageBits]?.state[index & mask] ?? waiting;
}

/** The page of this sub-job, to be changed: there is room for it, and for all of the page before it. */
function pageOf(ledger: Ledger, index: number): Page {
  const n = index >>> pageBits;
  let page = ledger.pages[n];
  if (page === undefined || (index & mask) >= page.state.length) {
    page = pages.withRoom(page, ledger.size - n * pageSize);
    ledger.pages[n] = page;
  }
  ledger.changed.add(n);
  return page;
}

/** Moves one sub-job. The counts follow, so that G1 cannot be forgotten anywhere. */
export function move(ledger: Ledger, index: number, to: number): void {
  assert(
    index >= 0 && index < ledger.size,
    `there is no sub-job ${index}: the step has ${ledger.size}`,
  );
  const page = pageOf(ledger, index);
  const from = page.state[index & mask] ?? waiting;
  page.state[index & mask] = to;
  add(ledger, from, -1);
  add(ledger, to, 1);
  assert((ledger.counts[from] ?? 0) >= 0, "the counts of a ledger never go below zero");
  if (from === inFlight) ledger.left?.(index);
}

/** Moves a whole range at once; every one of them must be in `from`. */
export function moveRange(
  ledger: Ledger,
  first: number,
  n: number,
  from: number,
  to: number,
): void {
  assert(first >= 0 && first + n <= ledger.size, `there are no sub-jobs ${first} to ${first + n}`);
  for (let index = first; index < first + n;) {
    const end = Math.min(first + n, (index | mask) + 1);
    const page = pageOf(ledger, end - 1);
    page.state.fill(to, index & mask, ((end - 1) & mask) + 1);
    index = end;
  }
  add(ledger, from, -n);
  add(ledger, to, n);
  assert((ledger.counts[from] ?? 0) >= 0, "the counts of a ledger never go below zero");
}

/** Gives a sub-job its outcome. */
export function settle(ledger: Ledger, index: number, outcome: number, offset: number): void {
  move(ledger, index, outcome);
  setOutcome(ledger, index, offset);
}

/** Accepts a success of every sub-job of the range that is still open; calls back for those that are not. Returns how many were in flight. Not where `left` hears of each. */
export function settleRange(
  ledger: Ledger,
  first: number,
  n: number,
  offset: number,
  rejected: (index: number, state: number) => void,
): number {
  assert(first >= 0 && first + n <= ledger.size, `there are no sub-jobs ${first} to ${first + n}`);
  const place = offset - ledger.base + 1;
  let flying = 0;
  let pulled = 0;
  let retried = 0;
  for (let index = first; index < first + n;) {
    const end = Math.min(first + n, (index | mask) + 1);
    const page = pageOf(ledger, end - 1);
    for (; index < end; index += 1) {
      const slot = index & mask;
      const state = page.state[slot];
      if (state === inFlight) flying += 1;
      else if (state === waiting) pulled += 1;
      else if (state === retrying) retried += 1;
      else {
        rejected(index, state ?? waiting);
        continue;
      }
      page.state[slot] = ok;
      page.outcome[slot] = place;
    }
  }
  add(ledger, inFlight, -flying);
  add(ledger, waiting, -pulled);
  add(ledger, retrying, -retried);
  add(ledger, ok, flying + pulled + retried);
  return flying;
}

function setOutcome(ledger: Ledger, index: number, offset: number): void {
  pageOf(ledger, index).outcome[index & mask] = offset - ledger.base + 1;
}

/** Where the last outcome of a sub-job stands on the log. */
export function outcomeOffset(ledger: Ledger, index: number): number | undefined {
  const place = ledger.pages[index >>> pageBits]?.outcome[index & mask] ?? 0;
  return place === 0 ? undefined : ledger.base + place - 1;
}

/** The number of the issue that counts now; a first try has 1. */
export function issueOf(ledger: Ledger, index: number): number {
  const issue = ledger.pages[index >>> pageBits]?.again?.issue[index & mask] ?? 0;
  return issue === 0 ? 1 : issue;
}

export function attemptsOf(ledger: Ledger, index: number): number {
  return ledger.pages[index >>> pageBits]?.again?.attempts[index & mask] ?? 0;
}

/** As losses.ts counts them. */
export function lossesOf(ledger: Ledger, index: number): number {
  return ledger.pages[index >>> pageBits]?.again?.crashes[index & mask] ?? 0;
}

/** One more loss of its worker, and it is poison: such a one goes alone. */
export function isSuspect(ledger: Ledger, index: number): boolean {
  return weight(lossesOf(ledger, index)) >= limits.crashes - 1;
}

export function groupOf(ledger: Ledger, index: number): number {
  return ledger.pages[index >>> pageBits]?.again?.group[index & mask] ?? 0;
}

export function dueAtOf(ledger: Ledger, index: number): number {
  return ledger.pages[index >>> pageBits]?.again?.dueAt[index & mask] ?? 0;
}

/** The sub-job is to be tried again: what was issued so far no longer counts, except for a success. */
export function reissue(
  ledger: Ledger,
  index: number,
  change: {
    readonly attempts?: number;
    readonly crashes?: number;
    readonly group?: number;
    readonly dueAt?: number;
  },
): void {
  const again = pages.againOf(pageOf(ledger, index));
  const slot = index & mask;
  const issue = again.issue[slot] ?? 0;
  again.issue[slot] = Math.min(65_535, (issue === 0 ? 1 : issue) + 1);
  if (change.attempts !== undefined) again.attempts[slot] = change.attempts;
  if (change.crashes !== undefined) again.crashes[slot] = change.crashes;
  if (change.group !== undefined) again.group[slot] = change.group;
  again.dueAt[slot] = change.dueAt ?? 0;
}

/** Notes the failure group of a sub-job that was given up on. */
export function setGroup(ledger: Ledger, index: number, group: number): void {
  pages.againOf(pageOf(ledger, index)).group[index & mask] = group;
}

/** Calls back for every index in one of these states, page by page; skips pages that nothing has touched. */
export function forEachIn(
  ledger: Ledger,
  wanted: (state: number) => boolean,
  each: (index: number, state: number) => void,
): void {
  for (let n = 0; n * pageSize < ledger.size; n += 1) {
    const page = ledger.pages[n];
    if (page === undefined) continue;
    const end = Math.min(pageSize, ledger.size - n * pageSize);
    for (let slot = 0; slot < end; slot += 1) {
      const state = page.state[slot] ?? waiting;
      if (wanted(state)) each(n * pageSize + slot, state);
    }
  }
}

/** A page as it is stored, cut to the ledger's size. */
export function pageBytes(ledger: Ledger, n: number): Uint8Array {
  const page = ledger.pages[n];
  assert(page !== undefined, `page ${n} is not there`);
  return pages.bytesOf(page, Math.min(pageSize, ledger.size - n * pageSize));
}

/** Puts a stored page back. Throws CorruptError where the bytes are not what pageBytes wrote. */
export function restorePage(ledger: Ledger, n: number, bytes: Uint8Array): void {
  ledger.pages[n] = pages.pageFrom(bytes, n);
}
