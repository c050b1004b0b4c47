/** Redrives in the corners: after a close, of a split, while later steps are under way, and what a run that ended leaves behind. */
import { test } from "node:test";
import { given } from "../contract/decider.ts";
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
  settled,
  split,
} from "../contract/events.ts";

const failing = { name: "Error", message: "no luck" };
const fatal = { fatal: true, error: failing } as const;
const splitFailed = { outcome: "failed", fatal: true, error: failing } as const;
const fan = flowPlan([fanOutPlan("all")]);
const twoFans = flowPlan([
  fanOutPlan("all", { tolerate: { count: 9 } }),
  fanOutPlan("more"),
  plainPlan("last"),
]);

test("a redrive after a close runs what failed, and asks nothing more of the split", () => {
  const closed = [begin(0), page(0, 0, 3), bad(1, 0, fatal), ok(1, 1), ask(2, "close")];
  given([fan], closed).expect({ run: { state: "done" }, step: { failed: 1, cancelled: 1 } });
  given([fan], closed)
    .when(ask(3, "redrive"), ok(4, 0, { issue: 2 }))
    .expect({
      tasks: [{ kind: "slice", again: [{ index: 0, issue: 2, attempt: 1, previous: 2 }] }],
      run: { state: "done" },
      step: { ok: 2, cancelled: 1, total: 3 },
    });
});

test("C06 a redrive after the release of a split that failed runs the split again, and joins after its seal", () => {
  const released = [
    begin(0),
    page(0, 0, 2),
    settled(1, { ok: [0, 2, 1] }),
    done(2, "all", splitFailed),
    ask(3, "release"),
  ];
  given([fan], released).expect({ run: { state: "done" }, step: { total: 2, ok: 2 } });
  given([fan], released)
    .when(ask(4, "redrive", { step: "all" }))
    .expect({
      events: [{ type: "run.resumed" }],
      tasks: [{ kind: "split", size: 2, issue: 2 }],
      step: { total: undefined, state: "running" },
    });
  given([fan], [...released, ask(4, "redrive", { step: "all" }), page(5, 2, 1, { issue: 2 })])
    .when(seal(6, 3, { issue: 2 }), ok(7, 2))
    .expect({ run: { state: "done" }, step: { total: 3, ok: 3 } });
});

test("where the split failed, a redrive of single sub-jobs is refused: the step could never end", () => {
  given([fan], [begin(0), page(0, 0, 2), bad(1, 0, fatal), done(2, "all", splitFailed)])
    .when(ask(3, "redrive", { indices: [0, 1] }))
    .expect({
      events: [],
      tasks: [],
      run: { state: "held" },
      answer: { refused: 'the split of "all" failed: redrive the whole step first' },
    });
});

test("a redrive of an earlier step calls back what later ones have out; what succeeds all the same counts", () => {
  const more = { step: "more" };
  const underway = [
    ...split(2),
    bad(1, 0, fatal),
    ok(1, 1),
    page(2, 0, 3, more),
    seal(2, 3, more),
    settled(3, { ...more, ok: [0, 1, 1] }),
  ];
  given([twoFans], [...underway, ask(4, "redrive", { step: "all" })])
    .when(settled(5, { ...more, ok: [1, 1, 1] }), page(5, 3, 1, more), ok(6, 0, { issue: 2 }))
    .expect({
      tasks: [
        { kind: "split", step: "more", generation: 2, size: 3, issue: 2 },
        { kind: "slice", step: "more", again: [{ index: 2, issue: 2, attempt: 1 }] },
      ],
      run: { step: "more" },
      steps: { more: { ok: 2, "in-flight": 1, size: 3, stale: 1 } },
    });
});

test("the results of later steps are gone until they ran again", () => {
  const over = [...split(1), bad(1, 0, fatal), seal(2, 0, { step: "more" }), done(3, "last")];
  given([twoFans], over)
    .when(ask(4, "redrive", { step: "all" }))
    .expect({ run: { results: {} }, steps: { last: { state: "waiting", main: "waiting" } } });
});

test("G13 a cancel takes what a redrive left behind in later steps with it", () => {
  const more = { step: "more" };
  const underway = [
    ...split(1),
    bad(1, 0, fatal),
    page(2, 0, 2, more),
    ask(3, "redrive", { step: "all" }),
  ];
  given([twoFans], [...underway, ask(4, "cancel")])
    .when(settled(5, { ...more, ok: [0, 2, 1] }))
    .expect({
      events: [],
      steps: { more: { state: "cancelled", ok: 0, cancelled: 2, late: 2 } },
    });
});

test("C35 what a failed run had out makes room for others", () => {
  const failer = flowPlan([fanOutPlan("all", { beyond: "fail" })]);
  const other = { run: "other" };
  given([failer], [begin(0), page(0, 0, 500), done(1, "all", splitFailed), begin(2, other)])
    .when(page(3, 0, 1, other))
    .expect({ put: [0], run: { state: "failed" }, step: { waiting: 500, "in-flight": 0 } });
});

test("C53 what comes late of a failed run takes no room away", () => {
  const failer = flowPlan([fanOutPlan("all", { beyond: "fail" })]);
  given([failer], [begin(0), page(0, 0, 3), done(1, "all", splitFailed)])
    .when(settled(2, { ok: [0, 2, 1] }), ask(3, "redrive"), seal(4, 3, { issue: 2 }), ok(5, 2))
    .expect({ run: { state: "done" }, step: { ok: 3 } });
});

test("the sample keys of a kind of failure are of those that failed so since the redrive", () => {
  given([fan], [...split(2), bad(1, 0, fatal), bad(1, 1, fatal), ask(2, "redrive")])
    .when(bad(3, 1, { ...fatal, issue: 2 }))
    .expect({
      step: {
        groups: [
          {
            signature: "no-luck",
            message: "no luck",
            count: 1,
            keys: ["k1"],
            firstAt: 3,
            lastAt: 3,
            attempts: 1,
          },
        ],
      },
    });
});

test("a step that was redriven may lose its worker as often as a new one", () => {
  const one = flowPlan([plainPlan("first")]);
  const gone = (issue: number) => lost(issue, { step: "first", issue });
  given([one], [begin(0), gone(1), gone(2), gone(3), ask(4, "redrive"), gone(4)])
    .when(gone(5))
    .expect({ tasks: [{ kind: "step", issue: 6 }], run: { state: "running" } });
});
