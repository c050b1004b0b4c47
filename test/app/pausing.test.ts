/** Pause and resume: a run, a step, a customer, a job everywhere; what runs finishes, nothing new begins, and a restart changes nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow, job, type Run, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, newPath } from "./given.ts";
import { anything, numbered, numbers, summing } from "./parts.ts";

/** Sub-jobs that end when they are told to, and say when they begin. */
function gated() {
  let begun = 0;
  const open: (() => void)[] = [];
  return {
    begun: () => begun,
    run: () =>
      new Promise<number>((resolve) => {
        begun += 1;
        open.push(() => resolve(1));
      }),
    finish: () => {
      for (const end of open.splice(0)) end();
    },
  };
}

type Known = Pick<Run, "id" | "status">;

const settled = async (run: Known, count: number): Promise<Status> =>
  until(async () => {
    const status = await run.status();
    return status.steps[0]?.ok === count && status.steps[0].inFlight === 0 ? status : undefined;
  });

test("what runs when a run is paused finishes; what was in the queue, or in a worker's hands, is not begun", async (t) => {
  const gate = gated();
  // The first are quick, so that the worker has more in hand than it can begin.
  const { sums, parts } = summing((n) => (n < 20 ? n : gate.run()), 80);
  const { app } = await given(t, parts, { work: { concurrency: 4 } });
  const run = await app.start(sums, {}, { id: "r" });
  await until(async () => gate.begun() === 4 && (await run.status()).steps[0]?.ok === 20);
  const inFlight = async (): Promise<number> => (await run.status()).steps[0]?.inFlight ?? 0;
  const before = await inFlight();
  await run.pause("bank holiday", { author: "anna" });
  await until(async () => (await inFlight()) < before, { what: "it gives back what it has" });
  gate.finish();
  const { paused, state } = await settled(run, 24);
  assert.equal(gate.begun(), 4);
  assert.equal(state, "running");
  assert.deepEqual(
    paused.map(({ of, name, author, reason }) => ({ of, name, author, reason })),
    [{ of: "run", name: "r", author: "anna", reason: "bank holiday" }],
  );
  await run.resume("it is over");
  await until(() => {
    gate.finish();
    return gate.begun() === 60;
  });
  gate.finish();
  const { ok } = await run.result({ timeout: "60s" });
  const { steps } = await run.status();
  assert.deepEqual([ok, gate.begun(), steps[0]?.stale], [80, 60, 0]);
});

test("a pause outlives its process; a worker that comes later begins nothing", async (t) => {
  const path = newPath();
  let ran = 0;
  const { sums, parts } = summing(() => (ran += 1), 10);
  const first = await given(t, parts, { path, work: { queues: ["none"] } });
  const run = await first.app.start(sums, {}, { id: "r" });
  await run.pause("not yet");
  await first.stop();
  await first.app.close();

  const second = await given(t, parts, { path });
  const again = await second.app.run("r");
  assert.ok(again !== undefined);
  assert.deepEqual(
    (await again.status()).paused.map(({ reason, author }) => [reason, author]),
    [["not yet", "test"]],
  );
  // Another run, of the same flow, goes all the way: whoever worked on it would have worked on the first.
  const { value } = await (
    await second.app.start(sums, {}, { id: "s" })
  ).result({ timeout: "60s" });
  assert.deepEqual([value.count, ran], [10, 10]);
  await again.resume();
  await again.result({ timeout: "60s" });
  assert.equal((await again.status()).steps[0]?.ok, 10);
});

test("a step may be paused before the run is there", async (t) => {
  const add = job("add", { input: numbered, run: ({ n }) => n });
  const sums = flow("sums", { input: anything })
    .fanOut("add", add, { over: () => numbers(3), key: ({ n }) => `k${n}` })
    .step("report", () => "sent");
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  await run.pause("the printer is broken", { step: "report" });
  await until(async () => (await run.status()).step === "report");
  const { paused } = await run.status();
  assert.deepEqual(
    paused.map(({ of, name }) => [of, name]),
    [["step", "r/report"]],
  );
  await run.resume("mended", { step: "report" });
  assert.equal(await run.result({ timeout: "60s" }), "sent");
});

test("a customer and a job are paused in every partition, and resumed in every one", async (t) => {
  const gate = gated();
  const { sums, parts } = summing(gate.run, 2);
  const { app } = await given(t, parts, { path: `${newPath()}?partitions=4` });
  const customers = ["acme", "globex"] as const;
  await app.pause({ customer: "acme" }, "has not paid", { author: "anna" });
  const runs = new Map<string, Known>();
  for (const customer of customers)
    for (let n = 0; n < 6; n += 1) {
      const id = `${customer}-${n}`;
      runs.set(id, await app.start(sums, {}, { id, customer }));
    }
  await until(() => gate.begun() === 12, { what: "those of globex begin" });
  for (const [id, run] of runs) {
    const { paused, steps } = await run.status();
    assert.deepEqual([paused.length, steps[0]?.size], id.startsWith("acme") ? [1, 0] : [0, 2]);
  }
  await app.pause({ job: "add" }, "the mail server is down");
  assert.deepEqual(
    (await app.pauses()).map(({ of, name, author }) => [of, name, author]),
    [
      ["customer", "acme", "anna"],
      ["job", "add", "test"],
    ],
  );
  await app.resume({ customer: "acme" });
  for (const [id, run] of runs)
    if (id.startsWith("acme"))
      await until(async () => (await run.status()).steps[0]?.waiting === 2, { what: id });
  assert.equal(gate.begun(), 12);
  await app.resume({ job: "add" });
  for (const run of runs.values())
    await until(
      async () => {
        gate.finish();
        return (await run.status()).state === "done";
      },
      { what: `${run.id} is done` },
    );
  assert.deepEqual(await app.pauses(), []);
});

test("a flow and a queue are paused for all of their runs, a worker begins nothing of them, and names are checked", async (t) => {
  const gate = gated();
  const { sums, parts } = summing(() => gate.run(), 6);
  const { app } = await given(t, parts, { work: { concurrency: 2 } });
  const run = await app.start(sums, {}, { id: "r" });
  await until(() => gate.begun() === 2);
  for (const what of [{ flow: "sums" }, { queue: "default" }]) {
    await app.pause(what, "the template is wrong", { author: "anna" });
    const begun = gate.begun();
    await until(async () => (await run.status()).steps[0]?.inFlight === 2); // What is not begun is given back.
    gate.finish();
    await settled(run, begun);
    assert.equal(gate.begun(), begun);
    const [of, name] = Object.entries(what)[0] ?? [];
    const said = (await run.status()).paused.map((pause) => [pause.of, pause.name, pause.author]);
    assert.deepEqual(said, [[of, name, "anna"]]);
    await app.resume(what);
    await until(() => gate.begun() === begun + 2);
  }
  gate.finish();
  await assert.rejects(app.pause({ flow: "smus" }, "why"), {
    name: "UsageError",
    message: 'unknown flow "smus": this app knows "sums"',
  });
  await assert.rejects(app.pause({ queue: "mial" }, "why"), /unknown queue "mial": this app knows/);
});

test("a decision is answered: done before, by whom, over, unknown, and the same request twice is one", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const { app } = await given(t, parts, { work: { queues: ["none"] } });
  const run = await app.start(sums, {}, { id: "r" });
  await run.pause("first", { author: "anna", request: "q" });
  await run.pause("again", { author: "anna", request: "q" });
  await assert.rejects(run.pause("me too", { author: "bert" }), {
    name: "ConflictError",
    message: 'run "r" is paused by anna: first',
  });
  await run.resume(undefined, { request: "q2" });
  await run.resume(undefined, { request: "q2" });
  await assert.rejects(run.resume(), /run "r" is not paused/);
  await app.pause({ job: "add" }, "why", { request: "q3" });
  await app.pause({ job: "add" }, "why", { request: "q3" });
  await assert.rejects(app.pause({ job: "add" }, "why"), /job "add" is paused by test: why/);
  await assert.rejects(app.resume({ customer: "acme" }), /customer "acme" is not paused/);
  await assert.rejects(app.pause({ job: "ad" }, "why"), /unknown job "ad": this app knows "add"/);
  await assert.rejects(run.pause("", {}), /reason must be a text of 1 to 1024 characters/);
  await run.cancel("enough");
  await assert.rejects(run.pause("late"), /run "r" has ended: it is cancelled/);
});

test("a worker in another process hears of a pause", async (t) => {
  const gate = gated();
  const { sums, parts } = summing(gate.run, 20);
  const owner = await given(t, parts, { work: { queues: ["none"], listen: 0 } });
  assert.ok(owner.url !== undefined);
  const helper = await given(t, parts, { url: owner.url, path: newPath() });
  const run = await owner.app.start(sums, {}, { id: "r" });
  await until(() => gate.begun() > 0);
  await run.pause("stop");
  await until(async () => (await run.status()).steps[0]?.inFlight === gate.begun());
  gate.finish();
  await run.resume();
  await until(
    async () => {
      gate.finish();
      return (await run.status()).state === "done";
    },
    { what: "the run is done" },
  );
  await helper.stop();
});
