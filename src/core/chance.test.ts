import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { chance } from "./chance.ts";

const draws = 20_000;
const row = Array.from({ length: draws }, (_, index) => chance("run-1", "invoices", index, 1));

test("is the same for the same parts, and at least 0 and less than 1", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), (parts) => {
      const drawn = chance(...parts);
      assert.equal(chance(...parts), drawn);
      assert.ok(drawn >= 0 && drawn < 1);
    }),
  );
});

test("where one part ends and the next begins matters", () => {
  assert.notEqual(chance("a", 11), chance("a1", 1));
  assert.notEqual(chance("a", ""), chance("a"));
});

test("draws of neighbours are even: each hundredth gets its share", () => {
  const hundredths = Array.from({ length: 100 }, () => 0);
  for (const drawn of row) {
    const at = Math.floor(drawn * 100);
    hundredths[at] = (hundredths[at] ?? 0) + 1;
  }
  const due = draws / 100;
  const chi = hundredths.reduce((sum, count) => sum + (count - due) ** 2 / due, 0);
  assert.ok(chi > 50 && chi < 160, `chi-square is ${chi}, of 99 degrees of freedom`);
});

test("a draw says nothing about the next index, nor about the next attempt", () => {
  const nextAttempt = row.map((_, index) => chance("run-1", "invoices", index, 2));
  const correlation = (other: (index: number) => number): number =>
    row.reduce((sum, drawn, index) => sum + (drawn - 0.5) * (other(index) - 0.5), 0) / (draws / 12);
  assert.ok(Math.abs(correlation((index) => row[index + 1] ?? 0.5)) < 0.03);
  assert.ok(Math.abs(correlation((index) => nextAttempt[index] ?? 0.5)) < 0.03);
});
