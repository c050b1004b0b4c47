import assert from "node:assert/strict";
import { test } from "node:test";
import { textArray } from "./arrays.ts";

test("an array is written as PostgreSQL reads it: head, then length and bytes of each, -1 for null", () => {
  const array = textArray(["é", undefined]);
  const numbers = Array.from({ length: 6 }, (_, index) => array.readInt32BE(4 * index));
  assert.deepEqual(numbers, [1, 1, 25, 2, 1, 2]);
  assert.equal(array.subarray(24, 26).toString(), "é");
  assert.equal(array.readInt32BE(26), -1);
  assert.equal(array.length, 30);
});
