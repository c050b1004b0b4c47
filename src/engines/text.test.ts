import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeText, encodeText } from "./text.ts";

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
