import { assert } from "../errors.ts";

/** The index of the first that is not before, in a list that has those first that are; its length where all are. */
export function firstFrom<T>(sorted: readonly T[], isBefore: (one: T) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const one = sorted[middle];
    assert(one !== undefined, "a sorted list has no gap");
    if (isBefore(one)) low = middle + 1;
    else high = middle;
  }
  return low;
}
