/** Splitting: how few and how many items, which keys, and what becomes of an `over` that goes wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { flow, job, paged, type Ctx, type Job, type Items } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything, numbered, numbers, summing, type Numbered } from "./parts.ts";

const noop = job("noop", { input: numbered, run: () => {} });
const onceOnly = { split: { retry: 1 } } as const;

/** A flow over these items; nothing is done with them. */
function over(source: (ctx: Ctx) => Items<Numbered>, key = ({ n }: Numbered) => `k${n}`) {
  return flow("items", { input: anything }).fanOut("add", noop, {
    over: (_, ctx) => source(ctx),
    key,
    fold: (f) => f.count(),
    ...onceOnly,
  });
}

for (const count of [0, 1, 2, 999, 1_000, 1_001, 2_500])
  test(`C60 ${count} items are ${count} sub-jobs`, async (t) => {
    const { sums, parts } = summing((n) => n, count);
    const { app } = await given(t, parts);
    const run = await app.start(sums, {}, { id: "r" });
    const { total, ok, value } = await run.result({ timeout: "60s" });
    const sum = count < 2 ? 0 : (count * (count - 1)) / 2;
    assert.deepEqual({ total, ok, value }, { total: count, ok: count, value: { sum, count } });
  });

test("C08 repeated keys are one sub-job, and the others are counted", async (t) => {
  const twice = over(function* () {
    yield* numbers(1_500);
    yield* numbers(1_500);
    yield { n: 0 };
  });
  const { app } = await given(t, [twice, noop]);
  const run = await app.start(twice, {}, { id: "r" });
  const { total, ok } = await run.result({ timeout: "60s" });
  const { steps } = await run.status();
  assert.deepEqual([total, ok, steps[0]?.duplicateKeys], [1_500, 1_500, 1_501]);
});

test("a key of 10 KB is refused, with its length and what to do", async (t) => {
  const long = over(
    () => numbers(2),
    ({ n }) => `${n}`.repeat(10_240),
  );
  const { app } = await given(t, [long, noop]);
  const run = await app.start(long, {}, { id: "r" });
  const status = await until(async () => {
    const now = await run.status();
    return now.state === "held" ? now : undefined;
  });
  assert.match(
    status.because ?? "",
    /^the split of add failed: item 1 of step "add": key of a sub-job must be a text of 1 to 1024 characters, got "0{59}… of 10240: make it shorter, for example a hash of it$/,
  );
});

test("keys may be any text that can be stored", async (t) => {
  const keys = [
    "a/b",
    "ä ö",
    "…/../..",
    "%2F",
    "'; drop table runs; --",
    "\u{1F600}",
    " ",
    "x".repeat(1_024),
    "__proto__",
  ];
  const strange = over(
    () => numbers(keys.length),
    ({ n }) => keys[n] ?? "",
  );
  const { app } = await given(t, [strange, noop]);
  const run = await app.start(strange, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).ok, keys.length);
  for (const [n, key] of keys.entries())
    assert.deepEqual((await run.subJob("add", key))?.input, { n });
  assert.equal(await run.subJob("add", "no such key"), undefined);
});

for (const [what, key, said] of [
  ["empty", "", '""'],
  ["a number", 7, "7"],
  ["undefined", undefined, "undefined"],
  ["with half a character", "\ud800", '"\\ud800"'],
] as const)
  test(`a key that is ${what} holds the run and says so`, async (t) => {
    const wrong = over(
      () => numbers(3),
      () => key as string,
    );
    const { app } = await given(t, [wrong, noop]);
    const run = await app.start(wrong, {}, { id: "r" });
    const because = await until(async () => (await run.status()).because);
    assert.ok(
      because.startsWith('the split of add failed: item 1 of step "add": key of a sub-job must'),
      because,
    );
    assert.ok(because.includes(`got ${said}`), because);
  });

for (const [library, input, message] of [
  ["zod", z.object({ n: z.number() }), ".n: Invalid input: expected number, received string"],
  ["valibot", v.object({ n: v.number() }), '.n: Invalid type: Expected number but received "2"'],
  ["arktype", type({ n: "number" }), ".n: n must be a number (was a string)"],
] as const)
  test(`an item that a schema of ${library} refuses holds the run in the schema's words`, async (t) => {
    const strict = job("strict", { input, run: () => {} }) as Job<"strict", Numbered, void>;
    const items = flow("items", { input: anything }).fanOut("add", strict, {
      over: () => [{ n: 0 }, { n: 1 }, { n: "2" as unknown as number }],
      key: ({ n }) => `k${n}`,
      ...onceOnly,
    });
    const { app } = await given(t, [items, strict]);
    const run = await app.start(items, {}, { id: "r" });
    const because = await until(async () => (await run.status()).because);
    assert.equal(because, `the split of add failed: item 3 of step "add": ${message}`);
  });

test("C04 an over that throws half-way keeps its pages, is tried again, and skips what is known", async (t) => {
  let tries = 0;
  const ran = new Map<number, number>();
  const count = job("count", {
    input: numbered,
    run: ({ n }) => void ran.set(n, (ran.get(n) ?? 0) + 1),
  });
  const shaky = flow("shaky", { input: anything }).fanOut("add", count, {
    *over() {
      tries += 1;
      yield* numbers(2_500);
      if (tries < 3) throw new Error("the database went away");
      yield { n: 2_500 };
    },
    key: ({ n }) => `k${n}`,
    split: { retry: { attempts: 3, backoff: "fixed", first: "0ms" } },
  });
  const { app } = await given(t, [shaky, count]);
  const run = await app.start(shaky, {}, { id: "r" });
  const { total, ok } = await run.result({ timeout: "60s" });
  const { steps } = await run.status();
  assert.deepEqual([tries, total, ok, steps[0]?.duplicateKeys], [3, 2_501, 2_501, 0]);
  assert.deepEqual([ran.size, Math.max(...ran.values())], [2_501, 1]);
});

test("C06 an over that throws for good holds the run; a redrive goes on with it", async (t) => {
  let mended = false;
  const broken = over(function* () {
    yield* numbers(1_200);
    if (!mended) throw new Error("no such table: customers");
    yield { n: 1_200 };
  });
  const { app } = await given(t, [broken, noop]);
  const run = await app.start(broken, {}, { id: "r" });
  const status = await until(async () => {
    const now = await run.status();
    return now.state === "held" ? now : undefined;
  });
  assert.equal(status.because, "the split of add failed: no such table: customers");
  mended = true;
  await run.redrive();
  const { total, ok } = await run.result({ timeout: "60s" });
  assert.deepEqual([total, ok], [1_201, 1_201]);
});

test("C04 a paged over goes on at its cursor after it threw", async (t) => {
  const asked: (number | undefined)[] = [];
  let failed = false;
  const pages = flow("pages", { input: anything }).fanOut("add", noop, {
    over: paged((_, cursor: number | undefined) => {
      asked.push(cursor);
      const from = cursor ?? 0;
      if (from === 20 && !failed) {
        failed = true;
        throw new Error("timeout");
      }
      const items = [...numbers(from + 10)].slice(from);
      return from === 40 ? { items } : { items, next: from + 10 };
    }),
    key: ({ n }) => `k${n}`,
    split: { retry: { attempts: 2, backoff: "fixed", first: "0ms" } },
  });
  const { app } = await given(t, [pages, noop]);
  const run = await app.start(pages, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).ok, 50);
  assert.deepEqual(asked, [undefined, 10, 20, 20, 30, 40]);
});

test("an over that returns no items says what it returned", async (t) => {
  for (const [source, got] of [
    [undefined, "undefined"],
    [7, "number"],
    ["abc", "string"],
  ] as const) {
    const none = over(() => source as never);
    const { app } = await given(t, [none, noop]);
    const run = await app.start(none, {}, { id: "r" });
    const because = await until(async () => (await run.status()).because);
    assert.equal(
      because,
      `the split of add failed: over of step "add" must return an array, a generator or an async generator, got ${got}`,
    );
  }
});

for (const kind of ["generator", "async generator"] as const)
  test(`a ${kind} that goes on after its run was cancelled is left alone: it ends, and its finally runs`, async (t) => {
    let yielded = 0;
    let ended = false;
    const endless = over((ctx) => {
      function* items(): Generator<Numbered> {
        try {
          for (;;) yield { n: yielded++ };
        } finally {
          ended = ctx.signal.aborted;
        }
      }
      async function* late(): AsyncGenerator<Numbered> {
        yield* items();
      }
      return kind === "generator" ? items() : late();
    });
    const { app } = await given(t, [endless, noop]);
    const run = await app.start(endless, {}, { id: "r" });
    await until(() => yielded > 5_000);
    await run.cancel("a mistake");
    await until(() => ended, { what: "the generator ends" });
    const before = yielded;
    const { state, because, steps } = await run.status();
    assert.deepEqual([state, because, steps[0]?.state], ["cancelled", "a mistake", "cancelled"]);
    assert.equal(steps[0]?.size, (steps[0]?.ok ?? 0) + (steps[0]?.cancelled ?? 0));
    assert.equal(yielded, before);
  });

test("an over that waits for ever is given up after its timeout, and its signal fires", async (t) => {
  let aborted = false;
  const silent = flow("silent", { input: anything }).fanOut("add", noop, {
    async *over(_, ctx) {
      yield { n: 0 };
      await new Promise<void>((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          aborted = true;
          resolve();
        });
      });
    },
    key: ({ n }) => `k${n}`,
    split: { retry: 1, timeout: "50ms" },
  });
  const { app } = await given(t, [silent, noop]);
  const run = await app.start(silent, {}, { id: "r" });
  const because = await until(async () => (await run.status()).because);
  assert.equal(because, "the split of add failed: no page of items within 50 ms");
  assert.ok(aborted);
});

test("C60 a million items, keys and sub-jobs are one run like any other", async (t) => {
  const million = over(() => numbers(1_000_000));
  const { app } = await given(t, [million, noop], { work: { concurrency: 1_000 } });
  const run = await app.start(million, {}, { id: "r" });
  const { total, ok } = await run.result({ timeout: "5m" });
  assert.deepEqual([total, ok], [1_000_000, 1_000_000]);
  assert.deepEqual((await run.subJob("add", "k777777"))?.input, { n: 777_777 });
});
