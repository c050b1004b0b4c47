/** What is on the log and makes no sense must cost nothing but itself (P5, G18). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { given, plansOf, freshBench, play, type At } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  ok,
  page,
  plainPlan,
  seal,
  seen,
  settled,
  split,
} from "../contract/events.ts";
import { isOutput, type Recorded } from "./event.ts";
import { singleFold, sum } from "./fold.ts";

const folds = singleFold(sum(Number));
const flow = flowPlan([fanOutPlan("all", { folds }), plainPlan("last")]);
const unfolded = flowPlan([fanOutPlan("all")]);
const unknown = (value: unknown) => value as never;

for (const [what, event] of [
  ["an index beyond the last", ok(1, 2)],
  ["a range that goes beyond the last", settled(1, { ok: [0, 3, 1] })],
  ["a huge count", settled(1, { ok: [0, 2 ** 52, 1] })],
  ["a negative index", settled(1, { ok: [-1, 1, 1] })],
  ["a negative count", settled(1, { ok: [1, -1, 1] })],
  ["half an index", settled(1, { ok: [0.5, 1, 1] })],
  ["half a triple", settled(1, { ok: [0] })],
  ["no list of successes", settled(1, { ok: unknown(null) })],
  ["results that are no list", { ...ok(1, 0), body: '{"a":1}' }],
  ["results that are no JSON", { ...ok(1, 0), body: "[1" }],
  ["more results than successes", settled(1, { ok: [0, 1, 1] }, [1, 2])],
  ["fewer results than successes", settled(1, { ok: [0, 2, 1] }, [1])],
  ["a failure beyond the last", bad(1, 2)],
  ["a failure at a negative index", bad(1, -1)],
  ["a failure with an outcome of its own", bad(1, 0, { outcome: unknown("ok") })],
  ["a delay that never ends", bad(1, 0, { outcome: "retry-later", delayMs: 1e300 })],
  ["a negative delay", bad(1, 0, { outcome: "retry-later", delayMs: -1 })],
  ["an error that is a text", bad(1, 0, { error: unknown("no") })],
  [
    "a duration in a bucket that is not there",
    settled(1, { ok: [0, 1, 1], took: { us: 1, histogram: [999, 1] } }),
  ],
  ["a negative duration", settled(1, { ok: [0, 1, 1], took: { us: -1, histogram: [] } })],
  ["no durations", settled(1, { ok: [0, 1, 1], took: unknown(undefined) })],
  ["a loss beyond the last", lost(1, { subJobs: [0, 3, 1] })],
  ["a huge loss", lost(1, { subJobs: [0, 2 ** 52, 1] })],
  ["a negative loss", lost(1, { subJobs: [-5, 2, 1] })],
  ["a page at a negative index", page(1, -1, 1)],
  ["a page without keys", page(1, 2, 0, { keys: unknown(undefined) })],
  ["a page with a negative number of duplicates", page(1, 2, 1, { duplicates: -1 })],
  ["a step's outcome that is none", done(1, "all", { outcome: unknown("perhaps") })],
] as const)
  test(`${what} changes nothing and is counted`, () => {
    const open = [begin(0), page(0, 0, 2)];
    given([flow], open)
      .when(event)
      .expect({ events: [], tasks: [], step: { "in-flight": 2, size: 2, stale: 1, folds: [0] } });
    given([flow], [...open, event])
      .when(seal(2, 2), settled(3, { ok: [0, 2, 1] }, [3, 4]))
      .expect({ run: { step: "last" }, step: { ok: 2, folds: [7] } });
  });

test("results are read where something folds them, and nowhere else", () => {
  given([unfolded], [...split(1)])
    .when({ ...ok(1, 0), body: "[1" })
    .expect({ run: { state: "done" } });
});

for (const [what, event] of [
  ["a start without a flow", begin(1, { run: "x", flow: unknown(undefined) })],
  ["a start with a priority of its own", begin(1, { run: "x", priority: unknown("asap") })],
  ["a start with a deadline that is no number", begin(1, { run: "x", deadlineAt: unknown("now") })],
  ["a worker with a negative number of slots", seen(1, -1)],
  ["a worker with no end of slots", seen(1, 1e300)],
  ["a worker whose queues are no list", seen(1, 1, { queues: unknown("default") })],
  ["a redrive of a negative range", ask(1, "redrive", { indices: [0, -1] })],
  ["a redrive of half a range", ask(1, "redrive", { indices: [0] })],
  ["a redrive of a step that is no text", ask(1, "redrive", { step: unknown({ toString: 1 }) })],
  ["a command without a request", ask(1, "cancel", { request: unknown(undefined) })],
  [
    "an event of a type that is not known",
    { at: 1, event: unknown({ type: "made.up", run: "r" }) },
  ],
] as const)
  test(`${what} is ignored`, () => {
    const { bench } = play(freshBench(plansOf([flow])), split(2));
    const { decided } = play(bench, [event]);
    assert.deepEqual(decided, { events: [], tasks: [] });
    assert.equal(bench.state.runs.size, 1);
    given([flow], [...split(2), event])
      .when(settled(3, { ok: [0, 2, 1] }, [3, 4]))
      .expect({ run: { step: "last", answers: [] } });
  });

test("a redrive of more than there is means what there is", () => {
  given([unfolded], [...split(2), bad(1, 0, { fatal: true }), bad(1, 1, { fatal: true })])
    .when(ask(2, "redrive", { indices: [1, 2 ** 52, 1, 1, 0, 0] }))
    .expect({ put: [1], answer: { matched: 1 } });
});

test("a record whose type cannot even be a text is passed over", () => {
  const type: unknown = { toString: {} };
  assert.equal(isOutput({ type } as Recorded), false); // oxlint-disable-line typescript/no-unsafe-type-assertion -- what a record may say
});

test("P5 any field of any event may be anything, and nothing stops", () => {
  const events = [
    ...split(2),
    ok(1, 0),
    bad(1, 1),
    done(1, "all", { outcome: "retry-later", delayMs: 5 }),
    lost(1, { subJobs: [0, 2, 1] }),
    lost(1, { issue: 1, clean: true }),
    seen(1, 2),
    ask(1, "redrive", { indices: [0, 1], signature: "x", step: "all" }),
    ask(1, "skip", { step: "all" }),
    ask(1, "close", { reason: "late" }),
    ask(1, "cancel"),
  ];
  const spoilt = fc
    .tuple(
      fc.constantFrom(...events),
      fc.nat(),
      fc.jsonValue({ maxDepth: 2 }),
      fc.option(fc.json()),
    )
    .map(([one, place, value, body]): At => {
      const names = Object.keys(one.event);
      const event = { ...one.event, [names[place % names.length] ?? ""]: value };
      return { at: 1, event: unknown(event), ...(body === null ? {} : { body }) };
    });
  fc.assert(
    fc.property(fc.array(spoilt, { maxLength: 8, size: "max" }), (batch) => {
      let bench = play(freshBench(plansOf([flow])), [begin(0), page(0, 0, 2)]).bench;
      for (const one of batch) bench = play(bench, [one]).bench;
      for (const run of bench.state.runs.values()) assert.ok(!run.halted, run.because);
    }),
    { numRuns: 500 },
  );
});
