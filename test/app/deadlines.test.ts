/** Deadlines on a file: late and at risk are seen and said, and what the flow wants done about it is done. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { flow, job, type Status } from "../../src/index.ts";
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

test("close folds what there is at the deadline, and the run goes on to its end", async (t) => {
  const sums = flow("sums", { input: anything, deadline: "300ms", atDeadline: "close" })
    .fanOut("add", add, {
      over: () => numbers(10),
      key: ({ n }) => `k${n}`,
      fold: (f) => f.count(),
    })
    .step("report", ({ add }) => `${add.value} of ${add.total}, ${add.cancelled} cancelled`);
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
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
    deadline: "200ms",
    atDeadline: "cancel",
  });
  const { app } = await given(t, [add, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  await assert.rejects(run.result({ timeout: "5s" }), {
    name: "RunEndedError",
    message: 'run "r" was cancelled: the deadline of step "add" has passed',
  });
  const { steps, lateAt } = await run.status();
  assert.deepEqual([steps[0]?.ok, steps[0]?.cancelled, lateAt], [5, 5, undefined]);
  assert.ok((steps[0]?.lateAt ?? 0) > 0);
});

test("by default a late run goes on; at risk it is before that", async (t) => {
  const slow = job("slow", {
    input: numbered,
    run: async ({ n }) => {
      await new Promise((resolve) => setTimeout(resolve, 40));
      return n;
    },
  });
  const sums = flow("sums", { input: anything, deadline: "2500ms" }).fanOut("add", slow, {
    over: () => numbers(90),
    key: ({ n }) => `k${n}`,
    concurrency: 1,
  });
  const { app } = await given(t, [slow, sums]);
  const run = await app.start(sums, {}, { id: "r" });
  const atRisk = await until(async () => {
    const status = await run.status();
    return status.riskAt === undefined ? undefined : status;
  });
  assert.ok((atRisk.forecastAt ?? 0) > (atRisk.deadlineAt ?? Infinity), "the forecast says why");
  assert.equal(atRisk.lateAt, undefined);
  await run.result({ timeout: "9s" });
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
