/** testApp: what a user's test may rely on. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { z } from "zod";
import { app, flow, job, UnavailableError, UsageError, type App } from "../../src/index.ts";
import { testApp } from "../../src/testing.ts";

const greet = job("greet", {
  input: z.object({ name: z.string().transform((name) => name.toUpperCase()) }),
  retry: { attempts: 2, backoff: "fixed", first: "10m", max: "10m" },
  timeout: "5m",
  run: ({ name }) => `hello ${name}`,
});

const greetings = flow("greetings", { input: z.object({ names: z.array(z.string()) }) })
  .fanOut("greet", greet, {
    over: ({ input }) => input.names.map((name) => ({ name })),
    key: ({ name }) => name,
    fold: (f) => ({ said: f.list(10) }),
  })
  .step("count", ({ greet }) => greet.value.said);

const office: App = app({ name: "office", parts: [greet, greetings] });

test("a job without a stub runs as it is, and its input as its schema makes it", async () => {
  const t = testApp(office);
  const run = await t.start(greetings, { names: ["ada"] });
  assert.deepEqual(await run.result(), ["hello ADA"]);
});

test("a stub gets the input as it is stored, and what it returns is the job's result", async () => {
  const t = testApp(office);
  t.stub(greet, ({ name }) => `good day ${name}`);
  const run = await t.start(greetings, { names: ["ada", "bob"] });
  assert.deepEqual(await run.result(), ["good day ada", "good day bob"]);
});

test("no time passes between two calls, and advance lets pass what it says", async () => {
  const t = testApp(office, { from: "2026-11-01T02:00:00Z" });
  assert.equal(t.now.toISOString(), "2026-11-01T02:00:00.000Z");
  await t.advance("1h");
  assert.equal(t.now.toISOString(), "2026-11-01T03:00:00.000Z");
});

test("what takes a minute is not done after half of it", async () => {
  const t = testApp(office, { workers: 1 });
  t.stub(greet, ({ name }, ctx) => {
    ctx.takes("1m");
    return name;
  });
  const run = await t.start(greetings, { names: ["ada", "bob"] });
  await t.advance("30s");
  assert.equal((await run.status()).done, 0);
  await t.advance("45s");
  assert.equal((await run.status()).done, 1);
  await t.settle();
  assert.equal((await run.status()).state, "done");
});

test("an attempt that takes longer than its timeout is one that timed out", async () => {
  const t = testApp(office);
  t.stub(greet, ({ name }, ctx) => {
    ctx.takes("6m");
    return name;
  });
  const run = await t.start(greetings, { names: ["ada"] });
  await t.settle();
  const { state, steps } = await run.status();
  assert.deepEqual([state, steps[0]?.timedOut], ["held", 1]);
});

test("a retry comes after its time, not after ours", async () => {
  const t = testApp(office);
  const began = t.now.getTime();
  t.stub(greet, ({ name }, ctx) => {
    if (ctx.attempt === 1) throw new Error("mailbox busy");
    return name;
  });
  const run = await t.start(greetings, { names: ["ada"] });
  assert.deepEqual(await run.result(), ["ada"]);
  const minutes = (t.now.getTime() - began) / 60_000;
  assert.ok(minutes >= 10 && minutes < 11, `${minutes} minutes`);
});

test("settle ends where a run is held, and a person may go on from there", async () => {
  const t = testApp(office);
  let isMended = false;
  t.stub(greet, ({ name }, ctx) => (isMended ? name : ctx.fatal("no voice")));
  const run = await t.start(greetings, { names: ["ada"] });
  await t.settle();
  assert.equal((await run.status()).state, "held");
  isMended = true;
  assert.deepEqual(await run.redrive(), { matched: 1 });
  assert.deepEqual(await run.result(), ["ada"]);
});

test("the result of a run that is held is an error, not a wait for ever", async () => {
  const t = testApp(office);
  t.stub(greet, (_, ctx) => ctx.fatal("no voice"));
  const run = await t.start(greetings, { names: ["ada"] });
  await assert.rejects(run.result(), UnavailableError);
});

test("after a crash everything goes on, and what was done is not done again", async () => {
  const t = testApp(office, { workers: 1 });
  const done: string[] = [];
  t.stub(greet, ({ name }, ctx) => {
    ctx.takes("1m");
    done.push(name);
    return name;
  });
  const run = await t.start(greetings, { names: ["ada", "bob", "eve"] });
  await t.advance("90s");
  await t.crash();
  assert.deepEqual(await run.result(), ["ada", "bob", "eve"]);
  assert.deepEqual(done, ["ada", "bob", "bob", "eve"]);
});

test("real I/O in user code takes no virtual time", async () => {
  const t = testApp(office);
  const began = t.now.getTime();
  t.stub(greet, async ({ name }) => {
    const text = await readFile(import.meta.filename, "utf8");
    return `${name} ${text.length > 0}`;
  });
  const run = await t.start(greetings, { names: ["ada"] });
  assert.deepEqual(await run.result(), ["ada true"]);
  assert.ok(t.now.getTime() - began < 1_000);
});

test("runs that are started at once run side by side", async () => {
  const t = testApp(office);
  const began = t.now.getTime();
  t.stub(greet, ({ name }, ctx) => {
    ctx.takes("1m");
    return name;
  });
  const [one, other] = await Promise.all([
    t.start(greetings, { names: ["ada"] }),
    t.start(greetings, { names: ["bob"] }),
  ]);
  assert.notEqual(one.id, other.id);
  assert.deepEqual([await one.result(), await other.result()], [["ada"], ["bob"]]);
  assert.ok(t.now.getTime() - began < 90_000);
});

test("watch tells of a run until its end", async () => {
  const t = testApp(office);
  const run = await t.start(greetings, { names: ["ada"] }, { id: "greetings-1" });
  const states: string[] = [];
  for await (const { state } of run.watch()) states.push(state);
  assert.equal(states.at(-1), "done");
});

test("a job or a flow that is not the app's is refused", async () => {
  const t = testApp(office);
  const other = job("other", { input: z.object({}), run: () => 1 });
  const elsewhere = flow("elsewhere", { input: z.object({}) }).step("one", () => 1);
  assert.throws(() => t.stub(other, () => 2), UsageError);
  await assert.rejects(t.start(elsewhere, {}), UsageError);
  assert.throws(() => testApp(office, { from: "noon" }), UsageError);
});
