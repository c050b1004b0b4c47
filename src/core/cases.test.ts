/** Cases of docs/internals/cases.md that no other test of the core tells as their story. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, given, plansOf, play, recorded, restarted } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  lostAt,
  ok,
  page,
  plainPlan,
  seal,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { namedFolds, sum } from "./fold.ts";
import { limits } from "./limits.ts";
import { decide } from "./partition.ts";
import { takeChanges } from "./snapshot.ts";
import { poolOf } from "./state.ts";

const folds = namedFolds({ sum: sum(Number) });
const fan = flowPlan([fanOutPlan("all", { folds }), plainPlan("last")]);
const plans = plansOf([fan]);
const fatal = { fatal: true };

test("C07 the sweep puts a lost split again and leaves the total to its seal", () => {
  given([fan], [begin(0), page(1, 0, 2), ok(2, 0), ok(3, 1)])
    .when(ticked(lostAt + 1), ticked(2 * lostAt + 2))
    .expect({
      tasks: [
        { kind: "split", issue: 2, size: 2 },
        { kind: "split", issue: 3, size: 2 },
      ],
      events: [],
      step: { ok: 2, size: 2, total: undefined },
    });
});

test("C14 of a fan-out of a hundred thousand, the queue has no more than the window", () => {
  let bench = freshBench(plans);
  let put = 0;
  const pages = Array.from({ length: 100 }, (_, n) => page(1, n * 1_000, 1_000));
  for (const event of [begin(0), ...pages, seal(2, 100_000)]) {
    const { decided, ...next } = play(bench, [event]);
    bench = next.bench;
    for (const task of decided.tasks) put += task.kind === "slice" ? task.count : 0;
  }
  assert.ok(put > 0 && put <= limits.windowSubJobs, `${put} are out`);
  assert.equal(poolOf(bench.state, "default").inFlight, put);
});

test("C16 what is given back and recorded all the same has one outcome, whichever comes first", () => {
  const back = lost(1, { subJobs: [0, 1, 1], clean: true });
  given([fan], [...split(2), back])
    .when(ok(2, 0), ok(3, 0, { issue: 2 }))
    .expect({ step: { ok: 1, duplicate: 1, waiting: 0, "in-flight": 1, folds: [0] } });
  given([fan], [...split(2), ok(1, 0)])
    .when(back)
    .expect({ put: [], step: { ok: 1, waiting: 0, "in-flight": 1 } });
});

test("C26 an outcome of a sub-job that is not there yet changes nothing, and its own comes later", () => {
  given([fan], [begin(0), page(1, 0, 1), settled(2, { ok: [1, 1, 1] }, [5])])
    .when(page(3, 1, 1), seal(4, 2), ok(5, 0), ok(6, 1))
    .expect({
      events: [
        { type: "fan-out.joined", total: 2, ok: 2 },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
      step: { stale: 1 },
    });
});

test("C29 a loss that is told late takes nothing back: not from the next issue, not from a success", () => {
  const first = lost(1, { subJobs: [0, 2, 1] });
  given([fan], [...split(2), first, ok(2, 0, { issue: 2 })])
    .when(first, lost(4, { subJobs: [0, 1, 2] }))
    .expect({ tasks: [], step: { ok: 1, "in-flight": 1, waiting: 0 } });
});

/** How a sub-job may leave the queue without a success. */
const exits = {
  "a failure for good": [bad(1, 0, fatal)],
  "a failure that is tried again": [bad(1, 0)],
  "a request to be tried later": [bad(1, 0, { outcome: "retry-later", delayMs: 60_000 })],
  "a skip": [bad(1, 0, { outcome: "skipped" })],
  "the end of its time": [bad(1, 0, { outcome: "timed-out", ...fatal })],
} as const;
for (const [how, events] of Object.entries(exits)) {
  test(`C35 ${how} makes room for the next`, () => {
    const narrow = flowPlan([fanOutPlan("all", { concurrency: 1, tolerate: { count: 3 } })]);
    let { bench } = play(freshBench(plansOf([narrow])), split(3));
    assert.equal(poolOf(bench.state, "default").inFlight, 1);
    const next = play(bench, events);
    bench = next.bench;
    assert.equal(poolOf(bench.state, "default").inFlight, 1);
    assert.deepEqual(
      next.decided.tasks.map((task) => task.kind === "slice" && task.from),
      [1],
    );
  });
}

/** How all of a run's sub-jobs may leave the queue at once. */
const ends = {
  "a cancel": ask(1, "cancel"),
  "a close": ask(1, "close"),
  "a failure that ends the run": bad(1, 0, fatal),
} as const;
for (const [how, event] of Object.entries(ends)) {
  test(`C35 ${how} leaves nothing of the run in the window`, () => {
    const strict = flowPlan([fanOutPlan("all", { beyond: "fail" })]);
    const { bench } = play(freshBench(plansOf([strict])), [begin(0), page(0, 0, 4), seal(0, 4)]);
    assert.equal(poolOf(bench.state, "default").inFlight, 4);
    const rest = [1, 2, 3].map((index) => bad(1, index, fatal));
    const after = play(bench, how === "a failure that ends the run" ? [event, ...rest] : [event]);
    assert.equal(poolOf(after.bench.state, "default").inFlight, 0);
  });
}

test("C38 the step after a join does not wait behind the sub-jobs of others: it goes as urgent", () => {
  given([fan], [...split(1)])
    .when(ok(1, 0))
    .expect({ tasks: [{ kind: "step", step: "last", priority: "urgent" }] });
});

test("C49 the outcome of a redriven sub-job is not taken for a repetition of its first", () => {
  given([fan], [...split(2), bad(1, 0, fatal), ok(2, 1), ask(3, "redrive")])
    .when(bad(4, 0, fatal), ok(5, 0, { issue: 2, result: 7 }))
    .expect({
      events: [
        { type: "fan-out.joined", total: 2, ok: 2, value: { sum: 8 } },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
      step: { duplicate: 0, stale: 1 },
    });
});

test("C54 what came due while nobody was there is done with the first event after it, once", () => {
  const before = [...split(1), bad(1, 0)].reduce(
    (bench, event) => play(bench, [event]).bench,
    freshBench(plans),
  );
  const again = play(restarted(before, plans, 900_000), [ticked(900_000), ticked(900_001)]);
  assert.deepEqual(
    again.decided.tasks.map((task) => task.kind === "slice" && task.again),
    [[{ index: 0, issue: 2, attempt: 2, previous: 3 }]],
  );
});

test("C58 a run of forty days is a run like any other", () => {
  const days = 86_400_000;
  given([fan], [...split(2), ok(1, 0)])
    .when(
      lost(20 * days, { subJobs: [1, 1, 1] }),
      ok(40 * days, 1, { issue: 2 }),
      done(41 * days, "last"),
    )
    .expect({ run: { state: "done" }, step: { ok: 2, total: 2 } });
});

test("C59 I7 an outcome costs the same in a step of twenty thousand and in one of a hundred thousand", () => {
  const putsOf = (size: number): number => {
    const pages = Array.from({ length: size / 10 }, (_, n) => page(0, n * 10, 10));
    const { bench } = play(freshBench(plans), [begin(0), ...pages, seal(0, size)]);
    decide(bench.state, [recorded(ok(1, 0), bench.offset)]);
    return takeChanges(bench.state).length;
  };
  assert.equal(putsOf(100_000), putsOf(20_000));
});

test("C82 a fan-out whose sub-jobs were all skipped is over", () => {
  const skipped = [0, 1].map((index) => bad(1 + index, index, { outcome: "skipped" }));
  given([fan], split(2))
    .when(...skipped)
    .expect({
      events: [
        { type: "fan-out.joined", total: 2, ok: 0, skipped: 2 },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
    });
});
