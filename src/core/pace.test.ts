import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { addPace, isSoundPace, type Pace } from "./pace.ts";

test("nothing is lost, and there are never more than 64 spans", () => {
  const steps = fc.array(fc.tuple(fc.nat(10_000_000), fc.integer({ min: 1, max: 1_000 })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(steps, (all) => {
      let pace: Pace | undefined;
      let at = 5;
      let n = 0;
      for (const [later, count] of all) {
        at += later;
        n += count;
        pace = addPace(pace, at, count);
      }
      assert.ok(pace !== undefined && pace.counts.length <= 64);
      assert.equal(
        pace.counts.reduce((sum, count) => sum + count, 0),
        n,
      );
      assert.ok(at < pace.from + pace.width * 64);
    }),
  );
});

test("seconds as long as they suffice, then pairs of them", () => {
  const pace = addPace(addPace(addPace(undefined, 10_000, 1), 10_999, 1), 11_000, 5);
  assert.deepEqual(pace, { from: 10_000, width: 1_000, counts: [2, 5] });
  addPace(pace, 74_000, 1);
  assert.deepEqual([pace.width, pace.counts.length], [2_000, 33]);
  assert.deepEqual([pace.counts[0], pace.counts[32]], [7, 1]);
});

test("what comes from before the beginning, after a clock was set back, counts at the beginning", () => {
  const pace = addPace(addPace(undefined, 10_000, 1), 9_000, 1);
  assert.deepEqual(pace.counts, [2]);
});

test("G20 a stored pace whose spans are no spans is damage: it would be widened for ever", () => {
  const pace = addPace(undefined, 10_000, 1);
  assert.equal(isSoundPace(pace), true);
  for (const width of [-1, 0, Number.NaN, Infinity])
    assert.equal(isSoundPace({ ...pace, width }), false, `a width of ${width}`);
  assert.equal(isSoundPace({ ...pace, from: Number.NaN }), false);
  assert.equal(isSoundPace({ ...pace, counts: [-1] }), false);
});
