/** Every engine's views pass this: V1–V4 of ports/views.ts. */
import assert from "node:assert/strict";
import { ConflictError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import type { RunQuery, RunRow, Viewed, Views } from "../ports/views.ts";
import { type Open, type Test, withBench } from "./given.ts";

export function viewsContract(test: Test, open: Open): void {
  const promise = withBench(test, open);

  promise("V1 apply stores rows and checkpoint together", async ({ engine }) => {
    const { views } = engine;
    assert.equal(await views.checkpoint(0), 0);
    await apply(engine, 0, 3, [row("a")]);
    assert.equal(await views.checkpoint(0), 3);
    assert.deepEqual(await views.run("a"), row("a"));
    assert.equal(await views.run("b"), undefined);
  });

  promise("V1 from another checkpoint it changes nothing", async ({ engine }) => {
    const { views } = engine;
    await apply(engine, 0, 3, [row("a")]);
    for (const from of [0, 2, 4])
      await assert.rejects(
        apply(engine, from, 9, [row("a", { state: "done" }), row("b")]),
        ConflictError,
      );
    assert.equal(await views.checkpoint(0), 3);
    assert.deepEqual(await views.run("a"), row("a"));
    assert.equal(await views.run("b"), undefined);
  });

  promise("V1 of two at the same time from one checkpoint, one conflicts", async (bench) => {
    const { engine } = bench;
    const ends = await Promise.allSettled([
      apply(engine, 0, 1, [row("a")]),
      apply(engine, 0, 2, [row("b")]),
    ]);
    assert.deepEqual(ends.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  });

  promise("V1 rows and checkpoint are there after reopening", async (bench) => {
    if (bench.reopen === undefined) return;
    await apply(bench.engine, 0, 3, [row("a", { tags: { month: "5" }, endedAt: 9 })]);
    const { engine } = await bench.reopen();
    assert.equal(await engine.views.checkpoint(0), 3);
    assert.deepEqual(await engine.views.run("a"), row("a", { tags: { month: "5" }, endedAt: 9 }));
    await engine.close();
  });

  promise("V2 a row replaces the row of the same run", async ({ engine }) => {
    const { views } = engine;
    await apply(engine, 0, 1, [row("a", { because: "waits", customer: "c" })]);
    await apply(engine, 1, 2, [row("a", { state: "done" }), row("a", { state: "failed" })]);
    assert.deepEqual(await views.run("a"), row("a", { state: "failed" }));
    assert.deepEqual(await runs(views, {}), ["a"]);
    assert.deepEqual(await runs(views, { customer: "c" }), []);
    assert.deepEqual(await runs(views, { states: ["running"] }), []);
  });

  promise("V2 a removed row takes the row away", async ({ engine }) => {
    const { views } = engine;
    await apply(engine, 0, 1, [row("a"), row("b"), row("c")]);
    await apply(engine, 1, 2, [
      { run: "a", state: "removed" },
      { run: "c", state: "removed" },
      row("c", { startedAt: 9 }),
      { run: "never", state: "removed" },
    ]);
    assert.equal(await views.run("a"), undefined);
    assert.deepEqual(await runs(views, {}), ["c", "b"]);
    assert.equal(await views.checkpoint(0), 2);
  });

  promise("V4 rows of another past of the log are refused", async ({ engine }) => {
    await apply(engine, 0, 1, [row("a")]);
    const another = { from: 1, to: 2, past: "another", rows: [row("a", { state: "done" })] };
    await assert.rejects(engine.views.apply(0, another), ConflictError);
    assert.equal(await engine.views.checkpoint(0), 1);
    assert.deepEqual(await engine.views.run("a"), row("a"));
    await apply(engine, 1, 2, [row("b")]);
  });

  promise("V3 runs come newest start first, at most limit", async ({ engine }) => {
    const { views } = engine;
    await apply(engine, 0, 1, [
      row("b", { startedAt: 2 }),
      row("c", { startedAt: 3 }),
      row("a", { startedAt: 1 }),
    ]);
    assert.deepEqual(await runs(views, {}), ["c", "b", "a"]);
    assert.deepEqual(await runs(views, { limit: 2 }), ["c", "b"]);
    assert.deepEqual(await runs(views, { since: 2 }), ["c", "b"]);
  });

  const queries: readonly (readonly [Partial<RunQuery>, readonly string[]])[] = [
    [{ states: ["running", "held"] }, ["4", "2", "1"]],
    [{ states: [] }, []],
    [{ flow: "mails" }, ["5", "4", "3"]],
    [{ customer: "acme" }, ["3", "1"]],
    [{ flow: "mails", states: ["done"] }, ["3"]],
    [{ customer: "acme", flow: "invoices" }, ["1"]],
    [{ customer: "acme", states: ["running", "done"], since: 2 }, ["3"]],
    [{ flow: "invoices", since: 2 }, ["2"]],
    [{ states: ["running"], since: 2, limit: 1 }, ["4"]],
    [{ flow: "none" }, []],
    [{ endedBefore: 7 }, ["5"]],
    [{ endedBefore: 8, flow: "mails", states: ["done", "failed"] }, ["5", "3"]],
    [{ endedBefore: 8, flow: "invoices" }, []],
  ];
  for (const [query, found] of queries)
    promise(`V3 runs with ${JSON.stringify(query)}`, async ({ engine }) => {
      const { views } = engine;
      await apply(engine, 0, 1, [
        row("1", { startedAt: 1, customer: "acme" }),
        row("2", { startedAt: 2, state: "held", customer: "bolt" }),
        row("3", { startedAt: 3, state: "done", flow: "mails", customer: "acme", endedAt: 7 }),
        row("4", { startedAt: 4, flow: "mails" }),
        row("5", { startedAt: 4.5, state: "failed", flow: "mails", endedAt: 6 }),
      ]);
      assert.deepEqual(await runs(views, query), found);
    });
}

async function apply(
  { log, views }: Engine,
  from: number,
  to: number,
  rows: Viewed["rows"],
): Promise<void> {
  await views.apply(0, { from, to, past: await log.past(0), rows });
}

function row(run: string, more: Partial<RunRow> = {}): RunRow {
  return { run, flow: "invoices", state: "running", priority: "normal", startedAt: 1, ...more };
}

async function runs(views: Views, query: Partial<RunQuery>): Promise<readonly string[]> {
  return (await views.runs({ limit: 100, ...query })).map(({ run }) => run);
}
