/**
 * How far each webhook is with the events on the pages, and whether it may take the next.
 *
 * One that is down takes one now and then, to see whether it is back: what has happened meanwhile costs it nothing.
 */
import { limits } from "../core/limits.ts";
import type { Webhook } from "../define/webhook.ts";

/** Of one webhook. */
export type Place = {
  readonly webhook: Webhook;
  /** All that it wants of what stands before was taken. */
  next: number;
  /** Of what it took, what has no notice of its own yet: offsets. */
  readonly open: Set<number>;
  /** As the store has it. */
  kept: number;
  /** How it answered last; whether it ever did, since it is known here. */
  failures: number;
  hasHeard: boolean;
  /** It takes nothing before this. */
  notBefore: number;
};

/** A webhook whose attempts fail takes a new event after so long, doubled each time, a first time at once. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

export function newPlace(webhook: Webhook, at: number): Place {
  return {
    webhook,
    next: at,
    open: new Set(),
    kept: at,
    failures: 0,
    hasHeard: false,
    notBefore: 0,
  };
}

/** Everything that stands before is over for it, or has a notice of its own. */
export function reached({ next, open }: Place): number {
  return Math.min(next, ...open);
}

/** How many events it may take now. */
export function roomOf({ open, hasHeard, failures, notBefore }: Place, now: number): number {
  if (now < notBefore) return 0;
  return (hasHeard && failures === 0 ? limits.noticesPerWebhook : 1) - open.size;
}

/** It answered, well or not. */
export function answeredWith(place: Place, isOk: boolean, now: number): void {
  place.failures = isOk ? 0 : place.failures + 1;
  place.hasHeard ||= isOk;
  if (isOk) place.notBefore = 0;
  else if (place.failures > 1 && place.notBefore <= now)
    place.notBefore = now + Math.min(firstPauseMs * 2 ** (place.failures - 2), longestPauseMs);
}
