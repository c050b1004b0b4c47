import assert from "node:assert/strict";
import { test } from "node:test";
import { linePence, pounds, unitPrice } from "./money.ts";

test("a line is rounded half away from zero, on both sides", () => {
  assert.equal(linePence(1, 5_000), 1);
  assert.equal(linePence(-1, 5_000), -1);
  assert.equal(linePence(1, 4_999), 0);
  assert.equal(linePence(3, 55_000), 17);
});

test("a credit note cancels its invoice to the penny", () => {
  for (const micros of [1, 5_000, 55_000, 855_000, 4_150_000]) {
    for (const quantity of [1, 3, 7, 1_479]) {
      assert.equal(linePence(quantity, micros) + linePence(-quantity, micros), 0);
    }
  }
});

test("nothing is nothing, not minus nothing", () => {
  assert.ok(Object.is(linePence(-5, 0), 0));
  assert.ok(Object.is(linePence(-1, 1), 0));
});

test("an amount beyond exact arithmetic is refused", () => {
  assert.throws(() => linePence(999_999_999, 999_999_999_000_000), /beyond exact arithmetic/);
});

test("money is shown as people write it", () => {
  assert.equal(pounds(123_456), "£1,234.56");
  assert.equal(pounds(-5), "-£0.05");
  assert.equal(unitPrice(850_000), "£0.85");
  assert.equal(unitPrice(55_000), "£0.055");
});
