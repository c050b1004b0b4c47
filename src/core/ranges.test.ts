import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { addPlace, inRanges } from "./ranges.ts";

test("an index is in the ranges if one of them has it, in whatever order they stand and are asked", () => {
  const range = fc.tuple(fc.nat({ max: 30 }), fc.nat({ max: 8 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), (ranges) => {
      const isIn = inRanges(ranges.flat());
      for (let index = 40; index >= 0; index -= 1)
        assert.equal(
          isIn(index),
          ranges.some(([from, count]) => index >= from && index < from + count),
        );
    }),
  );
});

test("neighbours are one pair", () => {
  const ranges: number[] = [];
  for (const index of [0, 1, 2, 7, 9, 10]) addPlace(ranges, index);
  assert.deepEqual(ranges, [0, 3, 7, 1, 9, 2]);
});
