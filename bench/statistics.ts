/** Median and the range it lies in. */
export type Range = { readonly value: number; readonly low: number; readonly high: number };

/** The middle one; of an even number, the mean of the middle two. Throws on none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new Error("there is no median of nothing");
  return (lower + upper) / 2;
}

export function rangeOf(values: readonly number[]): Range {
  return { value: median(values), low: Math.min(...values), high: Math.max(...values) };
}

/** The value below which `share` (0 to 1) of the values lie, by the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const found = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (found === undefined) throw new Error("there is no quantile of nothing");
  return found;
}
