/** To know: status, watch, result, the list of runs and the record of one sub-job; the same before and after a restart. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, opened } from "./given.ts";
import { anything, summing } from "./parts.ts";

/** Without what passes with the time alone. */
const lasting = (status: Status) => ({
  ...status,
  at: 0,
  asOf: 0,
  steps: status.steps.map((step) => ({ ...step, perSecond: 0 })),
});

test("counters add up at every look, from the start to the end", async (t) => {
  const { sums, parts } = summing(
    async (n, { attempt }) => {
      await new Promise(setImmediate);
      if (n % 7 === 0 && attempt === 1) throw new Error("once more");
      if (n % 50 === 0) throw new Error("never");
      return 1;
    },
    1_000,
    { retry: 2, tolerate: 1_000 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  let looks = 0;
  for await (const { steps } of run.watch()) {
    const [step] = steps;
    assert.ok(step !== undefined);
    const { size, waiting, inFlight, retrying, ok, failed, skipped, cancelled } = step;
    assert.equal(size, waiting + inFlight + retrying + ok + failed + skipped + cancelled);
    looks += 1;
  }
  const { steps, state, done, failed, total } = await run.status();
  assert.ok(looks > 0);
  assert.deepEqual(
    { state, done, failed, total },
    { state: "done", done: 980, failed: 20, total: 1_000 },
  );
  const [step] = steps;
  assert.equal(step?.durations !== undefined && step.durations.p50 <= step.durations.max, true);
  assert.ok((step?.perSecond ?? 0) > 0);
});

test("watch says what changes, and ends with the run", async (t) => {
  const { sums, parts } = summing((n) => n, 100);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const said: Status[] = [];
  for await (const status of run.watch()) said.push(status);
  assert.equal(said.at(-1)?.state, "done");
  assert.equal(said.at(-1)?.done, 100);
  const again: Status[] = [];
  for await (const status of run.watch()) again.push(status);
  assert.equal(again.length, 1);
});

test("watch of a run that is held goes on when somebody decides", async (t) => {
  const { sums, parts } = summing((n, ctx) => (n === 0 ? ctx.fatal("no") : n), 3);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const states: string[] = [];
  for await (const { state } of run.watch()) {
    if (states.at(-1) !== state) states.push(state);
    if (state === "held") await run.release("fine");
  }
  assert.deepEqual(states.slice(-2), ["held", "done"]);
});

test("what is known of a run is the same before and after a restart", async (t) => {
  const { sums, parts } = summing(
    (n, ctx) => {
      if (n === 5) throw new Error("451 busy");
      if (n === 6) return ctx.skip("nothing to do");
      if (n === 7 && ctx.attempt === 1) throw new Error("550 once");
      return n;
    },
    1_500,
    { retry: 2 },
  );
  const first = await given(t, parts);
  const options = { id: "r", customer: "acme", priority: "high", tags: { month: "09" } } as const;
  const run = await first.app.start(sums, {}, options);
  await until(async () => (await run.status()).state === "held");
  const keys = ["k0", "k5", "k6", "k7", "k1499", "none"];
  const before = {
    status: lasting(await run.status()),
    records: await Promise.all(keys.map((key) => run.subJob("add", key))),
    runs: await first.app.runs(),
  };
  await first.app.close();
  const second = opened(t, parts, { path: first.path });
  const same = await second.app.start(sums, {}, options);
  assert.deepEqual(lasting(await same.status()), before.status);
  assert.deepEqual(await Promise.all(keys.map((key) => same.subJob("add", key))), before.records);
  assert.deepEqual(await second.app.runs(), before.runs);
  assert.deepEqual(
    before.records.map((record) => [
      record?.state,
      record?.index,
      record?.result,
      record?.attempts.map(({ error }) => error?.message),
    ]),
    [
      ["ok", 0, 0, [undefined]],
      ["failed", 5, undefined, ["451 busy", "451 busy"]],
      ["skipped", 6, undefined, ["nothing to do"]],
      ["ok", 7, 7, ["550 once", undefined]],
      ["ok", 1_499, 1_499, [undefined]],
      [undefined, undefined, undefined, undefined],
    ],
  );
  const { steps } = before.status;
  assert.deepEqual(
    [steps[0]?.ok, steps[0]?.failed, steps[0]?.skipped, steps[0]?.failures[0]?.keys],
    [1_498, 1, 1, ["k5"]],
  );
  const { customer, priority, tags } = before.status;
  assert.deepEqual(
    { customer, priority, tags },
    { customer: "acme", priority: "high", tags: { month: "09" } },
  );
});

test("the record of a sub-job says how it is while it waits, runs and is retried", async (t) => {
  let finish: (n: number) => void = () => undefined;
  const { sums, parts } = summing(
    (n, ctx) =>
      n === 0
        ? new Promise((resolve) => {
            finish = resolve;
          })
        : n === 1
          ? ctx.retryLater("1h", "not yet")
          : n,
    4,
    { concurrency: 1 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const stateOf = async (key: string) => (await run.subJob("add", key))?.state;
  await until(async () => (await stateOf("k0")) === "in-flight");
  assert.deepEqual([await stateOf("k1"), await stateOf("k3")], ["waiting", "waiting"]);
  finish(0);
  await until(async () => (await stateOf("k1")) === "retrying");
  const { attempts = [] } = (await run.subJob("add", "k1")) ?? {};
  assert.deepEqual(
    attempts.map(({ outcome, error }) => [outcome, error?.message]),
    [["retry-later", "not yet"]],
  );
  await until(async () => (await stateOf("k3")) === "ok");
});

test("how far a sub-job or a step says it is, stands in its record while it runs", async (t) => {
  const finish = Promise.withResolvers<number>();
  const { sums, parts } = summing(
    (_, ctx) => {
      ctx.progress(40, 100);
      return finish.promise;
    },
    2,
    { concurrency: 1 },
  );
  const plain = flow("plain", { input: anything }).step("copy", async (_, ctx) => {
    ctx.progress(3);
    return finish.promise;
  });
  const { app } = await given(t, [...parts, plain]);
  const run = await app.start(sums, {}, { id: "r" });
  const other = await app.start(plain, {}, { id: "p" });
  await until(async () => (await run.subJob("add", "k0"))?.progress !== undefined);
  const { progress } = (await run.subJob("add", "k0")) ?? {};
  assert.deepEqual([progress?.done, progress?.of], [40, 100]);
  assert.equal((await run.subJob("add", "k1"))?.progress, undefined);
  await until(async () => (await other.status()).steps[0]?.progress[0]?.done === 3);
  const [cause] = (await run.why("add", "k0")).causes;
  assert.equal(cause?.because, "it is in flight: attempt 1 of 1, 40 of 100 done");
  finish.resolve(1);
  await run.result({ timeout: "60s" });
  await other.result({ timeout: "60s" });
  assert.equal((await run.subJob("add", "k0"))?.progress, undefined);
  assert.deepEqual((await run.status()).steps[0]?.progress, []);
});

test("runs are listed newest first, by state, flow and customer", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const later = flow("later", { input: anything }).step("wait", (_, ctx) => ctx.retryLater("1h"));
  const { app } = await given(t, [...parts, later]);
  for (const [id, customer] of [
    ["a", "acme"],
    ["b", "acme"],
    ["c", "zeta"],
  ] as const)
    await (await app.start(sums, {}, { id, customer })).result({ timeout: "60s" });
  await app.start(later, {}, { id: "d" });
  const ids = async (query: Parameters<typeof app.runs>[0]) =>
    (await app.runs(query)).map(({ run }) => run);
  await until(async () => (await ids({ states: ["done"] })).length === 3);
  await until(async () => (await ids({})).length === 4);
  assert.deepEqual((await ids({})).toSorted(), ["a", "b", "c", "d"]);
  assert.deepEqual((await ids({ customer: "acme" })).toSorted(), ["a", "b"]);
  assert.deepEqual(await ids({ flow: "later" }), ["d"]);
  assert.deepEqual(await ids({ states: ["running"] }), ["d"]);
  assert.equal((await ids({ limit: 2 })).length, 2);
});

test("an unknown run is undefined, and an unknown step or key has no record", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const { app } = await given(t, parts);
  assert.equal(await app.run("nobody"), undefined);
  const run = await app.start(sums, {}, { id: "r" });
  await run.result({ timeout: "60s" });
  assert.equal(await run.subJob("ad" as "add", "k0"), undefined);
  assert.equal(await run.subJob("add", "k1"), undefined);
});

test("work ends when it is told to, a second one in the same process is fine, and close may be called twice", async (t) => {
  const { sums, parts } = summing((n) => n, 200);
  const { app, stop } = await given(t, parts, { work: { concurrency: 2 } });
  const ready = Promise.withResolvers<void>();
  const second = app.work({ concurrency: 2, onReady: () => ready.resolve() });
  await ready.promise;
  await stop();
  const run = await app.start(sums, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).ok, 200);
  await Promise.all([app.close(), app.close()]);
  await app.close();
  await second;
});

test("an app that was closed opens again when it is asked something", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await run.result({ timeout: "60s" });
  await app.close();
  assert.equal((await (await app.run("r"))?.status())?.state, "done");
});

test("a handle of an app that was closed says so", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await app.close();
  await assert.rejects(run.status(), /^UnavailableError: .* is closed$/);
});
