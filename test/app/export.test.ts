/** Exporting the sub-jobs of a step: all of them once, in order, from anywhere on; and what a job hides is hidden there, too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { flow, job, type ExportedSubJob } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, opened } from "./given.ts";
import { anything, summing } from "./parts.ts";

async function all(rows: AsyncIterable<ExportedSubJob>): Promise<readonly ExportedSubJob[]> {
  const list: ExportedSubJob[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

test("every sub-job is exported once, in the order of the split, with what came of it", async (t) => {
  const { sums, parts } = summing(
    (n, ctx) => {
      if (n % 100 === 7) return ctx.fatal("no address");
      if (n % 100 === 8) return ctx.skip("nothing to do");
      if (n % 100 === 9 && ctx.attempt === 1) throw new Error("once more");
      return n * 2;
    },
    3_500,
    { retry: 2 },
  );
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  await until(async () => (await run.status()).state === "held");
  const rows = await all(run.export());
  assert.deepEqual(
    rows.map(({ index }) => index),
    Array.from({ length: 3_500 }, (_, n) => n),
  );
  for (const { index, key, state, input, result, error, attempts } of rows) {
    const kind = index % 100;
    const expected =
      kind === 7
        ? ["failed", undefined, "no address", 1]
        : kind === 8
          ? ["skipped", undefined, "nothing to do", 1]
          : ["ok", index * 2, undefined, kind === 9 ? 2 : 1];
    assert.deepEqual([key, input], [`k${index}`, { n: index }]);
    assert.deepEqual([state, result, error?.message, attempts], expected);
  }
  const failed = await all(run.export({ only: "failed" }));
  assert.deepEqual(
    failed.map(({ index }) => index),
    Array.from({ length: 35 }, (_, n) => n * 100 + 7),
  );
  const { signature = "" } = (await run.status()).steps[0]?.failures[0] ?? {};
  assert.deepEqual(await all(run.export({ signature })), failed);
  assert.deepEqual(await all(run.export({ signature: "other" })), []);
  assert.equal((await all(run.export({ only: "skipped" }))).length, 35);
  assert.deepEqual(await all(run.export({ step: "add", from: 2_345 })), rows.slice(2_345));
  assert.deepEqual(await all(run.export({ from: 3_500 })), []);
});

test("of a run whose split nobody runs there is nothing yet; one without a fan-out says so", async (t) => {
  const { sums, parts } = summing((n) => n, 3);
  const none = flow("none", { input: anything }).step("one", () => 1);
  const { app } = await given(t, [...parts, none]);
  const run = await app.start(none, {}, { id: "n" });
  await run.result({ timeout: "60s" });
  await assert.rejects(all(run.export()), /^NotFoundError: run "n" has had no fan-out yet$/);
  await assert.rejects(
    all(run.export({ step: "one" })),
    /^NotFoundError: run "n" has no fan-out "one", or it has not begun$/,
  );
  const { app: idle } = opened(t, parts);
  const later = await idle.start(sums, {}, { id: "later" });
  assert.deepEqual(await all(later.export()), []);
});

const secretive = job("secretive", {
  input: z.object({ id: z.string(), email: z.string(), card: z.object({ number: z.string() }) }),
  retry: 1,
  redact: ["email", "card.number"],
  run({ id, email, card }, ctx) {
    ctx.log.info(`writes to ${email}`, { email, id, nested: [{ card }] });
    if (id === "a") throw new Error(`no mailbox for ${email}, card ${card.number}`);
    return { id, email };
  },
});

const mailing = flow("mailing", { input: anything })
  .fanOut("mail", secretive, {
    over: () =>
      ["a", "b"].map((id) => ({ id, email: `${id}@example.com`, card: { number: "4111" } })),
    key: ({ id }) => id,
    tolerate: 1,
    fold: (f) => ({ some: f.list(3) }),
  })
  .step("report", ({ mail }) => mail.value);

test("what a job hides is in no log line, error, record, status and export, before and after a restart", async (t) => {
  const said: unknown[] = [];
  const to = (message: string, data?: object): void => void said.push([message, data]);
  const log = { debug: () => undefined, info: to, warn: to, error: to };
  const { app, path } = await given(t, [secretive, mailing], { log });
  const run = await app.start(mailing, {}, { id: "r" });
  const result = await run.result({ timeout: "60s" });
  const shown = async (on: typeof run) => ({
    status: (await on.status()).steps,
    records: [await on.subJob("mail", "a"), await on.subJob("mail", "b")],
    rows: await all(on.export()),
    why: await on.why("mail", "a"),
  });
  const known = await shown(run);
  assert.doesNotMatch(JSON.stringify([said, known]), /example\.com|4111/);
  assert.deepEqual(said, [
    ["writes to [redacted]", { run: "r", step: "mail", key: "a", attempt: 1, ...logged("a") }],
    ["writes to [redacted]", { run: "r", step: "mail", key: "b", attempt: 1, ...logged("b") }],
  ]);
  const [a, b] = known.rows;
  assert.equal(a?.error?.message, "no mailbox for [redacted], card [redacted]");
  assert.deepEqual(b?.result, { id: "b", email: "[redacted]" });
  assert.deepEqual(known.status[0]?.value, { some: [{ id: "b", email: "[redacted]" }] });
  // The program itself gets what it made.
  assert.deepEqual(result, { some: [{ id: "b", email: "b@example.com" }] });
  await app.close();
  const second = opened(t, [secretive, mailing], { path, log });
  const same = await second.app.start(mailing, {}, { id: "r" });
  assert.deepEqual(
    JSON.parse(JSON.stringify((await shown(same)).rows)),
    JSON.parse(JSON.stringify(known.rows)),
  );
});

function logged(id: string) {
  return { email: "[redacted]", id, nested: [{ card: { number: "[redacted]" } }] };
}
