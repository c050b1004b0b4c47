/** Failures of a step by signature: counted exactly, with a few sample keys each. */
import type { Failure } from "./event.ts";
import { limits } from "./limits.ts";
import { signatureOf } from "./signature.ts";

/** Failures that look alike: the signature is the error's class and message with numbers, ids and quotes taken out. */
export type FailureGroup = {
  readonly signature: string;
  /** As the first one said it. */
  readonly message: string;
  readonly count: number;
  /** A few of the sub-jobs. */
  readonly keys: readonly string[];
  /** The log's time when the first and the last of them was given up on; not in the result of a step. */
  readonly firstAt?: number;
  readonly lastAt?: number;
  /** The most attempts that one of them had; not in the result of a step. */
  readonly attempts?: number;
};

/** A sub-job that is given up on: after so many attempts, at that time of the log. */
export type GivenUp = {
  readonly error: Failure;
  readonly key: string;
  readonly attempts: number;
  readonly at: number;
};

/** The same, as it is counted into. */
export type Group = {
  readonly signature: string;
  readonly message: string;
  count: number;
  keys: string[];
  firstAt?: number;
  lastAt?: number;
  attempts?: number;
};

const other = "other";

/** Counts a failure; returns the 1-based number of its group. Beyond limits.failureGroups signatures, the rest share one. */
export function countFailure(groups: Group[], { error, key, attempts, at: time }: GivenUp): number {
  const full = groups.length >= limits.failureGroups;
  const signature = signatureOf(error);
  let at = groups.findIndex((group) => group.signature === signature);
  if (at === -1 && full) at = groups.findIndex((group) => group.signature === other);
  if (at === -1) {
    at = groups.length;
    groups.push({
      signature: full ? other : signature,
      message: error.message,
      count: 0,
      keys: [],
    });
  }
  const group = groups[at];
  if (group !== undefined) {
    group.count += 1;
    group.firstAt ??= time;
    group.lastAt = time;
    group.attempts = Math.max(group.attempts ?? 0, attempts);
    if (group.keys.length < limits.sampleKeys && !group.keys.includes(key)) group.keys.push(key);
  }
  return at + 1;
}

/** The failure was taken back: redriven or skipped. */
export function uncountFailure(groups: Group[], number: number): void {
  const group = groups[number - 1];
  if (group === undefined) return;
  group.count -= 1;
  if (group.count > 0) return;
  group.keys = [];
  delete group.firstAt;
  delete group.lastAt;
  delete group.attempts;
}
