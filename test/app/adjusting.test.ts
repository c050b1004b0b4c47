/** Adjust: concurrency, rate, tolerance, deadline and priority of a run that is under way, on a file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ctx } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, newPath } from "./given.ts";
import { summing } from "./parts.ts";

test("concurrency of a run that is under way is raised and lowered, over a restart too", async (t) => {
  const path = newPath();
  let running = 0;
  let most = 0;
  const open: (() => void)[] = [];
  const { sums, parts } = summing(
    () =>
      new Promise<number>((resolve) => {
        running += 1;
        most = Math.max(most, running);
        open.push(() => {
          running -= 1;
          resolve(1);
        });
      }),
    30,
    { concurrency: 2 },
  );
  const first = await given(t, parts, { path });
  const run = await first.app.start(sums, {}, { id: "r" });
  await until(() => running === 2);
  await run.adjust({ concurrency: 5 }, "the server can take more");
  await until(() => running === 5);
  await run.adjust({ concurrency: 3 }, "no, it cannot");
  for (const finish of open.splice(0)) finish();
  await until(() => running === 3);
  assert.deepEqual((await run.status()).steps[0]?.adjusted, { concurrency: 3 });
  most = 0;
  const stopped = first.stop();
  for (const finish of open.splice(0)) finish();
  await stopped;
  await first.app.close();

  const second = await given(t, parts, { path });
  const again = await second.app.run("r");
  assert.ok(again !== undefined);
  await until(async () => {
    for (const finish of open.splice(0)) finish();
    return (await again.status()).state === "done";
  });
  assert.equal(most, 3);
});

test("a pace holds until it is taken away, and is in the status", async (t) => {
  const path = newPath();
  let begun = 0;
  const { sums, parts } = summing(() => (begun += 1), 30, { concurrency: 10 });
  const stopped = await given(t, parts, { path, work: { queues: ["none"] } });
  const run = await stopped.app.start(sums, {}, { id: "r" });
  await run.adjust({ rate: "1/h" }, "it is noon");
  await stopped.stop();
  await stopped.app.close();

  const { app } = await given(t, parts, { path });
  const paced = await app.run("r");
  assert.ok(paced !== undefined);
  await until(async () => (await paced.status()).steps[0]?.ok === 1);
  assert.equal(begun, 1);
  assert.deepEqual((await paced.status()).steps[0]?.adjusted, {
    rate: { count: 1, perMs: 3_600_000 },
  });
  assert.deepEqual(
    (await paced.why()).causes.map(({ cause }) => cause),
    ["rate"],
  );
  await paced.adjust({ rate: "none" }, "noon is over");
  await paced.result({ timeout: "60s" });
  assert.equal(begun, 30);
});

test("a redrive with a rate lets what was down come back slowly", async (t) => {
  const begun = new Set<number>();
  const { sums, parts } = summing((n, ctx) => (begun.has(n) ? n : fail(n, ctx)), 9);
  const fail = (n: number, ctx: Ctx): never => {
    begun.add(n);
    return ctx.fatal("down");
  };
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await until(async () => (await run.status()).state === "held");
  const selected = await run.select({ input: () => true });
  await selected.redrive({ rate: "1/h" });
  await until(async () => (await run.status()).steps[0]?.ok === 1);
  assert.equal((await run.status()).steps[0]?.waiting, 8);
  await run.adjust({ rate: "none" }, "it is up");
  await run.result({ timeout: "60s" });
  await assert.rejects(run.redrive({}, { rate: "fast" as "1/s" }), {
    name: "UsageError",
    message: /rate of redrive of run "r" must be such as "50\/s"/,
  });
});

test("tolerance that is raised lets a held run go on; deadline and priority are in status and list", async (t) => {
  const { sums, parts } = summing((n, ctx) => (n < 3 ? ctx.fatal("no address") : n), 10);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r", deadline: "1h" });
  await until(async () => (await run.status()).state === "held");
  await run.adjust({ tolerate: "20%", priority: "high", deadline: "none" }, "they are known");
  const held = await run.status();
  assert.deepEqual([held.state, held.priority, held.deadlineAt], ["held", "high", undefined]);
  const due = new Date(Date.now() + 60_000);
  await run.adjust({ deadline: due, tolerate: 3 }, "all right", { author: "anna" });
  const { failed } = await run.result({ timeout: "60s" });
  const [row] = await app.runs();
  assert.deepEqual(
    [failed, row?.state, row?.priority, row?.deadlineAt],
    [3, "done", "high", due.getTime()],
  );
});

test("an adjustment that cannot be meant is refused before it is written", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const { app } = await given(t, parts, { work: { queues: ["none"] } });
  const run = await app.start(sums, {}, { id: "r" });
  for (const [to, message] of [
    [{}, /adjust of run "r" says nothing: expected one of concurrency/],
    [{ concurrency: 0 }, /concurrency of run "r" must be an integer from 1 to \d+, got 0/],
    [{ rate: "0/s" }, /rate of run "r" must be such as "50\/s".* got "0\/s"/],
    [{ tolerate: -1 }, /tolerate of run "r" must be a whole number from 0, or a share/],
    [{ deadline: new Date(NaN) }, /deadline of run "r" is not a date/],
    [{ priority: "now" as "high" }, /priority of run "r" must be one of "low"/],
  ] as const)
    await assert.rejects(run.adjust(to, "why"), { name: "UsageError", message });
  await run.cancel("enough");
  await assert.rejects(run.adjust({ priority: "low" }, "why"), {
    name: "ConflictError",
    message: 'run "r" has ended: it is cancelled',
  });
});
