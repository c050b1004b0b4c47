import { test } from "node:test";
import { given } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  plainPlan,
  seal,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { singleFold, sum } from "./fold.ts";

const folds = singleFold(sum(Number));
const fan = flowPlan([fanOutPlan("all", { folds })]);
const then = flowPlan([fanOutPlan("all", { folds, tolerate: { count: 9 } }), plainPlan("last")]);
const error = { name: "Error", message: "no luck" };
const fatal = { fatal: true, error } as const;
const other = { fatal: true, error: { name: "Error", message: "no address" } } as const;

/** 0 and 1 failed alike, 2 otherwise, 3 is in: held. */
const held = [...split(4), bad(1, 0, fatal), bad(1, 1, fatal), bad(1, 2, other), ok(2, 3)];

test("C45 a redrive runs all that failed once more, in a new generation, and keeps what succeeded", () => {
  given([fan], held)
    .when(ask(3, "redrive"))
    .expect({
      events: [{ type: "run.resumed", step: "all" }],
      put: [0, 1, 2],
      run: { state: "running", because: undefined },
      step: { generation: 2, state: "running", ok: 1, failed: 0, "in-flight": 3, groups: [] },
      answer: { matched: 3, refused: undefined },
    });
});

test("C45 what a redrive brings is folded, and nothing is folded twice", () => {
  const again = { issue: 2 };
  given([fan], [...held, ask(3, "redrive"), ok(4, 0, again), ok(4, 1, again)])
    .when(ok(5, 3), ok(6, 2, again))
    .expect({
      events: [
        { type: "fan-out.joined", generation: 2, total: 4, ok: 4, value: 6 },
        { type: "step.ended" },
        { type: "run.ended", state: "done" },
      ],
      step: { duplicate: 1 },
    });
});

test("a redriven sub-job has all its attempts again", () => {
  const redriven = [...held, ask(3, "redrive", { indices: [0, 1] })];
  given([fan], redriven).expect({ step: { failed: 2, "in-flight": 1 } });
  given([fan], [...redriven, bad(4, 0, { issue: 2 })])
    .when(ticked(1_004))
    .expect({ tasks: [{ again: [{ index: 0, issue: 3, attempt: 2, previous: 8 }] }] });
});

test("a redrive may be of one kind of failure, or of single sub-jobs", () => {
  given([fan], held)
    .when(ask(3, "redrive", { signature: "no-address" }))
    .expect({ put: [2], answer: { matched: 1 } });
  given([fan], held)
    .when(ask(3, "redrive", { indices: [1, 2] }))
    .expect({ put: [1, 2], answer: { matched: 2 } });
  given([fan], held)
    .when(ask(3, "redrive", { indices: [0, 4], signature: "no-luck" }))
    .expect({ put: [0, 1], answer: { matched: 2 } });
});

test("C12 a redrive of what has not failed matches nothing and changes nothing", () => {
  given([fan], held)
    .when(ask(3, "redrive", { indices: [3, 1] }), ask(4, "redrive", { signature: "unheard-of" }))
    .expect({
      events: [],
      tasks: [],
      run: { state: "held" },
      step: { generation: 1 },
      answer: { matched: 0 },
    });
});

test("a command that comes twice is obeyed once", () => {
  const twice = { request: "same" };
  given([fan], [...held, ask(3, "redrive", twice), bad(4, 0, { ...fatal, issue: 2 })])
    .when(ask(5, "redrive", twice))
    .expect({ tasks: [], step: { generation: 2, failed: 1, "in-flight": 2 } });
});

test("C45 after a redrive of a step that was over, the later steps run again", () => {
  const over = [
    ...split(2),
    bad(1, 0, fatal),
    ok(1, 1),
    done(2, "last", { result: "with 1 missing" }),
  ];
  given([then], over).expect({ run: { state: "done" } });
  given([then], [...over, ask(3, "redrive")])
    .when(
      ok(4, 0, { issue: 2, result: 5 }),
      done(5, "last", { generation: 2, issue: 2, result: "all" }),
    )
    .expect({
      events: [
        { type: "fan-out.joined", generation: 2, value: 6 },
        { type: "step.ended", step: "all", generation: 2 },
        { type: "step.began", step: "last", generation: 2 },
        { type: "step.ended", step: "last", generation: 2 },
        { type: "run.ended", state: "done" },
      ],
      steps: { last: { generation: 2 } },
    });
});

test("a plain step that failed is run again by a redrive", () => {
  const one = flowPlan([plainPlan("first")]);
  given([one], [begin(0), done(1, "first", { outcome: "failed", ...fatal })])
    .when(ask(2, "redrive"))
    .expect({
      events: [{ type: "run.resumed", step: "first" }],
      tasks: [{ kind: "step", generation: 2, issue: 2, attempt: 1 }],
      run: { state: "running", endedAt: undefined, error: undefined },
      answer: { matched: 1 },
    });
});

test("a split that failed is run again by a redrive, from where it was", () => {
  const halfway = [begin(0), page(1, 0, 2), settled(2, { ok: [0, 2, 1] }, [1, 2])];
  given([fan], [...halfway, done(3, "all", { outcome: "failed", ...fatal })])
    .when(ask(4, "redrive"), page(5, 2, 1, { issue: 2 }), seal(6, 3, { issue: 2 }), ok(7, 2))
    .expect({
      tasks: [
        { kind: "split", issue: 2, size: 2, generation: 2 },
        { kind: "slice", from: 2 },
      ],
      run: { state: "done" },
      step: { ok: 3, folds: [5] },
    });
});

test("a redrive is refused, with words, where there is nothing to run again", () => {
  given([then], [...split(1), ok(1, 0), done(2, "last")])
    .when(ask(3, "redrive"))
    .expect({ events: [], answer: { matched: 0, refused: 'nothing has failed in run "r"' } });
  given([then], split(1))
    .when(ask(1, "redrive", { step: "last" }))
    .expect({ answer: { refused: 'step "last" has not begun' } });
  given([then], split(1))
    .when(ask(1, "redrive", { step: "lost" }))
    .expect({ answer: { refused: 'run "r" has no step "lost"' } });
  given([then], [...split(1), ok(1, 0)])
    .when(ask(2, "redrive"))
    .expect({ answer: { refused: 'step "last" has not failed' } });
  given([then], [...split(1), ask(1, "cancel")])
    .when(ask(2, "redrive"))
    .expect({ answer: { refused: 'run "r" was cancelled: reopen it first' } });
});

test("C52 a skip takes failures out of the way, and the run goes on when few enough are left", () => {
  given([fan], held)
    .when(ask(3, "skip", { signature: "no-luck" }))
    .expect({
      events: [
        { type: "run.resumed" },
        { type: "run.held", because: "1 of 4 failed, 0 tolerated" },
      ],
      step: { failed: 1, skipped: 2 },
      answer: { matched: 2 },
    });
  given([fan], held)
    .when(ask(3, "skip"))
    .expect({
      events: [
        { type: "run.resumed" },
        { type: "fan-out.joined", ok: 1, failed: 0, skipped: 3, value: 3 },
        { type: "step.ended" },
        { type: "run.ended", state: "done" },
      ],
      step: { groups: [] },
      answer: { matched: 3 },
    });
});

test("a skip is refused, with words, where there are no sub-jobs to skip", () => {
  given([then], [...split(1), ok(1, 0)])
    .when(ask(2, "skip"))
    .expect({ answer: { refused: 'step "last" has no sub-jobs' } });
  given([then], [...split(1), ok(1, 0)])
    .when(ask(2, "skip", { step: "all" }))
    .expect({ answer: { refused: 'step "all" is over' } });
  given([then], [...split(1), ok(1, 0), done(2, "last")])
    .when(ask(3, "skip"))
    .expect({ answer: { refused: 'run "r" has ended: it is done' } });
});

test("a release goes on with what there is, failures and all", () => {
  given([fan], held)
    .when(ask(3, "release"))
    .expect({
      events: [
        { type: "run.resumed" },
        { type: "fan-out.joined", total: 4, ok: 1, failed: 3, value: 3 },
        { type: "step.ended", outcome: "ok" },
        { type: "run.ended", state: "done" },
      ],
      answer: { matched: 0 },
    });
});

test("only a held run can be released", () => {
  given([fan], split(1))
    .when(ask(1, "release"))
    .expect({ events: [], answer: { refused: 'run "r" is not held: it is running' } });
});

test("a close ends a fan-out with what is in, and cancels the rest", () => {
  given([then], [...split(3), ok(1, 0)])
    .when(ask(2, "close"))
    .expect({
      events: [
        { type: "fan-out.joined", total: 3, ok: 1, failed: 0 },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
      step: { ok: 1, cancelled: 2, "in-flight": 0 },
      answer: { matched: 2 },
    });
});

test("C11 a close during the split takes no further page", () => {
  given([fan], [begin(0), page(0, 0, 2), ask(1, "close")])
    .when(page(2, 2, 2), seal(3, 4))
    .expect({ events: [], tasks: [], step: { total: 2, cancelled: 2, stale: 2 } });
});

test("a close of a plain step is refused", () => {
  given([then], [...split(1), ok(1, 0)])
    .when(ask(2, "close"))
    .expect({ answer: { refused: 'step "last" is not a fan-out: nothing to fold' } });
});

test("G13 a cancel ends the run at once; what comes later is counted and not folded", () => {
  given([fan], [...split(3), ok(1, 0)])
    .when(ask(2, "cancel", { reason: "wrong month" }), ok(3, 1), ticked(99_000))
    .expect({
      events: [
        { type: "step.ended", outcome: "cancelled" },
        { type: "run.ended", state: "cancelled", because: "wrong month" },
      ],
      tasks: [],
      run: { state: "cancelled", endedAt: 2 },
      step: { state: "cancelled", ok: 1, cancelled: 2, late: 1, folds: [0] },
      answer: { matched: 2 },
    });
});

test("C51 a cancel during the split ends it: no page is taken, nothing is folded", () => {
  given([fan], [begin(0), page(0, 0, 2)])
    .when(ask(1, "cancel"), page(2, 2, 2), seal(3, 4))
    .expect({
      events: [{ type: "step.ended", outcome: "cancelled" }, { type: "run.ended" }],
      tasks: [],
      step: { size: 2, cancelled: 2, stale: 2 },
    });
});

test("a cancel of a run that has ended is refused", () => {
  given([fan], [...split(1), ok(1, 0)])
    .when(ask(2, "cancel"))
    .expect({ events: [], answer: { refused: 'run "r" has ended: it is done' } });
});

test("of many commands, the answers to the last 64 are kept", () => {
  const many = Array.from({ length: 70 }, (_, n) =>
    ask(3, "redrive", { request: `${n}`, indices: [] }),
  );
  given([fan], [...held, ...many])
    .when(ask(4, "release", { request: "69" }))
    .expect({ events: [], answer: { request: "69" } });
});
