import assert from "node:assert/strict";
import { test } from "node:test";

import { fanOutPlan, flowPlan, ok, split } from "../contract/events.ts";
import { given, type At } from "../contract/decider.ts";
import type { Recorded } from "./event.ts";
import { limits } from "./limits.ts";
import { report, type Progress } from "./progress.ts";

const fan = flowPlan([fanOutPlan("all")]);

const said = (at: number, index: number, done: number, of?: number): At => ({
  at,
  event: {
    type: "sub-jobs.progressed",
    run: "r",
    step: "all",
    generation: 0,
    index,
    done,
    ...(of === undefined ? {} : { of }),
  },
});

test("of what runs, the last it said of itself is known", () => {
  given([fan], [...split(3), said(1, 0, 1, 10), said(2, 1, 5)])
    .when(said(3, 0, 4, 10))
    .expect({
      step: {
        progress: [
          { index: 1, done: 5, at: 2 },
          { index: 0, done: 4, of: 10, at: 3 },
        ],
      },
    });
});

test("what no longer runs is forgotten with the next thing that is written down", () => {
  given([fan], [...split(3), said(1, 0, 1, 10), said(2, 1, 5)])
    .when(ok(3, 0))
    .expect({ step: { progress: [{ index: 1, done: 5, at: 2 }] } });
});

test("a report that makes no sense changes nothing, and one for a step that is over neither", () => {
  given([fan], split(3))
    .when(said(1, -2, 1), said(1, 0, Number.NaN), said(1, 7, 1))
    .expect({ step: { progress: [], stale: 2 } });
  given([fan], [...split(1), ok(1, 0)])
    .when(said(2, 0, 1))
    .expect({ run: { state: "done" }, step: { progress: [] } });
});

test("of very many that report, those that spoke last are kept", () => {
  const list: Progress[] = [];
  for (let index = 0; index < 100; index += 1) {
    const { at, event } = said(index, index, 1);
    report(list, { ...event, at, offset: index } as Recorded & { type: "sub-jobs.progressed" });
  }
  assert.equal(list.length, limits.progress);
  assert.deepEqual([list[0]?.index, list.at(-1)?.index], [36, 99]);
});
