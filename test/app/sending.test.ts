/** One job by itself, now or later; and runs that begin later. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { ConflictError, flow, job, RunEndedError, UsageError } from "../../src/index.ts";
import { testApp } from "../../src/testing.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";

const mail = job("mail", {
  input: z.object({ to: z.string(), fails: z.boolean().optional() }),
  retry: { attempts: 2, backoff: "fixed", first: "10ms" },
  run({ to, fails }, ctx) {
    if (to === "nobody") ctx.skip("no such person");
    if (fails === true) throw new Error(`no route to ${to}`);
    return { sent: to, key: ctx.key };
  },
});

test("a job is sent by itself: its result, its status, its place among the runs", async (t) => {
  const { app } = await given(t, [mail]);
  const run = await app.send(mail, { to: "c7" }, { id: "late-c7", customer: "acme" });
  assert.equal(run.created, true);
  assert.deepEqual(await run.result(), { sent: "c7", key: "late-c7/mail/late-c7" });
  const { state, flow, steps } = await run.status();
  assert.deepEqual([state, flow, steps[0]?.name, steps[0]?.ok], ["done", "job:mail", "mail", 1]);
  assert.deepEqual(
    (await app.runs()).map(({ run }) => run),
    ["late-c7"],
  );
  assert.deepEqual(await (await app.run("late-c7"))?.result(), await run.result());
});

test("the same id joins, with another input it is a conflict", async (t) => {
  const { app } = opened(t, [mail]);
  await app.send(mail, { to: "c7" }, { id: "late-c7" });
  assert.equal((await app.send(mail, { to: "c7" }, { id: "late-c7", in: "3d" })).created, false);
  await assert.rejects(app.send(mail, { to: "c8" }, { id: "late-c7" }), (error: unknown) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /run "late-c7" exists with to "c7" \(yours: "c8"\)/);
    return true;
  });
});

test("what cannot be sent is refused", async (t) => {
  const { app } = opened(t, [mail]);
  const both = { id: "r", in: "1h", at: new Date() } as const;
  await assert.rejects(app.send(mail, { to: "c7" }, both), UsageError);
  await assert.rejects(app.send(mail, { to: "c7" }, { id: "r", at: new Date("no") }), UsageError);
  await assert.rejects(
    app.send(job("other", { input: z.null(), run: () => 1 }), null, { id: "r" }),
    /job "other" is not in app\(\{ parts \}\): add it/,
  );
  // @ts-expect-error -- the input is typed by the job
  await assert.rejects(app.send(mail, { to: 7 }, { id: "r" }), UsageError);
});

test("it fails as a run does, says why, and is redriven", async (t) => {
  let broken = true;
  const fragile = job("fragile", {
    input: z.object({}),
    retry: 1,
    run() {
      if (broken) throw new Error("no route to host");
      return "there";
    },
  });
  const { app } = await given(t, [fragile]);
  const run = await app.send(fragile, {}, { id: "r" });
  await assert.rejects(run.result(), (error: unknown) => {
    assert.ok(error instanceof RunEndedError);
    assert.equal(error.message, 'run "r" failed: fragile failed: no route to host');
    return true;
  });
  broken = false;
  assert.deepEqual(await run.redrive(), { matched: 1 });
  assert.equal(await run.result(), "there");
});

test("one that skips itself is done, without a result", async (t) => {
  const { app } = await given(t, [mail]);
  const run = await app.send(mail, { to: "nobody" }, { id: "r" });
  assert.equal(await run.result(), undefined);
});

test("what is sent for later waits, also through a restart, and can be cancelled", async (t) => {
  const first = opened(t, [mail]);
  const soon = Date.now() + 400;
  await first.app.send(mail, { to: "c7" }, { id: "soon", at: new Date(soon) });
  const waiting = await first.app.send(mail, { to: "c8" }, { id: "later", in: "1h" });
  assert.equal((await waiting.status()).state, "waiting");
  await first.app.close();
  const { app } = opened(t, [mail], { path: first.path });
  await working(app);
  const run = await app.run("soon");
  await run?.result();
  assert.ok(((await run?.status())?.startedAt ?? 0) >= soon);
  const later = await app.run("later");
  assert.equal((await later?.status())?.state, "waiting");
  await later?.cancel("not needed any more");
  assert.equal((await later?.status())?.state, "cancelled");
  const rows = await until(async () => {
    const all = await app.runs({ states: ["cancelled"] });
    return all.length === 1 ? all : undefined;
  });
  assert.equal(rows[0]?.run, "later");
});

test("in virtual time, three days are nothing", async () => {
  const late = flow("late", { input: z.object({}) }).step("say", (_, ctx) => ctx.now.toISOString());
  const tested = testApp(opened({ after: () => undefined } as never, [mail, late]).app);
  tested.stub(mail, ({ to }) => ({ sent: to, key: "stub" }));
  const run = await tested.send(mail, { to: "c7" }, { id: "r", in: "3d" });
  const other = await tested.start(late, {}, { in: "2d" });
  await tested.advance("1d");
  assert.equal((await run.status()).state, "waiting");
  await tested.settle();
  assert.deepEqual(await run.result(), { sent: "c7", key: "stub" });
  assert.match(await other.result(), /^2026-01-03T00:00:00/);
});
