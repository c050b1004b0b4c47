/**
 * Limits per key: how many sub-jobs with the same key (a mail host, a tenant) are in flight at once, and how many are put per time.
 *
 * The key of a sub-job comes with its page, as a hash of 32 bits: two keys that share one share the limit, so that it is never
 * exceeded. What may not go is set aside in a line of its key, and each index is looked at once: O(1) per sub-job. A key is live, and
 * costs memory, while it has something in flight, somebody waits for it, or its rate is not full again.
 */
import { queue, type FanOut } from "./fan-out.ts";
import * as fifos from "./fifo.ts";
import type { Fifo } from "./fifo.ts";
import * as heaps from "./heap.ts";
import type { Heap } from "./heap.ts";
import * as ledgers from "./ledger.ts";
import { hashAt, setAside, type Keyed } from "./limit-keys.ts";
import { limits } from "./limits.ts";
import type { SharedLimit } from "./plan.ts";
import { sliceOf, suspectIsFree, type Slice } from "./slices.ts";
import { hold, roomIn, spend, throttle, tokenAt, type Throttle } from "./throttle.ts";
import type { Lane } from "./window.ts";

/** What a partition knows of a limit per key. Updated in place. */
export type KeyedLimit = {
  readonly plan: SharedLimit;
  /** The live ones, by hash. */
  readonly keys: Map<number, Throttle>;
  /** Those that somebody waits for, by when there may be room. */
  readonly due: Heap<number>;
  /** Those that somebody waits for and something came back of. */
  readonly freed: Set<number>;
  /** Those whose tokens are to be stored, or forgotten. */
  readonly spent: Set<number>;
  /** So many may be live before it is looked which of them are idle. */
  many: number;
  readonly fresh: () => Throttle;
};

const firstLook = 1_024;

export function keyedLimit(plan: SharedLimit, partition: number, partitions: number): KeyedLimit {
  return {
    plan,
    keys: new Map(),
    due: heaps.heap(),
    freed: new Set(),
    spent: new Set(),
    many: firstLook,
    fresh: () => throttle(plan, partition, partitions),
  };
}

export function keyIn(limit: KeyedLimit, hash: number): Throttle {
  let key = limit.keys.get(hash);
  if (key === undefined) {
    key = limit.fresh();
    limit.keys.set(hash, key);
  }
  return key;
}

// ---- of a fan-out

/** What leaves the window gives back the room it had under its key. */
export function watch(step: FanOut, limit: KeyedLimit): void {
  if (step.ledger.left !== undefined) return;
  step.ledger.left = (index) => {
    const hash = hashAt(step.keyed, index);
    if (hash === 0) return;
    const key = keyIn(limit, hash);
    key.inFlight -= 1;
    if (key.waiting.size > 0) limit.freed.add(hash);
  };
  countKeys(step, limit);
}

/** Counts what it has in flight, of each key. */
export function countKeys(step: FanOut, limit: KeyedLimit): void {
  ledgers.forEachIn(
    step.ledger,
    (state) => state === ledgers.inFlight,
    (index) => {
      const hash = hashAt(step.keyed, index);
      if (hash !== 0) keyIn(limit, hash).inFlight += 1;
    },
  );
}

/** Something may be put into the queue now, as far as it is known. */
export function hasKeyedWork(step: FanOut, keyed: Keyed): boolean {
  if (step.state !== "running") return false;
  const isLooking = keyed.scan < step.ledger.size && keyed.asideCount < limits.aside;
  const suspect = fifos.size(step.suspects) > 0 && suspectIsFree(step);
  return isLooking || keyed.ready.size > 0 || fifos.size(step.again) > 0 || suspect;
}

/** Takes at most `max` waiting sub-jobs whose keys have room, and puts them in flight; sets aside those it meets that have none. */
export function takeKeyed(lane: Lane, keyed: Keyed, max: number, at: number): Slice | undefined {
  const { step, limit } = lane;
  const { ledger } = step;
  const taken: number[] = [];

  function consider(index: number): void {
    if (ledgers.stateOf(ledger, index) !== ledgers.waiting) return;
    const hash = hashAt(step.keyed, index);
    // A limit that the program has no more limits nothing.
    if (hash !== 0 && limit !== undefined && !passes(limit, hash))
      return setAside(keyed, hash, index);
    ledgers.move(ledger, index, ledgers.inFlight);
    taken.push(index);
  }

  /** Takes the room that there is under a key, or waits for it. */
  function passes(limit: KeyedLimit, hash: number): boolean {
    const key = keyIn(limit, hash);
    if (roomIn(key, at) < 1) {
      waitFor(limit, hash, key, lane);
      return false;
    }
    spend(key, 1);
    if (key.perMs !== Infinity) limit.spent.add(hash);
    return true;
  }

  function fromLine(limit: KeyedLimit, hash: number, line: Fifo<number>): void {
    while (taken.length < max && fifos.size(line) > 0) {
      const key = keyIn(limit, hash);
      if (roomIn(key, at) < 1) {
        waitFor(limit, hash, key, lane);
        keyed.ready.delete(hash);
        return;
      }
      keyed.asideCount -= 1;
      const index = fifos.shift(line) ?? 0;
      if (ledgers.isSuspect(ledger, index)) queue(step, index);
      else consider(index);
    }
    if (fifos.size(line) > 0) return;
    keyed.aside.delete(hash);
    keyed.ready.delete(hash);
  }

  while (fifos.size(step.suspects) > 0 && suspectIsFree(step)) {
    consider(fifos.shift(step.suspects) ?? 0);
    step.suspectInFlight = taken[0];
    if (taken.length > 0) return sliceOf(step, taken, at); // Such a one goes alone.
  }
  for (const hash of keyed.ready) {
    const line = keyed.aside.get(hash);
    if (line === undefined || limit === undefined) keyed.ready.delete(hash);
    else fromLine(limit, hash, line);
    if (taken.length >= max) break;
  }
  while (taken.length < max && fifos.size(step.again) > 0) consider(fifos.shift(step.again) ?? 0);
  while (taken.length < max && keyed.scan < ledger.size && keyed.asideCount < limits.aside) {
    if (isFirst(step, keyed.scan)) consider(keyed.scan);
    keyed.scan += 1;
  }
  while (step.next < keyed.scan && !isFirst(step, step.next)) step.next += 1;
  return taken.length === 0 ? undefined : sliceOf(step, taken, at);
}

/** It waits, and was never put. */
function isFirst({ ledger }: FanOut, index: number): boolean {
  return ledgers.stateOf(ledger, index) === ledgers.waiting && ledgers.issueOf(ledger, index) === 1;
}

// ---- who waits for whom

function waitFor(limit: KeyedLimit, hash: number, key: Throttle, lane: Lane): void {
  const isFirst = key.waiting.size === 0;
  key.waiting.add(lane);
  if (isFirst) remind(limit, hash, key);
}

/** Where only time can help, the key is looked at when its time has come. */
function remind(limit: KeyedLimit, hash: number, key: Throttle): void {
  const at = tokenAt(key);
  if (at !== undefined) heaps.push(limit.due, at, hash);
}

/** Lanes whose keys have room go on: `offer` hears of each. */
export function offerKeyed(limit: KeyedLimit, at: number, offer: (lane: Lane) => void): void {
  for (
    let due = heaps.peek(limit.due);
    due !== undefined && due.at <= at;
    due = heaps.peek(limit.due)
  ) {
    heaps.pop(limit.due);
    limit.freed.add(due.value);
  }
  for (const hash of limit.freed) {
    const key = limit.keys.get(hash);
    if (key === undefined || key.waiting.size === 0) continue;
    if (roomIn(key, at) < 1) {
      remind(limit, hash, key);
      continue;
    }
    const lanes = [...key.waiting];
    key.waiting.clear();
    for (const lane of lanes) {
      lane.step.keyed?.ready.add(hash);
      offer(lane);
    }
  }
  limit.freed.clear();
  if (limit.keys.size > limit.many) forgetIdle(limit, at);
}

/** Nothing of the key is put until then. */
export function holdKey(limit: KeyedLimit, hash: number, until: number): void {
  hold(keyIn(limit, hash), until);
  limit.spent.add(hash);
}

/** An idle key is as good as a new one. Each look is paid for by as many keys that came since the last. */
function forgetIdle(limit: KeyedLimit, at: number): void {
  for (const [hash, key] of limit.keys) {
    if (key.inFlight > 0 || key.waiting.size > 0 || at < key.heldUntil) continue;
    roomIn(key, at);
    if (key.perMs !== Infinity && key.tokens < key.holds) continue;
    limit.keys.delete(hash);
    if (key.isSpent) limit.spent.add(hash);
  }
  limit.many = Math.max(firstLook, limit.keys.size * 2);
}
