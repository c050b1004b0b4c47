/** Statistics across runs: what they say, that nothing is counted twice, and that they are what the log says when it is read anew. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { decode } from "../../src/core/event.ts";
import { flow, job, type App, type Statistics } from "../../src/index.ts";
import { readOnlySqlite } from "../../src/engines/sqlite/read-only.ts";
import { knownStatistics } from "../../src/roles/statistics.ts";
import { statisticsOf } from "../../src/views/statistics.ts";
import { sums } from "../../src/views/sums.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { anything } from "./parts.ts";

const isMended = new Set<string>();

const send = job("send", {
  input: z.object({ n: z.number() }),
  retry: { attempts: 2, backoff: "fixed", first: "0ms" },
  cost: { perHour: 3_600, currency: "EUR" },
  async run({ n }, ctx) {
    if (n === 0 && !isMended.has(ctx.run)) return ctx.fatal("no address");
    if (n === 1 && ctx.attempt === 1) throw new Error("451 busy");
    if (n === 2) return ctx.skip("nothing to do");
    await new Promise((resolve) => setTimeout(resolve, 2));
    return n;
  },
});

const mail = flow("mail", { input: anything })
  .step("check", () => 1)
  .fanOut("send", send, {
    over: () => Array.from({ length: 10 }, (_, n) => ({ n })),
    key: ({ n }) => `k${n}`,
    tolerate: 1,
  });

const parts = [send, mail];

async function known(app: App, runs: number): Promise<ReadonlyMap<string, Statistics>> {
  const byName = async () =>
    new Map((await app.statistics()).statistics.map((one) => [`${one.of} ${one.name}`, one]));
  await until(async () => {
    const { done = 0, failed = 0, cancelled = 0 } = (await byName()).get("flow mail")?.runs ?? {};
    return done + failed + cancelled === runs;
  });
  return byName();
}

test("runs, outcomes, durations, retries, cost and failures are summed over the runs that ended", async (t) => {
  const { app } = await given(t, parts);
  for (const id of ["a", "b", "c"])
    await (await app.start(mail, {}, { id })).result({ timeout: "60s" });
  const all = await known(app, 3);
  assert.deepEqual([...all.keys()].toSorted(), [
    "flow mail",
    "job send",
    "step mail/check",
    "step mail/send",
  ]);
  const step = all.get("step mail/send");
  assert.deepEqual(step?.outcomes, {
    ok: 24,
    failed: 3,
    "timed-out": 0,
    cancelled: 0,
    skipped: 3,
    poison: 0,
  });
  assert.deepEqual(step.retries, { failed: 3, "timed-out": 0, later: 0, lost: 0 });
  assert.equal(step.attempts, 33);
  assert.ok(step.durations !== undefined && step.durations.p50 >= 1);
  assert.ok(step.waiting !== undefined && step.waiting.max < 60_000);
  // 3,600 an hour is 1 a second.
  assert.ok(step.seconds > 0.03);
  assert.ok(Math.abs((step.cost["EUR"] ?? 0) - step.seconds) < 0.002);
  const [group] = step.failures;
  assert.deepEqual([step.failures.length, group?.count], [1, 3]);
  assert.ok(group !== undefined && group.firstAt < group.lastAt);
  assert.equal(
    step.hours.reduce((sum, { settled }) => sum + settled, 0),
    30,
  );
  assert.deepEqual({ ...all.get("job send"), of: "", name: "" }, { ...step, of: "", name: "" });
  const flows = all.get("flow mail");
  assert.deepEqual(flows?.runs, { done: 3, failed: 0, cancelled: 0 });
  assert.equal(flows.outcomes.ok, 27); // The three of check, too.
  assert.ok(flows.durations !== undefined && flows.durations.max > 0);
  assert.equal(all.get("step mail/check")?.outcomes.ok, 3);
  assert.equal((await app.statistics({ flow: "mail", step: "send" })).statistics.length, 1);
  assert.deepEqual((await app.statistics({ job: "other" })).statistics, []);
  const { asOf } = await app.statistics({ flow: "mail" });
  assert.ok(asOf.some((offset) => offset > 0));
});

test("a redrive of a run that is done takes its failure back, and counts what ran again", async (t) => {
  const { app } = await given(t, parts);
  const run = await app.start(mail, {}, { id: "redriven" });
  await run.result({ timeout: "60s" });
  await known(app, 1);
  isMended.add("redriven");
  await run.redrive({ step: "send" });
  await run.result({ timeout: "60s" });
  const step = (await known(app, 2)).get("step mail/send");
  assert.deepEqual(
    [step?.outcomes.ok, step?.outcomes.failed, step?.outcomes.skipped, step?.attempts],
    [9, 0, 1, 12],
  );
  assert.deepEqual(step?.failures, []);
});

test("statistics are what the log says when it is read anew, after restarts, too", async (t) => {
  const first = await given(t, parts);
  for (const id of ["a", "b"])
    await (await first.app.start(mail, {}, { id })).result({ timeout: "60s" });
  await first.app.close();
  const second = await given(t, parts, { path: first.path });
  const run = await second.app.start(mail, {}, { id: "c" });
  await run.result({ timeout: "60s" });
  await (await second.app.start(mail, {}, { id: "d" })).cancel("not needed");
  await known(second.app, 4);
  await second.app.close();
  const engine = readOnlySqlite(first.path);
  t.after(engine.close);
  const anew = sums();
  const { statistics, asOf } = await knownStatistics(engine, {});
  for (let partition = 0; partition < engine.partitions; partition += 1) {
    const entries = await engine.log.read(partition, 0, { records: 10_000, bytes: 1e9 });
    for (const event of entries.slice(0, asOf[partition]).map(decode))
      if (event.type === "step.ended" || event.type === "run.ended") anew.add(event);
  }
  assert.deepEqual(
    [...anew.all()].map(([name, one]) => statisticsOf(name, one)).toSorted(byName),
    statistics.toSorted(byName),
  );
});

function byName(a: Statistics, b: Statistics): number {
  return `${a.of}${a.name}` < `${b.of}${b.name}` ? -1 : 1;
}
