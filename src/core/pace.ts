/**
 * How many when, in little space: counts in spans of time that become twice as wide whenever there are too many.
 *
 *   { from: 1000, width: 1000, counts: [12, 40] }     12 in the first second, 40 in the next
 */
export type Pace = {
  /** Where the first span begins, in epoch ms of the log; `width` is in ms. */
  readonly from: number;
  width: number;
  counts: number[];
};

/** Spans kept: a run of an hour is known by the minute or so. */
const spans = 64;
const narrowestMs = 1_000;

/** Counts n at this time, in place; begins where there is none yet. */
export function addPace(pace: Pace | undefined, at: number, n: number): Pace {
  const kept = pace ?? { from: at, width: narrowestMs, counts: [] };
  while (at >= kept.from + kept.width * spans) widen(kept);
  const span = Math.max(0, Math.floor((at - kept.from) / kept.width));
  while (kept.counts.length <= span) kept.counts.push(0);
  kept.counts[span] = (kept.counts[span] ?? 0) + n;
  return kept;
}

/** Whether what was read back can be added to: a width that is none would be widened for ever. */
export function isSoundPace({ from, width, counts }: Pace): boolean {
  return (
    Number.isFinite(from) &&
    Number.isFinite(width) &&
    width >= narrowestMs &&
    Array.isArray(counts) &&
    counts.length <= spans &&
    counts.every((count) => Number.isSafeInteger(count) && count >= 0)
  );
}

function widen(pace: Pace): void {
  const counts: number[] = [];
  for (let span = 0; span < pace.counts.length; span += 2)
    counts.push((pace.counts[span] ?? 0) + (pace.counts[span + 1] ?? 0));
  pace.counts = counts;
  pace.width *= 2;
}
