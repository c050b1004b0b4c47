/**
 * How long things took, in little space and mergeable in any order: counts in buckets that widen by 8 %.
 *
 *   bucket      0  1  2  …  17        …  50          …  351
 *   holds µs    1  2  3  …  18 to 19  …  225 to 242  …  2.6e12 (30 days), and whatever took longer
 *
 * The middle of a bucket is at most 4 % from anything in it. Counting one is about 15 ns, most of it a logarithm
 * (bench/histogram.ts). An exact list would be as long as the fan-out; a t-digest is smaller, but not the same when merged
 * in another order, and what `decide` computes must be.
 *
 * Two forms. A `Histogram` is counted into, by workers, in place. A `Sparse` is a value, for events and state:
 * [bucket, count, bucket, count, …], buckets ascending, no count 0. Where durations are alike it is a dozen numbers.
 */
import { assert } from "../errors.ts";

export type Histogram = Float64Array<ArrayBuffer>;
export type Sparse = readonly number[];

const exact = 13;
const growth = 1.08;
const perLog = 1 / Math.log(growth);
const longestUs = 30 * 24 * 3_600 * 1e6;

/** The last µs of each bucket. By multiplication, which is the same on every machine; logarithms need not be. */
const uppers = ((): Float64Array<ArrayBuffer> => {
  const edges = Array.from({ length: exact }, (_, bucket) => bucket + 1);
  for (let edge = exact; edge < longestUs;) {
    edge *= growth;
    edges.push(Math.floor(edge));
  }
  return Float64Array.from(edges);
})();

/** How many buckets there are. */
export const buckets: number = uppers.length;

/** The bucket for this many µs; the first for anything below 1, the last for anything above 30 days. */
export function bucketOf(us: number): number {
  if (!(us > 1)) return 0;
  if (us <= exact) return Math.ceil(us) - 1;
  if (us >= upperUs(buckets - 1)) return buckets - 1;
  let bucket = exact + Math.floor(Math.log(us / exact) * perLog); // A guess: the edges decide.
  while (upperUs(bucket) < us) bucket += 1;
  while (upperUs(bucket - 1) >= us) bucket -= 1;
  return bucket;
}

/** The most µs that the bucket stands for, inclusive. */
export function upperUs(bucket: number): number {
  return uppers[bucket] ?? Infinity;
}

export function emptyHistogram(): Histogram {
  return new Float64Array(buckets);
}

/** Counts one duration, in place. */
export function record(histogram: Histogram, us: number): void {
  const bucket = bucketOf(us);
  histogram[bucket] = (histogram[bucket] ?? 0) + 1;
}

/** Adds counts to a histogram, in place; to a new one, where there was none. */
export function mergeHistogram(
  before: Histogram | undefined,
  sparse: Sparse,
): Histogram | undefined {
  if (sparse.length === 0) return before;
  const histogram = before ?? emptyHistogram();
  for (let at = 0; at < sparse.length; at += 2) {
    const bucket = sparse[at] ?? -1;
    const count = sparse[at + 1] ?? -1;
    assert(
      histogram[bucket] !== undefined,
      `a histogram has buckets 0 to ${buckets - 1}, got ${bucket}`,
    );
    assert(count > 0, `a histogram's counts are above 0, got ${count}`);
    histogram[bucket] += count;
  }
  return histogram;
}

/** Both together, as a new value; in time of what is in them, not of all buckets. */
export function mergeSparse(one: Sparse, other: Sparse): Sparse {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const merged: number[] = [];
  for (let a = 0, b = 0; a < one.length || b < other.length;) {
    const left = one[a] ?? Infinity;
    const right = other[b] ?? Infinity;
    const count =
      (left <= right ? (one[a + 1] ?? 0) : 0) + (right <= left ? (other[b + 1] ?? 0) : 0);
    merged.push(Math.min(left, right), count);
    if (left <= right) a += 2;
    if (right <= left) b += 2;
  }
  return merged;
}

/** What of `all` is left without `part`, which was counted into it. */
export function withoutSparse(all: Sparse, part: Sparse): Sparse {
  const histogram = emptyHistogram();
  mergeHistogram(histogram, all);
  for (let at = 0; at < part.length; at += 2) {
    const bucket = part[at] ?? -1;
    const left = (histogram[bucket] ?? 0) - (part[at + 1] ?? 0);
    assert(left >= 0, `bucket ${bucket} of a histogram has what is taken from it`);
    histogram[bucket] = left;
  }
  return toSparse(histogram);
}

export function toSparse(histogram: Histogram | undefined): Sparse {
  const sparse: number[] = [];
  if (histogram === undefined) return sparse;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const count = histogram[bucket] ?? 0;
    if (count > 0) sparse.push(bucket, count);
  }
  return sparse;
}

/**
 * The duration, in µs, that the share q of all counted durations does not exceed; undefined when nothing was counted.
 *
 * q is from 0 (the shortest) to 1 (the longest). Within 4 %, up to 30 days.
 */
export function percentile(histogram: Histogram | Sparse, q: number): number | undefined {
  const sparse = histogram instanceof Float64Array ? toSparse(histogram) : histogram;
  const rank = Math.max(1, Math.ceil(q * countOf(sparse)));
  let seen = 0;
  for (let at = 0; at < sparse.length; at += 2) {
    seen += sparse[at + 1] ?? 0;
    if (seen >= rank) return middleUs(sparse[at] ?? 0);
  }
  return undefined;
}

/** How many durations were counted. */
export function countOf(sparse: Sparse): number {
  let count = 0;
  for (let at = 1; at < sparse.length; at += 2) count += sparse[at] ?? 0;
  return count;
}

function middleUs(bucket: number): number {
  return bucket < exact ? upperUs(bucket) : (upperUs(bucket - 1) + 1 + upperUs(bucket)) / 2;
}
