/** Failure is normal: retries, tolerance, the hold, and what people decide then. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow, job, type Run, type RunState, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything, numbered, numbers, summing } from "./parts.ts";

const state = async (run: Pick<Run, "id" | "status">, wanted: RunState): Promise<Status> =>
  until(
    async () => {
      const status = await run.status();
      return status.state === wanted ? status : undefined;
    },
    { what: `run "${run.id}" is ${wanted}` },
  );

/** Those that fail until they are mended. */
function ill(numbers: readonly number[]) {
  const open = new Set(numbers);
  const ran = new Map<number, number>();
  return {
    ran,
    mend: () => open.clear(),
    run: (n: number): number => {
      ran.set(n, (ran.get(n) ?? 0) + 1);
      if (open.has(n)) throw new Error(n % 2 === 0 ? "451 mailbox busy" : "550 no such user");
      return n;
    },
  };
}

test("C50 what fails is tried as often as was said, and then given up", async (t) => {
  const { run: handler, ran } = ill([3]);
  const { sums, parts } = summing(handler, 10, { retry: 4, tolerate: 1 });
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const { ok, failed, value } = await run.result({ timeout: "60s" });
  assert.deepEqual([ok, failed, value.sum, ran.get(3), ran.size], [9, 1, 42, 4, 10]);
  const record = await run.subJob("add", "k3");
  assert.deepEqual(
    record?.attempts.map(({ attempt }) => attempt),
    [1, 2, 3, 4],
  );
});

test("tolerance as a count and as a percentage: at it the run goes on, above it it is held", async (t) => {
  for (const [tolerate, failures, wanted] of [
    [2, 2, "done"],
    [2, 3, "held"],
    ["10%", 10, "done"],
    ["10%", 11, "held"],
    ["0.5%", 1, "held"],
  ] as const) {
    const sick = ill(Array.from({ length: failures }, (_, n) => n));
    const add = job("add", { input: numbered, retry: 1, run: ({ n }) => sick.run(n) });
    const sums = flow("sums", { input: anything }).fanOut("add", add, {
      over: () => numbers(100),
      key: ({ n }) => `k${n}`,
      tolerate,
    });
    const { app } = await given(t, [add, sums]);
    const run = await app.start(sums, {}, { id: "r" });
    const { because } = await state(run, wanted);
    assert.equal(because === undefined, wanted === "done", because);
    await app.close();
  }
});

test("a held run says why, and what failed how often", async (t) => {
  const { run: handler } = ill([0, 1, 2, 4]);
  const { sums, parts } = summing(handler, 20, { tolerate: 1 });
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const status = await state(run, "held");
  assert.equal(status.because, "4 of 20 failed, 1 tolerated");
  assert.deepEqual(
    status.steps[0]?.failures.map(({ message, count, keys }) => [message, count, keys]),
    [
      ["451 mailbox busy", 3, ["k0", "k2", "k4"]],
      ["550 no such user", 1, ["k1"]],
    ],
  );
  const { step, done, failed, total } = status;
  assert.deepEqual({ step, done, failed, total }, { step: "add", done: 16, failed: 4, total: 20 });
});

test("a redrive runs what failed in a new generation, keeps the rest and folds only the difference", async (t) => {
  const { run: handler, mend, ran } = ill([2, 3, 4]);
  const { sums, parts } = summing(handler, 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const held = await state(run, "held");
  assert.deepEqual(held.steps[0]?.value, { sum: 45 - 9, count: 7 });
  mend();
  assert.deepEqual(await run.redrive({ keys: ["k2"] }), { matched: 1 });
  const again = await state(run, "held");
  assert.equal(again.because, "2 of 10 failed, 0 tolerated");
  assert.deepEqual(await run.redrive(), { matched: 2 });
  const { ok, failed, value } = await run.result({ timeout: "60s" });
  assert.deepEqual([ok, failed, value], [10, 0, { sum: 45, count: 10 }]);
  assert.deepEqual(
    [...ran.values()].toSorted((a, b) => a - b),
    [1, 1, 1, 1, 1, 1, 1, 2, 2, 2],
  );
  const { steps } = await run.status();
  assert.deepEqual([steps[0]?.generation, steps[0]?.failures], [3, []]);
  const record = await run.subJob("add", "k3");
  assert.deepEqual(
    record?.attempts.map(({ outcome }) => outcome),
    ["failed", "ok"],
  );
});

test("a redrive by signature takes only those that failed so", async (t) => {
  const { run: handler, mend } = ill([0, 1, 2, 3]);
  const { sums, parts } = summing(handler, 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const { steps } = await state(run, "held");
  const busy = steps[0]?.failures.find(({ message }) => message.includes("busy"));
  mend();
  assert.deepEqual(await run.redrive({ step: "add", signature: busy?.signature ?? "" }), {
    matched: 2,
  });
  const held = await state(run, "held");
  assert.equal(held.because, "2 of 10 failed, 0 tolerated");
});

test("C23 skipped failures count as done, and the run goes on", async (t) => {
  const { run: handler } = ill([0, 1]);
  const { sums, parts } = summing(handler, 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await state(run, "held");
  assert.deepEqual(await run.skip("no such customers", { keys: ["k0"] }), { matched: 1 });
  await state(run, "held");
  assert.deepEqual(await run.skip("no such customers"), { matched: 1 });
  const { ok, failed, skipped, value } = await run.result({ timeout: "60s" });
  assert.deepEqual([ok, failed, skipped, value.sum], [8, 0, 2, 44]);
});

test("release lets a held run go on with its failures", async (t) => {
  const { run: handler } = ill([0, 1]);
  const early = Promise.withResolvers<void>();
  const { sums, parts } = summing((n) => early.promise.then(() => handler(n)), 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await assert.rejects(run.release("early"), /^ConflictError: run "r" is not held: it is \w+$/);
  early.resolve();
  await state(run, "held");
  await run.release("good enough");
  const { ok, failed, value } = await run.result({ timeout: "60s" });
  assert.deepEqual([ok, failed, value.sum], [8, 2, 44]);
});

test("C23 close folds what there is, cancels the rest and goes on with the next step", async (t) => {
  const slow = job("slow", {
    input: numbered,
    run: ({ n }, ctx) =>
      n < 5
        ? n
        : new Promise<number>((_, no) =>
            ctx.signal.addEventListener("abort", () => no(ctx.signal.reason)),
          ),
  });
  const part = flow("part", { input: anything })
    .fanOut("all", slow, {
      over: () => numbers(20),
      key: ({ n }) => `k${n}`,
      concurrency: 8,
      fold: (f) => f.sum((n) => n),
    })
    .step("say", ({ all }) => `${all.ok} of ${all.total}: ${all.value}`);
  const { app } = await given(t, [slow, part]);
  const run = await app.start(part, {}, { id: "r" });
  await until(async () => (await run.status()).steps[0]?.ok === 5);
  await run.close("the month is over");
  assert.equal(await run.result({ timeout: "60s" }), "5 of 20: 10");
  const { steps } = await run.status();
  assert.deepEqual([steps[0]?.cancelled, steps[0]?.state, steps[1]?.state], [15, "done", "done"]);
});

test("cancel ends a run at once, also one that is held or waits for a retry", async (t) => {
  const { run: handler } = ill([0]);
  const { sums, parts } = summing(handler, 3);
  const later = summing((_, ctx) => ctx.retryLater("1h"), 3);
  const { app } = await given(t, parts);
  const held = await app.start(sums, {}, { id: "held" });
  await state(held, "held");
  await held.cancel("not this month");
  assert.equal((await held.status()).because, "not this month");
  await assert.rejects(
    held.cancel("again"),
    /^ConflictError: run "held" has ended: it is cancelled$/,
  );
  await assert.rejects(held.redrive(), /^ConflictError: run "held" .*cancelled/);
  const other = await given(t, later.parts);
  const waits = await other.app.start(later.sums, {}, { id: "waits" });
  await until(async () => (await waits.status()).steps[0]?.retrying === 3);
  await waits.cancel("enough");
  const { steps } = await waits.status();
  assert.deepEqual([steps[0]?.retrying, steps[0]?.cancelled], [0, 3]);
});

test("beyond: fail ends the run; a redrive brings it back", async (t) => {
  const { run: handler, mend } = ill([1]);
  const { sums, parts } = summing(handler, 5, { beyond: "fail" });
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await assert.rejects(run.result(), /^RunEndedError: run "r" failed: 1 of 5 failed, 0 tolerated$/);
  mend();
  await run.redrive();
  assert.equal((await run.result({ timeout: "60s" })).value.sum, 10);
});

test("a step that fails fails the run with its own words; a redrive runs it again and what comes after it", async (t) => {
  let broken = true;
  let tries = 0;
  const steps = flow("steps", { input: anything })
    .step("first", () => 1)
    .step(
      "second",
      ({ first }) => {
        tries += 1;
        if (broken) throw new Error("no toner");
        return first + 1;
      },
      { retry: { attempts: 2, backoff: "fixed", first: "0ms" } },
    )
    .step("third", ({ second }) => second + 1);
  const { app } = await given(t, [steps]);
  const run = await app.start(steps, {}, { id: "r" });
  await assert.rejects(
    run.result(),
    /^RunEndedError: run "r" failed: step second failed: no toner$/,
  );
  assert.equal(tries, 2);
  broken = false;
  assert.deepEqual(await run.redrive(), { matched: 1 });
  assert.equal(await run.result({ timeout: "60s" }), 3);
});

test("a redrive of a done run's fan-out folds again what was tolerated, and runs later steps again", async (t) => {
  const { run: handler, mend } = ill([1, 2]);
  let said = 0;
  const add = job("add", { input: numbered, retry: 1, run: ({ n }) => handler(n) });
  const sums = flow("sums", { input: anything })
    .fanOut("add", add, {
      over: () => numbers(5),
      key: ({ n }) => `k${n}`,
      tolerate: "50%",
      fold: (f) => f.sum((n) => n),
    })
    .step("say", ({ add }) => `${add.value} #${(said += 1)}`);
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  assert.equal(await run.result({ timeout: "60s" }), "7 #1");
  mend();
  assert.deepEqual(await run.redrive({ step: "add" }), { matched: 2 });
  await until(() => said === 2);
  assert.equal(await run.result({ timeout: "60s" }), "10 #2");
});

test("a command about what is not there says so", async (t) => {
  const { run: handler } = ill([0]);
  const { sums, parts } = summing(handler, 3);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await state(run, "held");
  await assert.rejects(
    run.redrive({ keys: ["nobody"] }),
    /^NotFoundError: step "add" of run "r" has no sub-job "nobody"$/,
  );
  await assert.rejects(
    run.redrive({ step: "ad" as "add" }),
    /^ConflictError: run "r" has no step "ad"/,
  );
  assert.deepEqual(await run.redrive({ signature: "no-such" }), { matched: 0 });
  assert.equal(await app.run("nobody"), undefined);
});

test("a selection is frozen: by key, kind and input; it says how many, decides on them, and reports each", async (t) => {
  const { run: handler, mend } = ill([0, 1, 2, 3, 4, 5]);
  const { sums, parts } = summing(handler, 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await state(run, "held");
  const even = await run.select({ input: (input) => (input as { n: number }).n % 2 === 0 });
  assert.deepEqual([even.step, even.count, even.keys], ["add", 3, ["k0", "k2", "k4"]]);
  const [, kind] = (await run.status()).steps[0]?.failures ?? [];
  const odd = await run.select({ signature: kind?.signature ?? "" });
  assert.deepEqual(odd.keys, ["k1", "k3", "k5"]);
  assert.equal((await run.select({ keys: ["k1", "k9"] })).count, 1, "k9 has not failed");
  assert.equal((await run.select({ signature: "unheard-of" })).count, 0);
  await assert.rejects(run.select({ keys: ["k77"] }), /step "add" of run "r" has no sub-job "k77"/);

  assert.deepEqual(await run.skip("not wanted", { keys: ["k0"] }), { matched: 1 });
  mend();
  assert.deepEqual(
    await even.redrive({ author: "anna", reason: "mended", request: "q" }),
    { matched: 2, changed: 1 },
    "k0 was skipped meanwhile, and is left alone",
  );
  assert.deepEqual(await even.redrive({ author: "anna", request: "q" }), {
    matched: 2,
    changed: 1,
  });
  await until(async () => (await run.status()).steps[0]?.ok === 6);
  const report: (string | undefined)[][] = [];
  for await (const { key, state, error } of even.report()) report.push([key, state, error?.name]);
  assert.deepEqual(report, [
    ["k0", "skipped", undefined],
    ["k2", "ok", undefined],
    ["k4", "ok", undefined],
  ]);
});

test("two people decide at once: the second is told what was left of it", async (t) => {
  const { run: handler } = ill([1, 2, 3]);
  const { sums, parts } = summing(handler, 5);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await state(run, "held");
  const [anna, bert] = await Promise.all([run.select(), run.select()]);
  const [first, second] = await Promise.all([
    anna.skip("not wanted", { author: "anna" }),
    bert.skip("not wanted", { author: "bert" }).catch((error: unknown) => error),
  ]);
  assert.deepEqual(first, { matched: 3, changed: 0 });
  assert.match(String(second), /run "r" has ended: it is done/);
  assert.deepEqual(await anna.redrive(), { matched: 0, changed: 3 }, "they are skipped");
});

test("what a manager gives up on by itself is among the failures under its key, by which it can be looked up", async (t) => {
  const add = job("add", { input: numbered, run: ({ n }) => n });
  const sums = flow("sums", { input: anything }).fanOut("add", add, {
    over: () => numbers(3),
    key: ({ n }) => `k${n}`,
    fold: (f) => f.sum((n) => (n === 1 ? NaN : n)),
  });
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  const { steps } = await state(run, "held");
  assert.deepEqual(steps[0]?.failures[0]?.keys, ["k1"]);
  assert.equal((await run.subJob("add", "k1"))?.state, "failed");
  assert.deepEqual((await app.failures()).groups[0]?.samples[0]?.keys, ["k1"]);
});

test("of a split that failed it is known what it threw, and where", async (t) => {
  const add = job("add", { input: numbered, run: ({ n }) => n });
  const sums = flow("sums", { input: anything }).fanOut("add", add, {
    over: () => numbers(3),
    key: () => {
      throw new TypeError("no id");
    },
    split: { retry: 1 },
  });
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  const { steps } = await state(run, "held");
  const { name, message, at } = steps[0]?.error ?? {};
  assert.deepEqual([name, message], ["TypeError", "no id"]);
  assert.match(at ?? "", /failures\.test\.ts:\d+/);
});
