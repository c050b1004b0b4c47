/** Retention of flows and jobs: what has ended is gone when its time is over, and nothing else is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { app, flow, job, UsageError } from "../../src/index.ts";
import { testApp } from "../../src/testing.ts";
import { anything, numbered, numbers } from "./parts.ts";

const add = job("add", { input: numbered, run: ({ n }) => n });
const sums = flow("sums", { input: anything, retention: "30d" }).fanOut("add", add, {
  over: () => numbers(3),
  key: ({ n }) => `k${n}`,
  fold: (f) => f.sum((n) => n),
});
const forEver = flow("for-ever", { input: anything }).step("one", () => 1);
const decided = flow("decided", { input: anything, retention: "1h" }).step("two", (_, ctx) =>
  ctx.attempt > 9 ? 2 : ctx.fatal("not yet"),
);
const parts = [add, sums, forEver, decided];

test("a run is found until its retention is over; after that it is as if it had never been", async () => {
  const t = testApp(app({ name: "kept", parts }));
  const run = await t.start(sums, {}, { id: "r" });
  await t.settle();
  await t.advance("29d");
  assert.equal((await run.status()).state, "done");
  await t.advance("2d");
  await assert.rejects(run.status(), (error) => {
    assert.match(String(error), /there is no run "r"/);
    return true;
  });
});

test("its id may be used again", async () => {
  const t = testApp(app({ name: "again", parts }));
  await t.start(sums, {}, { id: "r" });
  await t.settle();
  await t.advance("31d");
  const again = await t.start(sums, { note: "another" }, { id: "r" });
  await t.settle();
  assert.ok(again.created);
  assert.equal((await again.status()).state, "done");
});

test("a flow that says nothing keeps its runs for ever", async () => {
  const t = testApp(app({ name: "for-ever", parts }));
  const run = await t.start(forEver, {}, { id: "r" });
  await t.settle();
  await t.advance("40d");
  assert.equal((await run.status()).state, "done");
});

test("C39 a run that waits to begin is kept, and one that failed goes as one that is done does", async () => {
  const t = testApp(app({ name: "waits", parts }));
  const failed = await t.start(decided, {}, { id: "failed" });
  await t.settle();
  assert.equal((await failed.status()).state, "failed");
  const waits = await t.start(decided, {}, { id: "waits", in: "10d" });
  await t.advance("1d");
  assert.equal((await waits.status()).state, "waiting");
  await assert.rejects(failed.status(), /there is no run "failed"/);
});

test("a retention that cannot be meant is refused", () => {
  for (const retention of ["0ms", "a week", "4000d"] as const)
    assert.throws(
      () => flow("f", { input: anything, retention: retention as "1d" }), // oxlint-disable-line typescript/no-unsafe-type-assertion -- what the compiler would refuse
      (error) => error instanceof UsageError && /retention of flow "f"/.test(error.message),
    );
});
