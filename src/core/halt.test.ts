/** A bug of ours stops one run, and says so; folds that changed stop it, too (G18). */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  freshBench,
  plansOf,
  play,
  restarted,
  stepLooks,
  type At,
  type Bench,
} from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
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
import * as fifos from "./fifo.ts";
import { count, singleFold, sum, type FoldPlan } from "./fold.ts";
import * as ledgers from "./ledger.ts";
import type { FlowPlan } from "./plan.ts";

/** Flows with a bug of ours in them, for as long as it is there. */
const bug = { isThere: false };

function trap<T>(value: T): T {
  if (bug.isThere) throw new RangeError("nobody thought of this");
  return value;
}

const valueOf = sum(Number);
const folds: FoldPlan = {
  ...singleFold(valueOf),
  folds: [{ ...valueOf, value: (acc) => trap(valueOf.value(acc)) }],
};
const retry = {
  backoff: "fixed",
  firstMs: 1_000,
  maxMs: 1_000,
  get attempts() {
    return trap(3);
  },
} as const;
const flows = [
  flowPlan([fanOutPlan("all", { folds, job: { retry } }), plainPlan("last")]),
  flowPlan([fanOutPlan("all")], { name: "sound" }),
];
const plans = plansOf(flows);
const other = { run: "other", flow: "sound" };

function after(events: readonly At[], from: Bench = freshBench(plans)): Bench {
  return events.reduce((bench, event) => play(bench, [event]).bench, from);
}

function withBug(start: Bench, batch: readonly At[]) {
  bug.isThere = true;
  try {
    return play(start, batch);
  } finally {
    bug.isThere = false;
  }
}

const runOf = (bench: Bench) => bench.state.runs.get("r");
const looks = (bench: Bench) => stepLooks(runOf(bench), "all");
const answer = (bench: Bench) => runOf(bench)?.answers.at(-1);
const because =
  "fanfold failed on sub-jobs.settled at offset 4: RangeError: nobody thought of this; redrive tries again, cancel ends the run";

test("G18 a run that we cannot decide on is held, and says what happened and what to do", () => {
  const { bench, decided } = withBug(after([...split(2), ok(1, 0)]), [ok(2, 1)]);
  assert.deepEqual(decided.events, [{ type: "run.held", run: "r", step: "all", because }]);
  assert.equal(runOf(bench)?.state, "held");
  assert.equal(runOf(bench)?.because, because);
});

test("G18 the others of the same batch go on", () => {
  const start = after([...split(2), ok(1, 0), begin(1, other), page(1, 0, 2, other)]);
  const { bench, decided } = withBug(start, [
    ok(2, 1),
    seal(2, 2, other),
    settled(2, { run: "other", ok: [0, 2, 1] }),
  ]);
  assert.equal(decided.events.at(-1)?.type, "run.ended");
  assert.equal(bench.state.runs.get("other")?.state, "done");
});

test("G18 a redrive tries again, and nothing of what was in is lost or counted twice", () => {
  const { bench } = withBug(after([...split(2), ok(1, 0)]), [ok(2, 1)]);
  for (const one of [bench, restarted(bench, plans, 2)]) {
    const { bench: then, decided } = play(one, [ask(3, "redrive")]);
    assert.equal(
      decided.events.find(({ type }) => type === "fan-out.joined")?.type,
      "fan-out.joined",
    );
    assert.deepEqual(runOf(then)?.results["all"], {
      total: 2,
      ok: 2,
      failed: 0,
      skipped: 0,
      cancelled: 0,
      seconds: 0.002,
      failures: [],
      value: 1,
    });
    assert.equal(runOf(then)?.steps[runOf(then)?.at ?? -1]?.name, "last");
  }
});

test("G18 where the bug is still there, a redrive holds the run again, and a cancel ends it", () => {
  const { bench } = withBug(after([...split(2), ok(1, 0)]), [ok(2, 1)]);
  const { bench: again } = withBug(bench, [ask(3, "redrive")]);
  assert.equal(runOf(again)?.state, "held");
  assert.match(runOf(again)?.because ?? "", /failed on redrive.asked at offset 5/);
  const { bench: over, decided } = withBug(again, [ask(4, "cancel", { reason: "enough" })]);
  assert.deepEqual(
    decided.events.map(({ type }) => type),
    ["step.ended", "run.ended"],
  );
  assert.equal(runOf(over)?.state, "cancelled");
  assert.equal(play(over, [ask(5, "cancel")]).decided.events.length, 0);
});

test("G18 until somebody decides, what comes changes nothing, after a restart neither", () => {
  const { bench } = withBug(after([begin(0), page(0, 0, 3)]), [bad(1, 0)]);
  for (const one of [bench, restarted(bench, plans, 2)]) {
    const { bench: then, decided } = play(one, [
      settled(2, { ok: [0, 3, 1] }, [1, 2, 3]),
      page(2, 3, 1),
      seal(2, 3),
      ticked(500_000),
      { at: 500_000, event: { type: "queue.lost", clean: false } },
      ask(500_001, "release"),
    ]);
    assert.deepEqual(decided, { events: [], tasks: [] });
    assert.equal(looks(then)?.["ok"], 0);
    assert.equal(looks(then)?.stale, 3);
    assert.equal(answer(then)?.refused, 'run "r" is held for a redrive or a cancel, nothing else');
  }
});

test("G18 a batch that failed half-way leaves the counts right, and room in the window", () => {
  const start = after([begin(0), page(0, 0, 500), begin(1, other), page(1, 0, 3, other)]);
  const { bench, decided } = withBug(start, [
    settled(
      2,
      { ok: [0, 2, 1], bad: [{ index: 2, key: "k2", issue: 1, attempt: 1, outcome: "failed" }] },
      [7, 8],
    ),
  ]);
  const { ok: done, waiting, "in-flight": out, size } = looks(bench) ?? assert.fail();
  assert.deepEqual({ done, waiting, out, size }, { done: 2, waiting: 498, out: 0, size: 500 });
  assert.deepEqual(
    decided.tasks.map(({ run }) => run),
    ["other"],
  );
  const { bench: then } = play(bench, [ask(3, "redrive")]);
  assert.equal(looks(then)?.["in-flight"], 125);
  assert.deepEqual(looks(then)?.["folds"], [15]);
});

test("G18 a timer that fails holds the run it is of", () => {
  const start = after([begin(0), page(0, 0, 2), begin(0, other), bad(1, 0)]);
  const timed = runOf(start)?.plan.steps[0];
  assert.ok(timed?.kind === "fan-out");
  let fails = true;
  Object.defineProperty(timed.job, "timeoutMs", {
    get: () => (fails ? assert.fail("no time") : 10_000),
  });
  const { bench } = play(start, [ticked(2_000), page(2_000, 0, 1, other)]);
  fails = false;
  Object.defineProperty(timed.job, "timeoutMs", { get: () => 10_000 });
  assert.equal(runOf(bench)?.state, "held");
  assert.equal(stepLooks(bench.state.runs.get("other"), "all")?.["in-flight"], 1);
});

const summing = flowPlan([fanOutPlan("all", { folds: singleFold(sum(Number)) })]);
const counting = flowPlan([fanOutPlan("all", { folds: singleFold(count()) })]);
const plain = flowPlan([fanOutPlan("all")]);

function deployed(before: FlowPlan, events: readonly At[], now: FlowPlan): Bench {
  return restarted(after(events, freshBench(plansOf([before]))), plansOf([now]), 1);
}

test("where the folds changed while a run was under way, the run is held with a sentence, and no sub-job fails", () => {
  const bench = deployed(summing, [...split(3), ok(1, 0)], counting);
  const { bench: then, decided } = play(bench, [settled(2, { ok: [1, 2, 1] }, [5, 6])]);
  const sentence =
    'the folds changed while the run was under way: it began with "sum", this program has "count"; ' +
    "give the flow that changed a new name, or run the version it began with";
  assert.deepEqual(decided.events, [
    { type: "run.held", run: "r", step: "all", because: sentence },
  ]);
  assert.deepEqual(
    [looks(then)?.["ok"], looks(then)?.["failed"], looks(then)?.["waiting"]],
    [1, 0, 2],
  );
  assert.equal(answer(play(then, [ask(3, "redrive")]).bench)?.refused, sentence);
  assert.equal(runOf(play(then, [ask(3, "cancel")]).bench)?.state, "cancelled");
});

test("back on the version it began with, a redrive goes on with what was folded", () => {
  const wrong = deployed(summing, [...split(3), ok(1, 0, { result: 4 })], counting);
  const { bench: held } = play(wrong, [ok(2, 1, { result: 5 })]);
  const back = restarted(held, plansOf([summing]), 3);
  const { bench, decided } = play(back, [ask(3, "redrive")]);
  assert.deepEqual(
    decided.tasks.map((task) => (task.kind === "slice" ? task.count : 0)),
    [2],
  );
  const all = play(bench, [settled(4, { ok: [1, 2, 2] }, [5, 6])]);
  assert.equal(runOf(all.bench)?.state, "done");
  assert.deepEqual(looks(all.bench)?.["folds"], [15]);
});

test("a fold that was added or taken away while a run was under way is a change, too", () => {
  for (const [before, now, words] of [
    [plain, summing, /it began with no folds, this program has "sum"/],
    [summing, plain, /it began with "sum", this program has no folds/],
  ] as const) {
    const { bench } = play(deployed(before, [...split(2), ok(1, 0)], now), [ok(2, 1)]);
    assert.equal(runOf(bench)?.state, "held");
    assert.match(runOf(bench)?.because ?? "", words);
  }
});

test("folds may change while nothing has been folded", () => {
  const { bench } = play(deployed(summing, split(2), counting), [settled(2, { ok: [0, 2, 1] })]);
  assert.equal(runOf(bench)?.state, "done");
  assert.deepEqual(looks(bench)?.["folds"], [2]);
});

test("G18 counts and lists that went wrong are made anew from the ledger's pages", () => {
  const start = after([...split(4), ok(1, 0)]);
  const step = runOf(start)?.steps[0];
  assert.ok(step?.kind === "fan-out");
  step.ledger.counts[ledgers.inFlight] = 0;
  const { bench: halted } = play(start, [ok(2, 1)]);
  assert.match(runOf(halted)?.because ?? "", /the counts of a ledger never go below zero/);
  fifos.clear(step.again);
  const { bench } = withBug(halted, [
    ask(3, "redrive"),
    settled(4, { ok: [0, 4, 2] }, [0, 1, 2, 3]),
  ]);
  assert.match(runOf(bench)?.because ?? "", /nobody thought of this/);
  const { bench: over } = play(bench, [ask(5, "redrive")]);
  assert.equal(looks(over)?.["ok"], 4);
  assert.equal(looks(over)?.state, "done");
});

test("G18 a run that cannot even be cancelled is cancelled", () => {
  const start = after([begin(0), page(0, 0, 2)]);
  const [plan] = runOf(start)?.plan.steps ?? [];
  assert.ok(plan?.kind === "fan-out");
  const job = Object.defineProperty({ ...plan.job }, "timeoutMs", { get: () => assert.fail() });
  Object.defineProperty(plan, "job", { value: job });
  const { bench, decided } = play(start, [ask(1, "cancel")]);
  assert.equal(runOf(bench)?.state, "cancelled");
  assert.equal(decided.events.at(-1)?.type, "run.ended");
  assert.equal(restarted(bench, plansOf([counting]), 2).state.runs.get("r")?.state, "cancelled");
});
