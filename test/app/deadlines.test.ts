/** Deadlines on a file: late and at risk are seen and said, and what the flow wants done about it is done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/engines/system.ts";
import { flow, job, type Run, type Status } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything, numbered, numbers } from "./parts.ts";

/** Half of them never end by themselves. */
const add = job("add", {
  input: numbered,
  run: ({ n }, ctx) =>
    n % 2 === 0
      ? n
      : new Promise<number>((_, reject) => {
          ctx.signal.addEventListener("abort", () => reject(new Error("told to stop")));
        }),
});

/** A clock that a test puts forward: when what is to happen before the deadline has happened, however long that took. */
function movable() {
  let ahead = 0;
  const clock = systemClock({
    wall: () => Date.now() + ahead,
    steady: () => performance.now() + ahead,
  });
  return { clock, forward: (ms: number): unknown => (ahead += ms) };
}

const hour = 3_600_000;

const untilOk = (run: Pick<Run, "status">, count: number): Promise<unknown> =>
  until(async () => (await run.status()).steps[0]?.ok === count);

test("close folds what there is at the deadline, and the run goes on to its end", async (t) => {
  const sums = flow("sums", { input: anything, deadline: "1h", atDeadline: "close" })
    .fanOut("add", add, {
      over: () => numbers(10),
      key: ({ n }) => `k${n}`,
      fold: (f) => f.count(),
    })
    .step("report", ({ add }) => `${add.value} of ${add.total}, ${add.cancelled} cancelled`);
  const { clock, forward } = movable();
  const { app } = await given(t, [add, sums], { clock });
  const run = await app.start(sums, {}, { id: "r" });
  await untilOk(run, 5);
  assert.equal((await run.status()).lateAt, undefined);
  forward(hour);
  const seen: Status[] = [];
  for await (const status of run.watch()) seen.push(status);
  assert.equal(await run.result(), "5 of 10, 5 cancelled");
  assert.equal(seen.at(-1)?.lateAt, seen.at(-1)?.deadlineAt);
  const [row] = await app.runs();
  assert.equal(row?.lateAt, seen.at(-1)?.lateAt);
});

test("cancel ends the run at the deadline of a step, in words", async (t) => {
  const sums = flow("sums", { input: anything }).fanOut("add", add, {
    over: () => numbers(10),
    key: ({ n }) => `k${n}`,
    deadline: "1h",
    atDeadline: "cancel",
  });
  const { clock, forward } = movable();
  const { app } = await given(t, [add, sums], { clock });
  const run = await app.start(sums, {}, { id: "r" });
  await untilOk(run, 5);
  forward(hour);
  await assert.rejects(run.result(), {
    name: "RunEndedError",
    message: 'run "r" was cancelled: the deadline of step "add" has passed',
  });
  const { steps, lateAt } = await run.status();
  assert.deepEqual([steps[0]?.ok, steps[0]?.cancelled, lateAt], [5, 5, undefined]);
  assert.ok((steps[0]?.lateAt ?? 0) > 0);
});

test("by default a late run goes on; at risk it is before that", async (t) => {
  const { clock, forward } = movable();
  const seen = Promise.withResolvers<void>();
  t.after(() => seen.resolve());
  const slow = job("slow", {
    input: numbered,
    run: async ({ n }) => {
      if (n <= 40) await untilOk(run, n); // One after the other is counted: that is the pace.
      if (n === 40) await seen.promise;
      forward(hour / 60);
      return n;
    },
  });
  const sums = flow("sums", { input: anything, deadline: "1h" }).fanOut("add", slow, {
    over: () => numbers(90),
    key: ({ n }) => `k${n}`,
    concurrency: 1,
  });
  const { app } = await given(t, [slow, sums], { clock });
  const run: Pick<Run, "status" | "result"> = await app.start(sums, {}, { id: "r" });
  const atRisk = await until(async () => {
    forward(1_000); // Risk is looked at every so often.
    const status = await run.status();
    return status.riskAt === undefined ? undefined : status;
  });
  assert.ok((atRisk.forecastAt ?? 0) > (atRisk.deadlineAt ?? Infinity), "the forecast says why");
  assert.equal(atRisk.lateAt, undefined);
  seen.resolve();
  await run.result();
  const { lateAt, endedAt, state } = await run.status();
  assert.equal(state, "done");
  assert.ok((lateAt ?? Infinity) < (endedAt ?? 0));
});

test("a deadline that cannot be meant is refused where it is written", () => {
  const wrong = (more: object) => () => flow("f", { input: anything, ...more });
  assert.throws(wrong({ deadline: "soon" }), /deadline of flow "f" must be a duration/);
  assert.throws(
    wrong({ deadline: "1h", atDeadline: "stop" }),
    /atDeadline of flow "f" must be one of "go on", "close", "cancel", got "stop"/,
  );
  assert.throws(
    () =>
      flow("f", { input: anything }).step("one", () => 1, {
        deadline: "1h",
        // @ts-expect-error -- a plain step has nothing to fold
        atDeadline: "close",
      }),
    /atDeadline of step "one" of flow "f" must be one of "go on", "cancel", got "close"/,
  );
});
