import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Engine } from "../ports/engine.ts";
import type { RemovedRow, RunRow } from "../ports/views.ts";
import { projector } from "./projector.ts";

const step = { run: "r", step: "s", generation: 1 };
const began = encode({ type: "run.began", run: "r", flow: "f", priority: "normal" });
const stepBegan = encode({ type: "step.began", ...step });
const ended = encode({ type: "run.ended", run: "r", state: "done" });
const outcome = encode({
  type: "sub-jobs.settled",
  ...step,
  worker: "w",
  ok: [0, 1, 1],
  took: { us: 1, histogram: [] },
});

/** An engine, and each apply to its views in words. */
function given() {
  const clock = { now: () => 1_000, sleep: async () => undefined };
  const engine = memoryEngine({ clock });
  const applied: string[] = [];
  const watched: Engine = {
    ...engine,
    views: {
      ...engine.views,
      async apply(partition, viewed) {
        const { from, to, rows } = viewed;
        applied.push(`${from}-${to}: ${rows.map(said).join()}`);
        await engine.views.apply(partition, viewed);
      },
    },
  };
  const add = (...texts: readonly string[]) => engine.log.append(0, texts);
  /** As a process that has just started. */
  const restarted = () => projector({ engine: watched, clock, partition: 0 });
  return { engine, applied, add, restarted };
}

function said(row: RunRow | RemovedRow): string {
  const { run, state } = row;
  const step = row.state === "removed" ? undefined : row.step;
  return [run, state, ...(step === undefined ? [] : [step])].join(" ");
}

test("the list follows the log, and what changes no row is not written down", async () => {
  const { applied, add, restarted } = given();
  const { tick } = restarted();
  await add(began, outcome);
  assert.equal(await tick(), 2);
  for (let n = 0; n < 10; n++) {
    await add(outcome, outcome);
    assert.equal(await tick(), 2);
  }
  await add(outcome, stepBegan);
  assert.equal(await tick(), 2);
  assert.equal(await tick(), 0);
  assert.deepEqual(applied, ["0-2: r running", "2-24: r running s"]);
});

test("more than 200 records without a row are written down, so that a restart reads no more again", async () => {
  const { engine, applied, add, restarted } = given();
  const { tick } = restarted();
  await add(...Array.from({ length: 200 }, () => outcome));
  await tick();
  assert.deepEqual(applied, []);
  await add(outcome);
  await tick();
  assert.deepEqual(applied, ["0-201: "]);
  assert.equal(await engine.views.checkpoint(0), 201);
});

test("C72 a restart reads again what was not written down, and the rows are the same", async () => {
  const { engine, applied, add, restarted } = given();
  await add(began, stepBegan);
  const before = restarted();
  await before.tick();
  await add(outcome, outcome);
  await before.tick();
  const rows = await engine.views.runs({ limit: 10 });

  const after = restarted();
  assert.equal(await after.tick(), 2);
  assert.equal(await after.tick(), 0);
  assert.deepEqual(await engine.views.runs({ limit: 10 }), rows);

  await add(ended);
  await after.tick();
  assert.deepEqual(applied, ["0-2: r running s", "2-5: r done s"]);
});

test("of two that read the same partition one is refused, begins again from the list, and agrees", async () => {
  const { engine, add, restarted } = given();
  const [one, other] = [restarted(), restarted()];
  await add(began);
  await one.tick();
  await other.tick();
  await add(outcome);
  await one.tick();
  await other.tick();
  await add(stepBegan);
  await one.tick();
  await assert.rejects(other.tick(), { name: "ConflictError" });
  assert.equal(await other.tick(), 0);
  await add(ended);
  await other.tick();
  const [row] = await engine.views.runs({ limit: 10 });
  assert.equal(row && said(row), "r done s");
});
