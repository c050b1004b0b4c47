/** Places in a ledger as flat pairs [from, count, from, count, …]: short for many that stand side by side. */
import { firstFrom } from "./sorted.ts";

/** Adds one that is not below the last. */
export function addPlace(ranges: number[], index: number): void {
  const last = ranges.length - 2;
  if (last >= 0 && (ranges[last] ?? 0) + (ranges[last + 1] ?? 0) === index)
    ranges[last + 1] = (ranges[last + 1] ?? 0) + 1;
  else ranges.push(index, 1);
}

/** Whether an index is in one of the ranges, however many, long, or mixed they are. */
export function inRanges(ranges: readonly number[]): (index: number) => boolean {
  const pairs: { readonly from: number; end: number }[] = [];
  for (let at = 0; at + 1 < ranges.length; at += 2) {
    const from = ranges[at] ?? 0;
    pairs.push({ from, end: from + (ranges[at + 1] ?? 0) });
  }
  pairs.sort((a, b) => a.from - b.from);
  let end = 0;
  for (const pair of pairs) {
    end = Math.max(end, pair.end); // So that the last one that begins before an index knows all that reach over it.
    pair.end = end;
  }
  return (index) => {
    const next = firstFrom(pairs, ({ from }) => from <= index);
    return index < (pairs[next - 1]?.end ?? 0);
  };
}
