import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, given, plansOf, play, restarted } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  lost,
  lostAt,
  ok,
  page,
  plainPlan,
  queueLost,
  seal,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { singleFold, sum } from "./fold.ts";

const fan = flowPlan([fanOutPlan("all")]);
const sent = flowPlan([fanOutPlan("all", { isSent: true })]);

test("C31 what a vanished worker had goes out again, with the next issue", () => {
  given([fan], [...split(4), ok(1, 0)])
    .when(lost(2, { subJobs: [0, 4, 1] }))
    .expect({
      tasks: [{ again: [1, 2, 3].map((index) => ({ index, issue: 2, attempt: 1 })) }],
      step: { ok: 1, "in-flight": 3 },
    });
});

test("a loss that is told twice counts once", () => {
  given([fan], [...split(2), lost(1, { subJobs: [0, 2, 1] })])
    .when(lost(2, { subJobs: [0, 2, 1] }))
    .expect({ tasks: [], step: { "in-flight": 2 } });
});

test("what is given back of a put that a failover took back is over: it goes out as the next issue", () => {
  const flow = flowPlan([fanOutPlan("all", { concurrency: 1 })]);
  given([flow], [...split(3), lost(1, { subJobs: [1, 1, 1], clean: true })])
    .when(bad(2, 1, { fatal: true }), ok(3, 0))
    .expect({ tasks: [{ again: [{ index: 1, issue: 2, attempt: 1 }] }], step: { stale: 1 } });
});

test("a retry that a failover took back, and that is given back, waits until its time has come", () => {
  given([fan], [...split(1), bad(1, 0), lost(2, { subJobs: [0, 1, 2], clean: true })])
    .when(ticked(1_000), ticked(1_001))
    .expect({ tasks: [{ again: [{ index: 0, issue: 3, attempt: 2, previous: 3 }] }] });
});

test("C43 what was lost twice goes alone, one after the other", () => {
  const twice = [lost(1, { subJobs: [0, 3, 1] }), lost(2, { subJobs: [0, 3, 2] })];
  given([fan], [...split(3), lost(1, { subJobs: [0, 3, 1] })])
    .when(...twice.slice(1))
    .expect({ put: [0], step: { "in-flight": 1, waiting: 2 } });
  given([fan], [...split(3), ...twice])
    .when(ok(3, 0, { issue: 3 }))
    .expect({ put: [1] });
});

test("C43 the third loss is poison, and only for the one that was out", () => {
  const twice = [lost(1, { subJobs: [0, 3, 1] }), lost(2, { subJobs: [0, 3, 2] })];
  given([fan], [...split(3), ...twice])
    .when(lost(3, { subJobs: [0, 1, 3] }), ok(4, 1, { issue: 3 }), ok(5, 2, { issue: 3 }))
    .expect({
      put: [1, 2],
      run: { state: "held", because: "1 of 3 failed, 0 tolerated" },
      step: {
        poison: 1,
        ok: 2,
        groups: [
          {
            signature: "poison-its-worker-vanished-times-while-it-ran",
            message: "its worker vanished 3 times while it ran",
            count: 1,
            keys: ["#0"],
            firstAt: 3,
            lastAt: 3,
            attempts: 3,
          },
        ],
      },
    });
});

test("C33 what a stopping worker gives back blames nobody", () => {
  const back = (issue: number) => lost(issue, { subJobs: [0, 2, issue], clean: true });
  given([fan], [...split(2), back(1), back(2), back(3)])
    .when(back(4))
    .expect({ put: [0, 1], step: { "in-flight": 2, poison: 0 } });
});

test("C18 work that was done before its worker vanished is not done again", () => {
  given([fan], [...split(2), settled(1, { ok: [0, 2, 1] })])
    .when(lost(2, { subJobs: [0, 2, 1] }))
    .expect({ tasks: [], run: { state: "done" }, step: { ok: 2 } });
});

test("G9 when the queue is lost, all that was in it goes out again", () => {
  given([fan], [...split(4), ok(1, 0)])
    .when(queueLost(2, true))
    .expect({ put: [1, 2, 3], step: { "in-flight": 3 } });
});

test("G9 when the queue is lost, the split in it goes out again", () => {
  given([fan], split(3).slice(0, -1))
    .when(queueLost(2, true))
    .expect({
      tasks: [
        { kind: "split", issue: 2, size: 3 },
        { kind: "slice", count: 3 },
      ],
    });
});

test("G9 when the queue is lost before a sent job is split, nothing is split twice: the log has its page and its seal (seed 8331)", () => {
  given([sent], [])
    .when(begin(0), queueLost(0))
    .expect({ events: [{}, {}, { type: "fan-out.grown" }, { type: "fan-out.sealed" }] });
});

test("a queue that was lost in good order blames nobody, however often", () => {
  given([fan], [...split(2), queueLost(1, true), queueLost(2, true), queueLost(3, true)])
    .when(queueLost(4, true))
    .expect({ put: [0, 1], step: { poison: 0 } });
});

test("C43 a process that went down three times with the same sub-job is poisoned by it", () => {
  given([fan], [...split(1), queueLost(1), queueLost(2)])
    .when(queueLost(3))
    .expect({ tasks: [], step: { poison: 1 }, run: { state: "held" } });
});

test("C43 a split that gets on is no poison, however often its worker vanishes", () => {
  const gone = (at: number, issue: number) => lost(at, { issue, kind: "split" });
  const on = (at: number, from: number, issue: number) => page(at, from, 1, { issue });
  const nine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const first = [begin(0), ...nine.map((issue) => gone(issue, issue))];
  const then = [on(10, 0, 10), ...nine.map((n) => gone(10 + n, 9 + n))];
  given([fan], [...first, ...then]).expect({ run: { state: "running" } });
  given([fan], [...first, ...then])
    .when(gone(20, 19))
    .expect({ tasks: [], run: { state: "held" } });
});

test("C43 who is killed from outside takes nobody with him: what ran then goes alone, and is given up much later", () => {
  const kill = (at: number, issue: number) => lost(at, { subJobs: [0, 1, issue], killed: true });
  const eight = [1, 2, 3, 4, 5, 6, 7, 8].map((issue) => kill(issue, issue));
  given([fan], [...split(1), ...eight]).expect({ step: { "in-flight": 1, poison: 0 } });
  given([fan], [...split(1), ...eight])
    .when(kill(9, 9))
    .expect({ tasks: [], step: { poison: 1 } });
  const six = eight.slice(0, 6);
  given([fan], [...split(2), ...six])
    .when(lost(7, { subJobs: [0, 1, 7] }))
    .expect({ step: { poison: 1 } });
});

test("what waits for its retry is not lost with the queue", () => {
  given([fan], [...split(1), bad(1, 0), queueLost(2)])
    .when(ticked(1_001))
    .expect({ tasks: [{ again: [{ index: 0, issue: 2, attempt: 2, previous: 3 }] }] });
});

test("G9 the sweep puts slices again that were out for longer than any attempt may take", () => {
  given([fan], [...split(2), ok(0, 0)]).expect({ wakeAt: lostAt });
  given([fan], [...split(2), ok(0, 0)])
    .when(ticked(lostAt - 1), ticked(lostAt))
    .expect({
      tasks: [{ again: [{ index: 1, issue: 2, attempt: 1 }] }],
      step: { swept: 1 },
      wakeAt: 2 * lostAt,
    });
});

test("the sweep leaves alone what has come back", () => {
  given([fan], [...split(2), settled(1, { ok: [0, 2, 1] })])
    .when(ticked(lostAt))
    .expect({ tasks: [], step: { swept: 0 } });
});

test("C04 the sweep puts a lost split again", () => {
  given([fan], split(2).slice(0, -1))
    .when(ticked(lostAt), seal(lostAt + 1, 2), seal(lostAt + 1, 2, { issue: 2 }))
    .expect({
      tasks: [
        { kind: "split", issue: 2, size: 2 },
        { kind: "slice", count: 2 },
      ],
      step: { stale: 1, total: 2 },
    });
});

test("C43 what was lost twice goes alone also when it is tried again after a failure", () => {
  const twice = [lost(1, { subJobs: [0, 3, 1] }), lost(2, { subJobs: [0, 3, 2] })];
  const failures = [bad(3, 0, { issue: 3 }), bad(4, 1, { issue: 3 })];
  given([fan], [...split(3), ...twice, ...failures])
    .when(ticked(2_000))
    .expect({ put: [], step: { "in-flight": 1, waiting: 2 } });
  given([fan], [...split(3), ...twice, ...failures, ticked(2_000)])
    .when(ok(2_001, 2, { issue: 3 }))
    .expect({ put: [0], step: { "in-flight": 1, waiting: 1 } });
});

test("a success that nobody issued, and that cannot be folded, is run again after a redrive like any other", () => {
  const folds = singleFold(sum(Number));
  const one = flowPlan([fanOutPlan("all", { folds, concurrency: 1 })]);
  const unfolded = [...split(2), settled(1, { ok: [1, 1, 1] }, ["many"])];
  const redriven = [...unfolded, ask(2, "redrive", { indices: [1, 1] })];
  given([one], unfolded).expect({ step: { "in-flight": 1, failed: 1 } });
  given([one], redriven)
    .when(ok(3, 0), bad(4, 1, { issue: 2 }))
    .expect({
      tasks: [{ again: [{ index: 1, issue: 2, attempt: 1, previous: 3 }] }],
      step: { retrying: 1, stale: 0 },
    });
});

test("a sub-job that was never out, redriven, goes out once", () => {
  const folds = singleFold(sum(Number));
  const one = flowPlan([fanOutPlan("all", { folds, concurrency: 1 })]);
  const unfolded = [...split(3), settled(1, { ok: [2, 1, 1] }, ["many"])];
  given([one], [...unfolded, ask(2, "redrive", { indices: [2, 1] })])
    .when(ok(3, 0), ok(4, 2, { issue: 2 }), ok(5, 1))
    .expect({ put: [2, 1], run: { state: "done" } });
});

test("C43 what goes alone goes alone also after a restart", () => {
  const twice = [lost(1, { subJobs: [0, 3, 1] }), lost(2, { subJobs: [0, 3, 2] })];
  given([fan], [...split(3), ...twice])
    .when(ticked(3))
    .expect({ put: [], step: { "in-flight": 1, waiting: 2 } });
});

test("a run that starts in the commit that hears of the loss has lost nothing", () => {
  const plans = plansOf([flowPlan([plainPlan("first")])]);
  const { decided } = play(freshBench(plans), [begin(0), queueLost(1)]);
  assert.deepEqual(
    decided.tasks.map((task) => (task.kind === "slice" ? [] : [task.step, task.issue])),
    [["first", 1]],
  );
});

test("a step that begins because of the loss has lost nothing", () => {
  const plans = plansOf([
    flowPlan([fanOutPlan("all", { tolerate: { count: 1 } }), plainPlan("last")]),
  ]);
  let bench = freshBench(plans);
  for (const event of [...split(1), queueLost(1), queueLost(2)]) bench = play(bench, [event]).bench;
  const { decided } = play(bench, [queueLost(3)]);
  assert.deepEqual(
    decided.tasks.map((task) => (task.kind === "slice" ? [] : [task.step, task.issue])),
    [["last", 1]],
  );
});

test("the sweep comes although managers take turns: what is out counts from when it went out", () => {
  const plans = plansOf([fan]);
  let bench = freshBench(plans);
  for (const event of split(1)) bench = play(bench, [event]).bench;
  const again = restarted(bench, plans, lostAt - 1);
  const { decided } = play(again, [ticked(lostAt + 10)]);
  assert.deepEqual(
    decided.tasks.map((task) => (task.kind === "slice" ? task.again : [])),
    [[{ index: 0, issue: 2, attempt: 1 }]],
  );
});
