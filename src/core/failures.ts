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
};

/** The same, as it is counted into. */
export type Group = {
  readonly signature: string;
  readonly message: string;
  count: number;
  keys: string[];
};

const other = "other";

/** Counts a failure; returns the 1-based number of its group. Beyond limits.failureGroups signatures, the rest share one. */
export function countFailure(groups: Group[], failure: Failure, key: string): number {
  const full = groups.length >= limits.failureGroups;
  const signature = signatureOf(failure);
  let at = groups.findIndex((group) => group.signature === signature);
  if (at === -1 && full) at = groups.findIndex((group) => group.signature === other);
  if (at === -1) {
    at = groups.length;
    groups.push({
      signature: full ? other : signature,
      message: failure.message,
      count: 0,
      keys: [],
    });
  }
  const group = groups[at];
  if (group !== undefined) {
    group.count += 1;
    if (group.keys.length < limits.sampleKeys && !group.keys.includes(key)) group.keys.push(key);
  }
  return at + 1;
}

/** The failure was taken back: redriven or skipped. */
export function uncountFailure(groups: Group[], number: number): void {
  const group = groups[number - 1];
  if (group === undefined) return;
  group.count -= 1;
  if (group.count === 0) group.keys = [];
}
