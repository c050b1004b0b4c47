import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { CorruptError } from "../errors.ts";
import {
  bucketOf,
  buckets,
  countOf,
  emptyHistogram,
  mergeHistogram,
  mergeSparse,
  percentile,
  record,
  toSparse,
  upperUs,
  type Sparse,
} from "./histogram.ts";

const month = 30 * 24 * 3_600 * 1e6;
/** Durations of every size alike: 1 µs as likely as a day. */
const durations = fc
  .double({ min: 0, max: Math.log(month), noNaN: true })
  .map((log) => Math.round(Math.exp(log)));

function of(us: readonly number[]): Sparse {
  const histogram = emptyHistogram();
  for (const one of us) record(histogram, one);
  return toSparse(histogram);
}

test("there are at most 400 buckets, and each edge lies in its bucket", () => {
  assert.ok(buckets <= 400, `${buckets}`);
  assert.ok(upperUs(buckets - 1) >= month);
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    assert.equal(bucketOf(upperUs(bucket)), bucket);
    if (bucket > 0) assert.equal(bucketOf(upperUs(bucket - 1) + 1), bucket);
  }
});

test("what is no duration is counted at the ends", () => {
  assert.deepEqual([0, -1, Number.NaN, -Infinity, 0.3, 1].map(bucketOf), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([month * 2, Infinity].map(bucketOf), [buckets - 1, buckets - 1]);
});

test("one duration is told within 5 %, from 1 µs to 30 days", () => {
  fc.assert(
    fc.property(durations, (us) => {
      const told = percentile(of([us]), 0.5) ?? 0;
      assert.ok(Math.abs(told - us) <= us * 0.05, `${us} µs was told as ${told}`);
    }),
    { numRuns: 2_000 },
  );
});

test("a percentile is within 5 % of the one of the full list", () => {
  const q = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.array(durations, { minLength: 1 }), q, (us, share) => {
      const rank = Math.max(1, Math.ceil(share * us.length));
      const truth = us.toSorted((a, b) => a - b)[rank - 1] ?? 0;
      const told = percentile(of(us), share) ?? 0;
      assert.ok(Math.abs(told - truth) <= truth * 0.05, `${truth} µs was told as ${told}`);
    }),
  );
});

test("nothing counted has no percentile", () => {
  assert.equal(percentile(emptyHistogram(), 0.5), undefined);
  assert.equal(percentile([], 1), undefined);
});

test("any split of the durations, merged in any order, is the same histogram", () => {
  fc.assert(
    fc.property(fc.array(fc.array(durations)), (parts) => {
      const whole = of(parts.flat());
      const forth = parts.map(of).reduce(mergeSparse, []);
      const back = parts.map(of).toReversed().reduce(mergeSparse, []);
      assert.deepEqual(forth, whole);
      assert.deepEqual(back, whole);
      assert.equal(countOf(whole), parts.flat().length);
    }),
  );
});

test("the sparse form is sorted, without zeroes, and merging it into nothing gives it back", () => {
  fc.assert(
    fc.property(fc.array(durations), (us) => {
      const sparse = of(us);
      const found = sparse.filter((_, at) => at % 2 === 0);
      assert.deepEqual(
        found,
        [...new Set(us.map(bucketOf))].toSorted((a, b) => a - b),
      );
      const copy = emptyHistogram();
      mergeHistogram(copy, sparse);
      assert.deepEqual(toSparse(copy), sparse);
    }),
  );
});

test("merging leaves what is merged as it was", () => {
  const one = Object.freeze(of([5, 7, 900]));
  const other = Object.freeze(of([7, 10_000]));
  assert.equal(countOf(mergeSparse(one, other)), 5);
});

test("a thousand durations around a second are a few hundred characters", () => {
  const us = Array.from({ length: 1_000 }, (_, n) => 1e6 * (0.5 + (n % 500) / 500));
  assert.ok(JSON.stringify(of(us)).length < 200, JSON.stringify(of(us)));
});

test("numbers that are no histogram are refused", () => {
  assert.throws(() => mergeHistogram(emptyHistogram(), [buckets, 1]), CorruptError);
  assert.throws(() => mergeHistogram(emptyHistogram(), [1.5, 1]), CorruptError);
  assert.throws(() => mergeHistogram(emptyHistogram(), [3]), CorruptError);
  assert.throws(() => mergeHistogram(emptyHistogram(), [3, Number.NaN]), CorruptError);
});

test("every duration up to two milliseconds is told within 4 %", () => {
  for (let us = 1; us <= 2_000; us += 1) {
    const told = percentile([bucketOf(us), 1], 0.5) ?? 0;
    assert.ok(Math.abs(told - us) <= us * 0.04, `${us} µs was told as ${told}`);
  }
});
