import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { risingKeys } from "./rising-keys.ts";

/** Those that it takes for new, in turn. */
function newOf(keys: Iterable<string>): string[] {
  const rising = risingKeys();
  const found: string[] = [];
  for (const key of keys) {
    if (!rising.mightHave(key)) found.push(key);
    rising.add(key);
  }
  return found;
}

test("R1 whatever was added might have come before", () => {
  const long = fc.integer({ min: 1, max: 200 }).map((length) => "x".repeat(length));
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), long), { size: "large" }), (keys) => {
      const rising = risingKeys();
      for (const key of keys) rising.add(key);
      assert.deepEqual(keys.filter(rising.mightHave), keys);
    }),
  );
});

test("R2 numbers that count up are new, with zeros before them and without, and a second series of another length beside them", () => {
  const counted = Array.from({ length: 12_000 }, (_, n) => `${n}`);
  assert.deepEqual(newOf(counted), counted);
  const two = counted.slice(1_000, 9_999).flatMap((n) => [`inv-${n}`, `credit-${n}`]);
  assert.deepEqual(newOf(two), two);
});

test("what is not above all before it of its length may have come, and is no harm to what comes", () => {
  assert.deepEqual(newOf(["b", "a", "b", "c", "aa"]), ["b", "c", "aa"]);
});

test("it keeps a key of each of 64 lengths, and no more", () => {
  const keys = Array.from({ length: 80 }, (_, n) => "x".repeat(n + 1));
  assert.deepEqual(newOf(keys), keys.slice(0, 64));
});
