import assert from "node:assert/strict";
import { test } from "node:test";
import { unique } from "./unique.ts";

test("unique is its prefix and something nobody else has", () => {
  assert.match(unique("adhoc"), /^adhoc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.match(unique(), /^run-/);
  assert.notEqual(unique(), unique());
});

test("a prefix is a name", () => {
  assert.throws(() => unique("a b"), /prefix of an id must be 1 to 64 letters/);
});
