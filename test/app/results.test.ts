/** Results: what may be returned, what is kept of it, and what the folds and later steps make of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import { z } from "zod";
import { flow, job, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything, numbered, numbers } from "./parts.ts";

/** A run of one sub-job that returns this, and of the step after it. */
function returning(result: () => unknown) {
  const back = job("back", { input: numbered, run: () => result() as string });
  const one = flow("one", { input: anything }).fanOut("back", back, {
    over: () => numbers(1),
    key: () => "only",
    fold: (f) => f.list(1),
  });
  return { one, parts: [back, one] };
}

async function because(status: () => Promise<Status>): Promise<string> {
  return until(async () => (await status()).because);
}

class Money {
  readonly cents = 9;
}
const cycle: { self?: unknown } = {};
cycle.self = cycle;

for (const [what, result, said] of [
  ["a Date", () => ({ at: new Date(0) }), "a Date at .at; return it as an ISO string"],
  ["a Map", () => new Map(), "a Map; use Object.fromEntries(map)"],
  ["a bigint", () => ({ n: [1n] }), "a bigint at .n[0]; use a string"],
  ["NaN", () => NaN, "NaN; use null or a string"],
  ["a function", () => ({ f() {} }), "a function at .f; leave it out"],
  ["an instance of a class", () => new Money(), "an instance of Money; use a plain object"],
  ["a cycle", () => cycle, "a cycle at .self; refer back by an id"],
  [
    "half a character",
    () => "\ud800",
    "half a character in a string; cut strings between characters",
  ],
] as const)
  test(`a result with ${what} fails at once, with the path and what to return`, async (t) => {
    const { one, parts } = returning(result);
    const { app } = await given(t, parts);
    const run = await app.start(one, {}, { id: "r" });
    assert.equal(await because(run.status), "1 of 1 failed, 0 tolerated");
    const record = await run.subJob("back", "only");
    assert.deepEqual(
      record?.attempts.map(({ attempt, outcome, error }) => [attempt, outcome, error?.message]),
      [[1, "failed", `result of job "back": expected plain JSON, got ${said}`]],
    );
  });

test("C62 a result of just 1 MB is kept, one byte more is refused with its size", async (t) => {
  let length = 1_048_576 - 2;
  const { one, parts } = returning(() => "x".repeat(length));
  const { app } = await given(t, parts);
  const fits = await app.start(one, {}, { id: "fits" });
  const { value } = await fits.result({ timeout: "60s" });
  assert.equal((value[0] as unknown as string).length, length);
  length += 1;
  const large = await app.start(one, {}, { id: "large" });
  await because(large.status);
  const record = await large.subJob("back", "only");
  assert.equal(
    record?.attempts[0]?.error?.message,
    'result of job "back": expected at most 1 MB (1048576 bytes) as JSON, got 1048577 bytes; keep it in a file or object store and pass its address',
  );
});

test("many large results at once come through", async (t) => {
  const large = job("large", {
    input: numbered,
    run: async ({ n }) => ({ n, text: "x".repeat(200_000) }),
  });
  const sizes = flow("sizes", { input: anything }).fanOut("large", large, {
    over: () => numbers(60),
    key: ({ n }) => `${n}`,
    fold: (f) => ({ length: f.sum(({ text }) => text.length) }),
  });
  const { app } = await given(t, [large, sizes]);
  const run = await app.start(sizes, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).value.length, 12_000_000);
  assert.deepEqual((await run.subJob("large", "7"))?.result, { n: 7, text: "x".repeat(200_000) });
});

test("a step's result that cannot be stored fails the run in the same words", async (t) => {
  const bad = flow("bad", { input: anything }).step(
    "first",
    () => ({ at: new Date(0) }) as unknown as string,
  );
  const { app } = await given(t, [bad]);
  const run = await app.start(bad, {}, { id: "r" });
  await assert.rejects(
    run.result({ timeout: "60s" }),
    /^RunEndedError: run "r" failed: step first failed: result of step "first": expected plain JSON, got a Date at \.at; return it as an ISO string$/,
  );
});

test("undefined, null and nothing are results", async (t) => {
  const results = [undefined, null, { a: undefined, b: null }];
  const back = job("back", { input: numbered, run: ({ n }) => results[n] as string | undefined });
  const three = flow("three", { input: anything })
    .fanOut("back", back, {
      over: () => numbers(3),
      key: ({ n }) => `${n}`,
      fold: (f) => f.list(3),
    })
    .step("then", ({ back }) => back.value as unknown as string[]);
  const { app } = await given(t, [back, three]);
  const run = await app.start(three, {}, { id: "r" });
  assert.deepEqual(await run.result({ timeout: "60s" }), [null, null, { b: null }]);
  assert.deepEqual((await run.subJob("back", "2"))?.result, { b: null });
});

test("C37 a fold that throws fails its sub-job; a redrive folds it when the fold is mended", async (t) => {
  let broken = true;
  const back = job("back", { input: numbered, run: ({ n }) => n });
  const folded = flow("folded", { input: anything }).fanOut("back", back, {
    over: () => numbers(5),
    key: ({ n }) => `${n}`,
    fold: (f) =>
      f.sum((n) => {
        if (broken && n === 3) throw new Error("no rate for currency WWW");
        return n;
      }),
  });
  const { app } = await given(t, [back, folded]);
  const run = await app.start(folded, {}, { id: "r" });
  assert.equal(await because(run.status), "1 of 5 failed, 0 tolerated");
  const { steps } = await run.status();
  assert.deepEqual(
    [steps[0]?.value, steps[0]?.failures[0]?.message],
    [7, "fold: Error: no rate for currency WWW"],
  );
  broken = false;
  assert.deepEqual(await run.redrive(), { matched: 1 });
  assert.equal((await run.result({ timeout: "60s" })).value, 10);
});

test("a schema's transform is what run and steps get; what is stored is what was given", async (t) => {
  const day = z.object({ at: z.string().transform((text) => new Date(text)) });
  const year = job("year", { input: day, run: ({ at }) => at.getUTCFullYear() });
  const years = flow("years", { input: day })
    .fanOut("all", year, {
      over: ({ input }) => [{ at: input.at.toISOString() }, { at: "2030-06-01T00:00:00Z" }],
      key: ({ at }) => at,
      fold: (f) => f.sum((n) => n),
    })
    .step("say", ({ input, all }) => `${input.at.getUTCFullYear()} ${all.value}`);
  const { app } = await given(t, [year, years]);
  const run = await app.start(years, { at: "2026-09-01T00:00:00Z" }, { id: "r" });
  assert.equal(await run.result({ timeout: "60s" }), "2026 4056");
  const record = await run.subJob("all", "2030-06-01T00:00:00Z");
  assert.deepEqual(record?.input, { at: "2030-06-01T00:00:00Z" });
});

test("user code that changes its input changes nobody else's", async (t) => {
  let first = true;
  const spoil = job("spoil", {
    input: type({ n: "number" }), // Hands on the object that it was given.
    retry: { attempts: 2, backoff: "fixed", first: "0ms" },
    run(input) {
      const { n } = input;
      input.n = -1;
      if (n === 1 && first) {
        first = false;
        throw new Error("once more");
      }
      return n;
    },
  });
  const spoilt = flow("spoilt", { input: anything }).fanOut("all", spoil, {
    over: () => numbers(3),
    key: ({ n }) => `${n}`,
    fold: (f) => f.sum((n) => n),
  });
  const { app } = await given(t, [spoil, spoilt]);
  const run = await app.start(spoilt, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).value, 3);
});
