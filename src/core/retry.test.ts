import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { limits } from "./limits.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";

const almost1 = 1 - 2 ** -53;
const longest = (policy: RetryPolicy): readonly number[] =>
  [1, 2, 3, 4, 5].map((attempt) => backoffMs(attempt, policy, almost1));

test("exponential doubles the longest delay until the cap", () => {
  const policy: RetryPolicy = { attempts: 9, backoff: "exponential", firstMs: 1_000, maxMs: 6_000 };
  assert.deepEqual(longest(policy), [1_000, 2_000, 4_000, 6_000, 6_000]);
});

test("linear adds the first delay each time until the cap", () => {
  const policy: RetryPolicy = { attempts: 9, backoff: "linear", firstMs: 1_000, maxMs: 3_500 };
  assert.deepEqual(longest(policy), [1_000, 2_000, 3_000, 3_500, 3_500]);
});

test("fixed is the first delay, whatever was drawn, and no more than the cap", () => {
  const policy: RetryPolicy = { attempts: 9, backoff: "fixed", firstMs: 1_000, maxMs: 6_000 };
  assert.deepEqual(longest(policy), [1_000, 1_000, 1_000, 1_000, 1_000]);
  assert.equal(backoffMs(1, policy, 0), 1_000);
  assert.equal(backoffMs(1, { ...policy, maxMs: 10 }, 0), 10);
});

test("jitter is full: the draw decides between nothing and the longest delay", () => {
  const policy: RetryPolicy = { attempts: 9, backoff: "exponential", firstMs: 1_000, maxMs: 6_000 };
  assert.equal(backoffMs(2, policy, 0), 0);
  assert.equal(backoffMs(2, policy, 0.5), 1_000);
  assert.equal(backoffMs(2, policy, almost1), 2_000);
});

test("a delay is a whole number of ms from 0 to maxMs, for any policy and draw", () => {
  const policies = fc.record({
    attempts: fc.integer({ min: 1, max: limits.attempts }),
    backoff: fc.constantFrom("exponential", "linear", "fixed"),
    firstMs: fc.double({ min: 0, max: 1e10, noNaN: true }),
    maxMs: fc.integer({ min: 0, max: 1e12 }),
  });
  const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 5_000 }), draws, (policy, attempt, random) => {
      const ms = backoffMs(attempt, policy, random);
      assert.ok(Number.isSafeInteger(ms) && ms >= 0 && ms <= policy.maxMs, `${ms}`);
    }),
  );
});
