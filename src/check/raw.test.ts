/** What is found in a store that was written by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkRaw } from "./check.ts";

const run = "r";
const started = {
  type: "run.started",
  run,
  flow: "f",
  input: {},
  request: "q",
  priority: "normal",
};
const began = { type: "run.began", run, flow: "f", priority: "normal" };
const lost = { type: "task.lost", run, step: "later", generation: 1, issue: 1 };

/** A run whose second step has not begun, and of which somebody said that its task was lost. */
function found(stored: object): readonly string[] {
  const texts = [started, began, lost].map((event) => JSON.stringify(event));
  const of = { flow: "f", input: {}, request: "q", state: "running", startedAt: 1 };
  const state = new Map([
    [`run/${run}`, JSON.stringify({ ...of, steps: ["first", "later"] })],
    [`live/${run}`, ""],
    [`step/${run}/later`, JSON.stringify({ name: "later", kind: "body", ...stored })],
  ]);
  const log = () => texts.map((text, offset) => ({ offset, at: 1, text }));
  const home = { number: 0, consumed: 3, viewed: 0, trimmed: 0, log, state };
  const raw = { partitions: [home], rows: new Map(), damage: [], isEmpty: false };
  const { violations } = checkRaw({ ...raw, close: () => undefined }, "by hand", undefined);
  return violations.map(({ where, expected, got }) => `${where}: expected ${expected}, got ${got}`);
}

test("a step that has not begun has a record once somebody told of it, and it waits there (seed 300894)", () => {
  assert.deepEqual(found({ state: "waiting", generation: 1 }), []);
  assert.deepEqual(found({ state: "waiting", generation: 2 }), [
    "r/later: expected generation 1 to 1, got 2",
  ]);
  assert.deepEqual(found({ state: "running", generation: 1 }), [
    "r/later: expected state waiting, got running",
  ]);
});
