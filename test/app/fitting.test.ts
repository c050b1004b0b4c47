/** Whether the runs under way fit an app: one that has changed since they began is opened on their file. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { z } from "zod";
import { app, flow, job, type Flow, type Part } from "../../src/index.ts";
import { readOnlySqlite } from "../../src/engines/sqlite/read-only.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";

const item = z.object({ id: z.string() });
const month = z.object({ month: z.string() });

/** Sub-jobs that never end, and a step after them. */
const send = job("send", {
  input: item,
  run: (_, ctx) => ctx.retryLater("1h", "not now"),
});
const mail = flow("mail", { input: month })
  .fanOut("mails", send, {
    over: () => [{ id: "a" }, { id: "b" }],
    key: ({ id }) => id,
    fold: (f) => f.count(),
  })
  .step("report", () => 1);
const mailFlow: Flow<"mail", { month: string }> = mail;

/** Two runs in the middle of their fan-out; resolves to what an app of other parts says of them. */
async function underWay(t: TestContext) {
  const { app: first, path } = await given(t, [send, mail]);
  const runs = await Promise.all(
    ["one", "two"].map((id) => first.start(mailFlow, { month: "10" }, { id })),
  );
  for (const run of runs)
    await until(async () => (await run.status()).steps[0]?.retrying === 2, { what: run.id });
  assert.deepEqual(
    (await first.fit()).map(({ flow, runs, inputs, items, misfits }) => [
      flow,
      runs,
      inputs,
      items,
      misfits,
    ]),
    [["mail", 2, 2, 4, []]],
  );
  await first.close();
  return async (parts: readonly Part[]) => {
    const changed = app({ name: "changed", parts, engine: readOnlySqlite(path) });
    const fit = await changed.fit();
    await changed.close();
    return fit.flatMap(({ misfits }) =>
      misfits.map(({ of, step, runs, run, isFatal, because }) => {
        assert.ok(["one", "two"].includes(run));
        return [of, step, runs, isFatal, because] as const;
      }),
    );
  };
}

const over = { over: () => [], key: ({ id }: { id: string }) => id };
const begun = flow("mail", { input: month });

test("a flow or a step that is gone stops its runs; a later one is only not run, nor is a new one before", async (t) => {
  const of = await underWay(t);
  assert.deepEqual(await of([send]), [
    ["flow", undefined, 2, true, "2 runs are under way, and this program has no such flow"],
  ]);
  const gone = begun.step("report", () => 1);
  assert.deepEqual(await of([gone]), [
    ["step", "mails", 2, true, '2 runs are at step "mails", which this program no longer has'],
  ]);
  const moved = begun
    .step("check", () => 1)
    .fanOut("mails", send, { ...over, fold: (f) => f.count() });
  assert.deepEqual(await of([send, moved]), [
    [
      "removed",
      "report",
      2,
      false,
      '2 runs were to come to step "report", which this program no longer has: they go on without it',
    ],
    [
      "added",
      "check",
      2,
      false,
      '2 runs are past the place of step "check", which is new: it does not run for them',
    ],
  ]);
});

test("a step of another kind, other folds, and schemas that refuse what was stored", async (t) => {
  const of = await underWay(t);
  const [kind] = await of([begun.step("mails", () => 1).step("report", () => 1)]);
  assert.deepEqual(kind?.slice(0, 4), ["kind", "mails", 2, true]);
  assert.match(kind?.[4] ?? "", /step "mails" of 2 runs was a fan-out when it ran, and is another/);

  const folded = begun.fanOut("mails", send, { ...over, fold: (f) => f.list(3) });
  const [folds] = await of([send, folded.step("report", () => 1)]);
  assert.deepEqual(folds?.slice(0, 4), ["folds", "mails", 2, true]);
  assert.match(folds?.[4] ?? "", /it began with "count.*", this program has "list/);

  const strict = job("send", { input: item.extend({ host: z.string() }), run: () => 1 });
  const asked = flow("mail", { input: month.extend({ year: z.number() }) })
    .fanOut("mails", strict, {
      over: () => [] as { id: string; host: string }[],
      key: ({ id }) => id,
      fold: (f) => f.count(),
    })
    .step("report", () => 1);
  const refused = await of([strict, asked]);
  assert.deepEqual(
    refused.map((one) => one.slice(0, 4)),
    [
      ["input", undefined, 2, true],
      ["item", "mails", 2, true],
    ],
  );
  assert.match(refused[0]?.[4] ?? "", /the input of 2 runs is refused.*: \.year: /);
  assert.match(refused[1]?.[4] ?? "", /"mails" of 2 runs has sub-jobs to come that.*: \.host: /);
});
