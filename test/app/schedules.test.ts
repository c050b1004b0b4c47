/** Schedules on a real file and real time, and in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { ConflictError, flow, job, NotFoundError, schedule, UsageError } from "../../src/index.ts";
import { testApp } from "../../src/testing.ts";
import { until } from "../until.ts";
import { given, newPath, opened, working } from "./given.ts";

const bill = flow("bill", { input: z.object({ month: z.string() }) }).step(
  "say",
  ({ input }) => `bills of ${input.month}`,
);
const monthEnd = schedule("month-end", {
  cron: "0 2 1 * *",
  timezone: "Europe/Berlin",
  run: bill,
  input: ({ at }) => ({ month: at.toISOString().slice(0, 7) }),
});
const beat = job("beat", { input: z.object({ at: z.string() }), run: ({ at }) => at });
const heartbeat = schedule("heartbeat", {
  every: "1s",
  run: beat,
  input: ({ at }) => ({ at: at.toISOString() }),
});

test("on a file, ticks start runs, a restart goes on with them, and each is started once", async (t) => {
  const path = newPath();
  const first = await given(t, [beat, heartbeat], { path });
  await until(async () => (await first.app.runs({ states: ["done"] })).length >= 2);
  await first.app.close();
  const { app } = opened(t, [beat, heartbeat], { path });
  await working(app);
  const before = (await app.runs()).length;
  await until(async () => (await app.runs({ states: ["done"] })).length > before);
  const rows = await app.runs({ limit: 100 });
  const ids = rows.map(({ run }) => run);
  assert.equal(new Set(ids).size, ids.length);
  for (const { run, flow, tags } of rows) {
    assert.match(run, /^heartbeat@\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/);
    assert.deepEqual([flow, tags], ["job:beat", { schedule: "heartbeat" }]);
  }
  const [status] = await app.schedules();
  assert.equal(status?.schedule, "heartbeat");
  assert.equal(status?.rule, "every 1s");
  assert.equal(status?.starts, "beat");
  assert.ok((status?.nextAt ?? 0) > (status?.last?.at ?? Infinity));
});

test("fire, pause and resume; each says who and why", async (t) => {
  const { app } = await given(t, [bill, monthEnd]);
  const { run } = await app.schedule("month-end").fire({ author: "anna" });
  assert.match(run, /^month-end@.*[+]0[12]:00$/);
  assert.match(String(await (await app.run(run))?.result()), /^bills of \d{4}-\d\d$/);
  await app.schedule("month-end").pause("audit", { author: "anna" });
  const [paused] = await app.schedules();
  assert.deepEqual(
    [paused?.paused?.author, paused?.paused?.reason, paused?.nextAt],
    ["anna", "audit", undefined],
  );
  assert.deepEqual([paused?.last?.run, paused?.last?.state], [run, "done"]);
  await assert.rejects(app.schedule("month-end").pause("again"), ConflictError);
  await app.schedule("month-end").resume("audit is over");
  assert.equal((await app.schedules())[0]?.paused, undefined);
  assert.throws(() => app.schedule("year-end"), NotFoundError);
});

test("a schedule whose flow is not in parts is refused, and one that is off starts nothing", async (t) => {
  assert.throws(
    () => opened(t, [monthEnd]),
    /flow "bill" is run by schedule "month-end" but is not in app/,
  );
  const { app } = await given(t, [beat, heartbeat], { schedules: false });
  const { run } = await app.schedule("heartbeat").fire();
  await (await app.run(run))?.result();
  assert.deepEqual(
    (await app.runs()).map((row) => row.run),
    [run],
  );
  assert.equal((await app.schedules())[0]?.nextAt, undefined);
});

test("in virtual time: three months are three runs, and a crash at the tick changes nothing", async (t) => {
  const tested = testApp(opened(t, [bill, monthEnd]).app, { from: "2026-09-15T00:00:00Z" });
  await tested.schedules();
  await tested.advance("16d");
  await tested.crash();
  await tested.advance("40d");
  const october = tested.run("month-end@2026-10-01T02:00+02:00");
  assert.equal(await october.result(), "bills of 2026-10");
  const november = tested.run("month-end@2026-11-01T02:00+01:00");
  assert.equal(await november.result(), "bills of 2026-11");
  assert.equal((await tested.schedules())[0]?.nextAt, Date.parse("2026-12-01T01:00:00Z"));
});

test("an input that its schema refuses fails the run, where everybody sees it", async (t) => {
  const wrong = schedule("wrong", {
    every: "1h",
    run: bill,
    input: () => ({ month: 7 }) as unknown as { month: string },
  }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- what somebody without a compiler writes
  const { app } = await given(t, [bill, wrong]);
  const { run } = await app.schedule("wrong").fire();
  await assert.rejects((await app.run(run))?.result() ?? Promise.resolve(), /input of run "wrong@/);
  assert.ok(UsageError);
});
