import assert from "node:assert/strict";
import { test } from "node:test";
import { fold } from "./fold.ts";
import { failed, ok, open, skipped } from "./model.ts";
import type { Told } from "./told.ts";

/** What is found wrong, and the states that its four sub-jobs may be in, after these records of workers. */
function folded(...records: readonly Partial<Told>[]) {
  const found: string[] = [];
  const hints = {
    isTaken: () => true,
    mayRefuse: () => false,
    edits: () => [],
    isDone: () => false,
    swept: () => 0,
    removedBy: () => undefined,
    lates: [],
    nextEnd: () => undefined,
  };
  const { take, runs } = fold(hints, (guarantee, _, expected) => {
    found.push(`${guarantee} ${expected}`);
  });
  const begun: Partial<Told>[] = [
    { type: "run.started" },
    { type: "run.began" },
    { type: "step.began", generation: 1 },
    { type: "fan-out.grown", from: 0, keys: ["a", "b", "c", "d"], body: "[1,2,3,4]" },
  ];
  for (const [offset, record] of [...begun, ...records].entries())
    take({ run: "r", step: "all", offset, at: 0, ...record } as Told, true); // oxlint-disable-line typescript/no-unsafe-type-assertion -- each has what its type needs
  return { found, masks: runs.get("r")?.steps.get("all")?.masks };
}

const settled = (more: Partial<Told>): Partial<Told> => ({
  type: "sub-jobs.settled",
  ok: [],
  ...more,
});
const fatal = { attempt: 1, outcome: "failed", fatal: true };

test("check: an outcome of the issue that counts is taken, whoever gave it out", () => {
  const bad = [
    { index: 1, issue: 1, ...fatal },
    { index: 2, issue: 1, attempt: 1, outcome: "skipped" },
  ];
  const { found, masks } = folded(settled({ ok: [0, 1, 1], bad }));
  assert.deepEqual(found, []);
  assert.deepEqual(masks, [ok, failed, skipped, open]);
});

test("check: an outcome of an issue that there is not is told of; it may succeed, and else it counts for nothing", () => {
  const bad = [{ index: 1, issue: 2, ...fatal, attempt: 2 }];
  const { found, masks } = folded(
    settled({ ok: [0, 1, 2], bad }),
    { type: "task.lost", subJobs: [2, 1, 2], clean: true },
    settled({ bad: [1, 2].map((index) => ({ index, issue: 1, ...fatal })) }),
  );
  assert.deepEqual(
    found,
    Array.from({ length: 3 }, () => "G6 an issue from 1 to 1"),
  );
  assert.deepEqual(masks, [ok, failed, failed, open]);
});

test("check: a worker that vanished with an issue that only a lost log had given out ends none of those before it (seed 202356)", () => {
  const { found, masks } = folded(
    { type: "queue.lost", clean: true },
    { type: "task.lost", subJobs: [1, 1, 2], clean: true },
    settled({ bad: [{ index: 1, issue: 1, ...fatal }] }),
    settled({ bad: [{ index: 1, issue: 1, ...fatal }] }),
  );
  assert.deepEqual(found, []);
  assert.deepEqual(masks, [open, open | failed, open, open]);
});

test("check: outcomes that stand beside one of a sub-job that is not there count for nothing", () => {
  const bad = [
    { index: 1, issue: 1, ...fatal },
    { index: 4, issue: 1, ...fatal },
  ];
  const { found, masks } = folded(settled({ ok: [0, 1, 1], bad }));
  assert.deepEqual(found, ["G3 sub-jobs below 4"]);
  assert.deepEqual(masks, [open, open, open, open]);
});
