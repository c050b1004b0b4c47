/** Adjust: concurrency, tolerance, deadline and priority of a run that is under way, on a file. */
import assert from "node:assert/strict";
import { test } from "node:test";
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
  const { failed } = await run.result({ timeout: "5s" });
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
