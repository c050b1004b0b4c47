import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { begin, fanOutPlan, flowPlan, page, seal, settled } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { singleFold, sum } from "../core/fold.ts";
import type { StoredStep } from "../core/stored.ts";
import { flow } from "../define/flow.ts";
import { job } from "../define/job.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { loadStoredRun, loadStoredSteps } from "./loading.ts";
import { manager } from "./manager.ts";
import { reader } from "./reader.ts";
import { withSampleKeys } from "./sample-keys.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

/** A run with a body, and a fan-out that has these keys on two pages; `named` looks at it where its failures are known by such keys. */
async function given(first: readonly string[], second: readonly string[]) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const work = job("work", { input: anything, run: () => undefined });
  const sums = flow("sums", { input: anything })
    .fanOut("all", work, { over: () => [], key: String })
    .step("last", () => undefined);
  const plans = new Map([["sums", sums.plan]]);
  const { tick } = manager({ engine, clock, partition: 0, holder: "m", plans });
  const start = { run: "r", flow: "sums", input: null, request: "q" };
  await engine.log.append(0, [encode({ type: "run.started", ...start })]);
  while ((await tick()) > 0);
  let from = 0;
  for (const keys of [first, second]) {
    const here = { run: "r", step: "all", generation: 1, issue: 1, from, keys, duplicates: 0 };
    const body = JSON.stringify(keys.map(() => null));
    await engine.log.append(0, [encode({ type: "fan-out.grown", ...here }, body)]);
    from += keys.length;
  }
  while ((await tick()) > 0);
  const run = await loadStoredRun(engine.store, 0, "r");
  assert.ok(run !== undefined);
  const [all, last] = await loadStoredSteps(engine.store, 0, run);
  assert.ok(all?.kind === "fan-out");

  let reads = 0;
  const read: typeof engine.log.read = (...args) => {
    reads += 1;
    return engine.log.read(...args);
  };
  const on = { ...engine, log: { ...engine.log, read } };
  const named = async (...groups: readonly (readonly string[])[]) => {
    const step: StoredStep = {
      ...all,
      groups: groups.map((keys, n) => ({
        signature: `s${n}`,
        message: "",
        count: 1,
        keys: [...keys],
      })),
    };
    const steps = [step, undefined, last];
    const found = await withSampleKeys(on, { partition: 0, run: "r" }, steps);
    assert.deepEqual(found.slice(1), [undefined, last]);
    return found[0]?.kind === "fan-out" ? found[0].groups.map(({ keys }) => keys) : undefined;
  };
  return { named, reads: () => reads };
}

test("a sub-job that is known by its number has its key instead, on whichever page it stands", async () => {
  const { named } = await given(["a", "b", "c"], ["d", "e"]);
  assert.deepEqual(await named(["#1", "#4", "a"], ["#3"]), [["b", "e", "a"], ["d"]]);
  assert.deepEqual(await named(["#0", "a", "#0"]), [["a"]], "each is named once");
  assert.deepEqual(await named(["#9", "no #1"]), [["#9", "no #1"]]);
});

test("who calls sub-jobs so means the key", async () => {
  const { named } = await given(["#2", "#0"], ["#1"]);
  assert.deepEqual(await named(["#0", "#1", "#2"]), [["#0", "#1", "#2"]]);
});

test("where none is known by its number, and of a number that none has, nothing is read", async () => {
  const { named, reads } = await given(["a", "b", "c"], ["d", "e"]);
  assert.deepEqual(await named(["a", "#5"], []), [["a", "#5"], []]);
  assert.equal(reads(), 0);
});

test("what a fold refused is shown by its keys, and each page that has some of them is read once", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const plans = plansOf([flowPlan([fanOutPlan("all", { folds: singleFold(sum(Number)) })])]);
  const { tick } = manager({ engine, clock, partition: 0, holder: "ann", plans });
  const pages = [page(0, 0, 4), page(0, 4, 4, { keys: ["k4", "k5", "#0", "k7"] }), page(0, 8, 4)];
  const results = Array.from({ length: 12 }, (_, n) => ([1, 2, 6, 10, 11].includes(n) ? "no" : n));
  for (const { event, body } of [
    begin(0),
    ...pages,
    seal(0, 12),
    settled(0, { ok: [0, 12, 1] }, results),
  ])
    await engine.log.append(0, [encode(event, body)]);
  while ((await tick()) > 0);
  let reads = 0;
  const read: typeof engine.log.read = async (...args) => {
    reads += 1;
    return engine.log.read(...args);
  };
  const status = await reader({
    engine: { ...engine, log: { ...engine.log, read } },
    clock,
    plans,
  }).status("r");
  assert.deepEqual(status?.steps[0]?.failures[0]?.keys, ["k1", "k2", "#6", "k10", "k11"]);
  assert.equal(reads, pages.length);
});
