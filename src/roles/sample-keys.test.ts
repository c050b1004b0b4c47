import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { begin, fanOutPlan, flowPlan, page, seal, settled } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { singleFold, sum } from "../core/fold.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import { reader } from "./reader.ts";

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
