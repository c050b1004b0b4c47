/**
 * Limits of a job over all of its runs: how many of its sub-jobs may be in flight at once, and how many may be put per time.
 *
 * Each partition decides by itself, so each has its share: what it does not use, no other gets, and together they never exceed the
 * limit (docs/adr: limits are divided). A rate is a bucket, filled by the time of the log, that holds what comes in a tenth of a second.
 */
import type { Lane } from "./window.ts";

export type Rate = { readonly count: number; readonly perMs: number };
export type LimitPlan = { readonly concurrency?: number; readonly rate?: Rate };

/** The share of one partition, and how much of it is used. Updated in place. */
export type Throttle = {
  readonly concurrency: number;
  /** Tokens per ms; Infinity: no rate. */
  readonly perMs: number;
  readonly holds: number;
  inFlight: number;
  tokens: number;
  /** When the tokens were counted, epoch ms. */
  at: number;
  /** Nothing is put before this, epoch ms; 0: nobody asked for it. */
  heldUntil: number;
  /** Tokens were spent, or it was held, since it was stored. */
  isSpent: boolean;
  /** Lanes that have work and left the window for want of room here. */
  readonly waiting: Set<Lane>;
};

/** What holds is what comes in this time, and at least one. */
const burstMs = 100;

/** A concurrency below the number of partitions is one in each: a run must not wait for ever because of where it lives. */
export function throttle(
  { concurrency, rate }: LimitPlan,
  partition: number,
  partitions: number,
): Throttle {
  const perMs = rate === undefined ? Infinity : rate.count / rate.perMs / partitions;
  const holds = Math.max(1, perMs * burstMs);
  return {
    concurrency: concurrency === undefined ? Infinity : share(concurrency, partition, partitions),
    perMs,
    holds,
    inFlight: 0,
    tokens: holds,
    at: 0,
    heldUntil: 0,
    isSpent: false,
    waiting: new Set(),
  };
}

function share(whole: number, partition: number, partitions: number): number {
  const rest = partition < whole % partitions ? 1 : 0;
  return Math.max(1, Math.floor(whole / partitions) + rest);
}

/** How many may go now. */
export function roomIn(of: Throttle, at: number): number {
  if (at < of.heldUntil) return 0;
  of.heldUntil = 0;
  if (of.perMs !== Infinity && at > of.at) {
    of.tokens = Math.min(of.holds, of.tokens + (at - of.at) * of.perMs);
    of.at = at;
  }
  const allowed = of.perMs === Infinity ? Infinity : Math.floor(of.tokens + 1e-9);
  return Math.max(0, Math.min(of.concurrency - of.inFlight, allowed));
}

/** So many were put into the queue. */
export function spend(of: Throttle, count: number): void {
  of.inFlight += count;
  if (of.perMs === Infinity) return;
  of.tokens -= count;
  of.isSpent = true;
}

/** Nothing is put before `until`: whoever it goes to has asked for it. */
export function hold(of: Throttle, until: number): void {
  of.heldUntil = Math.max(of.heldUntil, until);
  of.isSpent = true;
}

/** What is stored of those that have a rate or are held, so that a restart changes neither. */
export type StoredTokens = readonly (readonly [
  name: string,
  tokens: number,
  at: number,
  heldUntil: number,
])[];

/** When there will be a token, or the hold is over, for those who wait for it; undefined where they wait for something else, or nobody waits. */
export function tokenAt(of: Throttle): number | undefined {
  if (of.waiting.size === 0) return undefined;
  const isEmpty = of.perMs !== Infinity && of.tokens < 1;
  const filled = isEmpty ? Math.ceil(of.at + (1 - of.tokens) / of.perMs) : 0;
  return Math.max(filled, of.heldUntil) || undefined;
}
