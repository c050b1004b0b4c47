/** Handlers: what they may throw, when they are told to stop, and what becomes of those that do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow, job, type Ctx, type Run, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything, numbered, summing } from "./parts.ts";

const over = async (run: Run): Promise<Status> =>
  until(async () => {
    const status = await run.status();
    return status.state === "running" ? undefined : status;
  });

class SmtpError extends Error {
  override readonly name = "SmtpError";
  readonly code = 451;
}

const unreadable = new Proxy(
  {},
  {
    get() {
      throw new Error("do not touch");
    },
  },
);

for (const [what, thrown, name, message] of [
  ["undefined", undefined, "Thrown", "undefined was thrown"],
  ["null", null, "Thrown", "null was thrown"],
  ["a string", "no paper", "Thrown", "no paper"],
  ["an error of its own", new SmtpError("mailbox busy"), "SmtpError", "mailbox busy"],
  [
    "an error with a cause",
    new Error("no mail", { cause: new Error("no net") }),
    "Error",
    "no mail: no net",
  ],
  ["a frozen object", Object.freeze({ a: 1 }), "Thrown", '{"a":1}'],
  ["something that throws when it is looked at", unreadable, "Thrown", "object was thrown"],
] as const)
  for (const how of ["throws", "rejects with"])
    test(`a handler that ${how} ${what} has failed an attempt, and is tried again`, async (t) => {
      const { sums, parts } = summing(
        (_, { attempt }) => {
          if (attempt === 3) return 1;
          if (how === "throws") throw thrown; // oxlint-disable-line typescript/only-throw-error -- the case that is tested
          return Promise.reject(thrown);
        },
        1,
        { retry: 3 },
      );
      const { app } = await given(t, parts);
      const run = await app.start(sums, {}, { id: "r" });
      assert.equal((await run.result({ timeout: "60s" })).ok, 1);
      const record = await run.subJob("add", "k0");
      assert.deepEqual(
        record?.attempts.map(({ attempt, outcome, error }) => [
          attempt,
          outcome,
          error?.name,
          error?.message,
        ]),
        [
          [1, "failed", name, message],
          [2, "failed", name, message],
          [3, "ok", undefined, undefined],
        ],
      );
    });

test("fatal, skip and retry-later say what they mean, whatever the retries", async (t) => {
  let later = 0;
  const { sums, parts } = summing(
    (n, ctx) => {
      if (n === 0) return ctx.fatal("no such customer");
      if (n === 1) return ctx.skip("nothing to bill");
      if (n === 2 && (later += 1) < 5) return ctx.retryLater("1ms", "not yet");
      return n;
    },
    4,
    { retry: 2, tolerate: 1 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const { ok, failed, skipped, value } = await run.result({ timeout: "60s" });
  assert.deepEqual([ok, failed, skipped, value.sum], [2, 1, 1, 5]);
  assert.equal((await run.subJob("add", "k0"))?.attempts.length, 1);
  assert.equal((await run.subJob("add", "k1"))?.state, "skipped");
  const { attempts = [] } = (await run.subJob("add", "k2")) ?? {};
  assert.deepEqual(
    attempts.map(({ attempt, outcome }) => [attempt, outcome]),
    [
      [1, "retry-later"],
      [1, "retry-later"],
      [1, "retry-later"],
      [1, "retry-later"],
      [1, "ok"],
    ],
  );
});

/** Resolves or rejects when told to stop, so many ms later. */
function onAbort(ctx: Ctx, what: "resolve" | "reject"): Promise<number> {
  return new Promise((resolve, reject) => {
    ctx.signal.addEventListener("abort", () => {
      if (what === "resolve") resolve(7);
      else reject(ctx.signal.reason);
    });
  });
}

test("C24 a handler that rejects when its time is over is timed out, with our words", async (t) => {
  const { sums, parts } = summing((_, ctx) => onAbort(ctx, "reject"), 1, { timeout: "50ms" });
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const { steps, state } = await over(run);
  assert.deepEqual([state, steps[0]?.timedOut, steps[0]?.failed], ["held", 1, 1]);
  const record = await run.subJob("add", "k0");
  assert.deepEqual(
    record?.attempts.map(({ outcome, error }) => [outcome, error?.message]),
    [["timed-out", "took longer than 50 ms"]],
  );
});

test("a handler that still finishes when it is told to stop has succeeded", async (t) => {
  const { sums, parts } = summing((_, ctx) => onAbort(ctx, "resolve"), 1, { timeout: "50ms" });
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).value.sum, 7);
});

test("a handler that ignores its abort is timed out and its slot is free; what it says later changes nothing", async (t) => {
  const stuck: (() => void)[] = [];
  const { sums, parts } = summing(
    (n) => (n < 4 ? new Promise((resolve) => stuck.push(() => resolve(1_000))) : n),
    8,
    { timeout: "50ms", tolerate: 4 },
  );
  const { app, lines } = await given(t, parts, { work: { concurrency: 2 } });
  const run = await app.start(sums, {}, { id: "r" });
  const { ok, failed, value } = await run.result({ timeout: "60s" });
  for (const finish of stuck) finish();
  assert.deepEqual([stuck.length, ok, failed, value.sum], [4, 4, 4, 22]);
  const { steps } = await run.status();
  assert.deepEqual([steps[0]?.timedOut, steps[0]?.ok, lines], [4, 4, []]);
});

test("C53 handlers of a run that was cancelled are told to stop, and what they still say is not counted", async (t) => {
  let begun = 0;
  let told = 0;
  const { sums, parts } = summing(
    async (_, ctx) => {
      begun += 1;
      await onAbort(ctx, "resolve");
      told += 1;
      return 1;
    },
    20,
    { concurrency: 5 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await until(() => begun === 5);
  await run.cancel("wrong month");
  await until(() => told === 5);
  const { state, because, steps } = await run.status();
  assert.deepEqual(
    [state, because, steps[0]?.ok, steps[0]?.cancelled, begun],
    ["cancelled", "wrong month", 0, 20, 5],
  );
  await assert.rejects(run.result(), /^RunEndedError: run "r" was cancelled: wrong month$/);
});

test("a handler that keeps the event loop busy loses neither its work nor that of others", async (t) => {
  let busy = 0;
  const { sums, parts } = summing(
    (n) => {
      const end = performance.now() + (n === 0 ? 1_500 : 0);
      while (performance.now() < end) busy += 1;
      return n;
    },
    50,
    { timeout: "1s" },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const { ok, value } = await run.result({ timeout: "60s" });
  const { steps } = await run.status();
  assert.deepEqual([ok, value.sum, steps[0]?.stale, steps[0]?.late], [50, 1_225, 0, 0]);
  assert.ok(busy > 0);
});

test("a handler that never yields does not keep status and cancel from being answered", async (t) => {
  let ran = 0;
  const { sums, parts } = summing((n) => {
    ran += 1;
    for (const end = performance.now() + 2; performance.now() < end;);
    return n;
  }, 5_000);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await until(() => ran > 20);
  await run.cancel("enough");
  const { state } = await run.status();
  assert.equal(state, "cancelled");
  assert.ok(ran < 4_000, `${ran} ran before the cancel was heard`);
});

test("what ctx says is right: run, step, key, attempt, signal, deadline, log and progress", async (t) => {
  const said: unknown[] = [];
  const { sums, parts } = summing((n, ctx) => {
    const { run, step, key, attempt, signal, deadline } = ctx;
    said.push({
      run,
      step,
      key,
      attempt,
      aborted: signal.aborted,
      deadline: deadline instanceof Date,
    });
    ctx.log.info("adding", { n });
    ctx.progress(1, 2);
    return n;
  }, 1);
  const { app, lines } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r", deadline: "1h" });
  await run.result({ timeout: "60s" });
  assert.deepEqual(said, [
    { run: "r", step: "add", key: "r/add/k0", attempt: 1, aborted: false, deadline: true },
  ]);
  assert.deepEqual(lines, ["info adding"]);
});

test("a handler whose input its schema no longer takes fails at once, in the schema's words", async (t) => {
  let strict = false;
  let ran = 0;
  const input = numbered.refine(() => !strict, "is refused now");
  const picky = job("picky", { input, run: () => void (ran += 1) });
  const items = flow("items", { input: anything }).fanOut("all", picky, {
    *over() {
      yield { n: 0 };
      strict = true; // As if the schema had been changed between the split and its work.
    },
    key: () => "k",
  });
  const { app } = await given(t, [picky, items]);
  const run = await app.start(items, {}, { id: "r" });
  await over(run);
  const record = await run.subJob("all", "k");
  assert.deepEqual(
    [ran, record?.attempts.map(({ error }) => error?.message)],
    [0, ['input of job "picky": is refused now']],
  );
});
