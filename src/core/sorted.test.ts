import assert from "node:assert/strict";
import { test } from "node:test";
import { firstFrom } from "./sorted.ts";

test("the first that is not before, in lists of every length, wherever it stands", () => {
  for (let length = 0; length < 9; length += 1) {
    const sorted = Array.from({ length }, (_, n) => n);
    for (let first = 0; first <= length; first += 1)
      assert.equal(
        firstFrom(sorted, (one) => one < first),
        first,
      );
  }
});
