/** Corrected inputs: where they stand, who works on them, and what worked on others counts no more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  freshBench,
  given,
  plansOf,
  play,
  restarted,
  type At,
  type Bench,
} from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  lost,
  ok,
  page,
  plainPlan,
  settled,
  split,
} from "../contract/events.ts";
import { CorruptError } from "../errors.ts";
import { itemsIn } from "./edits.ts";
import type { Json } from "./event.ts";
import { keyHash } from "./limit-keys.ts";
import { limits } from "./limits.ts";

const fan = flowPlan([fanOutPlan("all")]);
const fatal = { fatal: true } as const;

/** A redrive of these, with an input for each of `edits`. */
function edited(
  at: number,
  indices: readonly number[],
  edits: readonly number[],
  more: { readonly limitKeys?: readonly number[] } = {},
): At {
  const items = edits.map((index): Json => ({ corrected: index }));
  return { ...ask(at, "redrive", { indices, edits, ...more }), body: JSON.stringify(items) };
}

const plans = plansOf([fan]);

/** Event by event: slices are put at the end of each. */
function lived(bench: Bench, events: readonly At[]): Bench {
  return events.reduce((before, event) => play(before, [event]).bench, bench);
}

/** Of three, the first two have failed; five events. */
const failed = [...split(3), bad(1, 0, fatal), bad(1, 1, fatal), ok(1, 2)];

test("who is redriven with another input is put with the place of its item, the others without", () => {
  given([fan], failed)
    .when(edited(2, [0, 2], [1]))
    .expect({
      tasks: [
        {
          again: [
            { index: 0, issue: 2, attempt: 1, previous: 3 },
            { index: 1, issue: 2, attempt: 1, previous: 4, edited: 6 },
          ],
        },
      ],
      answer: { matched: 2 },
    });
});

test("later attempts and later generations keep the input, until it is corrected again", () => {
  const once = [...failed, edited(2, [1, 1], [1]), bad(3, 1, { issue: 2, ...fatal })];
  given([fan], once)
    .when(ask(4, "redrive", { indices: [1, 1] }))
    .expect({
      tasks: [{ again: [{ index: 1, issue: 3, attempt: 1, previous: 7, edited: 6 }] }],
    });
  given([fan], once)
    .when(edited(4, [1, 1], [1]))
    .expect({
      tasks: [{ again: [{ index: 1, issue: 3, attempt: 1, previous: 7, edited: 8 }] }],
    });
  given([fan], [...failed, edited(2, [1, 1], [1])])
    .when(lost(3, { subJobs: [1, 1, 2] }))
    .expect({ tasks: [{ again: [{ index: 1, issue: 3, attempt: 1, previous: 4, edited: 6 }] }] });
});

test("a success of an attempt that worked on another input counts no more", () => {
  const corrected = [...failed, edited(2, [0, 2], [1])];
  given([fan], corrected)
    .when(settled(3, { ok: [0, 2, 1] }))
    .expect({ step: { ok: 2, "in-flight": 1, stale: 1 } });
  given([fan], corrected)
    .when(settled(3, { ok: [0, 2, 1] }), ok(4, 1, { issue: 2 }))
    .expect({ run: { state: "done" }, step: { ok: 3, stale: 1, duplicate: 0 } });
});

test("what has not failed any more is not corrected: the selection was frozen before", () => {
  given([fan], [...failed, ask(2, "redrive", { indices: [1, 1] })])
    .when(edited(3, [1, 1], [1]), bad(4, 1, { issue: 2 }))
    .expect({ step: { retrying: 1 }, answer: { matched: 0 } });
  given([fan], [...failed, ask(2, "redrive", { indices: [1, 1] }), edited(3, [1, 1], [1])])
    .when(ok(4, 1, { issue: 1 }))
    .expect({ step: { ok: 2, stale: 0 } });
});

test("a corrected input has the limit of its own key", () => {
  const perHost = { name: "hosts", key: () => undefined, concurrency: 1 };
  const one = flowPlan([fanOutPlan("all", { job: { limits: [perHost] } })]);
  const [a, b] = [keyHash("a"), keyHash("b")];
  const limited = [
    begin(0),
    page(0, 0, 2, { limitKeys: [a, a] }),
    bad(1, 0, fatal), // The other one is in flight now, under the same key.
  ];
  const again = { limitKeys: [b] } as const;
  given([one], limited)
    .when(edited(2, [0, 1], [0]))
    .expect({ put: [] });
  given([one], limited)
    .when(edited(2, [0, 1], [0], again))
    .expect({ put: [0] });
});

test("steps and runs that stand still have no inputs to correct; nor are there more than can be kept", () => {
  const plain = flowPlan([plainPlan("all")]);
  given([plain], [begin(0)])
    .when(edited(1, [0, 1], [0]))
    .expect({ tasks: [], answer: { refused: 'step "all" has not failed' } });
  const once = lived(freshBench(plans), [...failed, edited(2, [1, 1], [1])]);
  const step = once.state.runs.get("r")?.steps[0];
  assert.ok(step?.kind === "fan-out");
  for (let n = 1; n < limits.editsOfStep; n += 1) step.edits?.triples.push(1, n, 1);
  const { state } = lived(once, [bad(3, 1, { issue: 2, ...fatal }), edited(4, [1, 1], [1])]);
  assert.match(state.runs.get("r")?.answers.at(-1)?.refused ?? "", /10000 corrected inputs/);
});

test("restarted, it is known whose inputs were corrected; and the record goes with the run", () => {
  const bench = lived(freshBench(plans), [...failed, edited(2, [0, 2], [0, 1])]);
  assert.equal(bench.store.get("edits/r/all"), "[0,6,2,1,6,2]");
  const after = restarted(bench, plans, 3).state.runs.get("r")?.steps[0];
  assert.ok(after?.kind === "fan-out");
  assert.deepEqual(after.edits?.latest, new Map([0, 1].map((n) => [n, { offset: 6, issue: 2 }])));
  const kept = { retentionMs: 0, flow: "f" } as const;
  const expired: At = { at: 200_000, event: { type: "run.expired", run: "r", ...kept } };
  const end = [ok(3, 0, { issue: 2 }), ok(4, 1, { issue: 2 }), expired];
  assert.equal(lived(bench, end).store.has("edits/r/all"), false);
});

test("an event whose inputs do not fit its places is passed over, or its items are damage", () => {
  const most = Array.from({ length: limits.edits + 1 }, (_, n) => n);
  for (const edits of [[-1], [0.5], most, "all"] as readonly (readonly number[])[])
    given([fan], failed)
      .when({ ...ask(2, "redrive", { indices: [0, 1], edits }), body: "[]" })
      .expect({ tasks: [] });
  given([fan], failed)
    .when(ask(2, "redrive", { indices: [0, 1], edits: [0], limitKeys: [] }))
    .expect({ tasks: [] });
  const redrive = { type: "redrive.asked", run: "r", request: "q", offset: 6, at: 2 } as const;
  assert.deepEqual(
    itemsIn({ ...redrive, edits: [7], body: '[{"n":1}]' }),
    new Map([[7, { n: 1 }]]),
  );
  for (const body of [undefined, "[]", "{", "null", "[1,2]"])
    assert.throws(
      () => itemsIn({ ...redrive, edits: [7], ...(body === undefined ? {} : { body }) }),
      CorruptError,
    );
});
