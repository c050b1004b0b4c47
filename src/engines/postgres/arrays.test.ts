import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeText, encodeText, textArray } from "./arrays.ts";

const text = fc.string({ unit: fc.constantFrom("\0", "\u0001", "\u0002", "a", "é", "🎈") });

test("any text comes back, without NUL on the way, and its order and prefixes stay", () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      const [one, other] = [encodeText(left), encodeText(right)];
      assert.equal(decodeText(one), left);
      assert.ok(!one.includes("\0"));
      assert.equal(one < other, left < right);
      assert.ok(encodeText(left + right).startsWith(one));
    }),
  );
});

test("an array is written as PostgreSQL reads it: head, then length and bytes of each, -1 for null", () => {
  const array = textArray(["é", undefined]);
  const numbers = Array.from({ length: 6 }, (_, index) => array.readInt32BE(4 * index));
  assert.deepEqual(numbers, [1, 1, 25, 2, 1, 2]);
  assert.equal(array.subarray(24, 26).toString(), "é");
  assert.equal(array.readInt32BE(26), -1);
  assert.equal(array.length, 30);
});
