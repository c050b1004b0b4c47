import assert from "node:assert/strict";
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
  seen,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { forecastAt } from "./forecast.ts";

const fan = (more = {}) =>
  flowPlan([fanOutPlan("all"), plainPlan("last")], { deadlineMs: 1_000, ...more });
const three = [begin(0), page(0, 0, 3), seal(0, 3), ok(1, 0)] as const;
const late = { type: "run.late", of: "run", deadlineAt: 1_000 };

test("C54 a deadline that passes is said once, with its own time, whenever somebody comes to say it", () => {
  given([fan()], three).expect({ wakeAt: 1_000 });
  given([fan()], three)
    .when(ticked(90_000), ticked(200_000))
    .expect({
      events: [{ ...late, step: "all", atDeadline: "go on" }],
      run: { state: "running", lateAt: 1_000 },
    });
});

test("a run that ended in time is not late", () => {
  given([fan()], [...three, ok(2, 1), ok(2, 2), done(3, "last")])
    .when(ticked(5_000))
    .expect({ events: [], run: { state: "done", lateAt: undefined } });
});

test("C53 with close, what is in at the deadline is folded and the run goes on; what comes later is late", () => {
  given([fan({ atDeadline: "close" })], three)
    .when(ticked(1_000), ok(1_001, 1))
    .expect({
      events: [
        { ...late, atDeadline: "close" },
        { type: "fan-out.joined", total: 3, ok: 1 },
        { type: "step.ended", step: "all" },
        { type: "step.began", step: "last" },
      ],
      step: { cancelled: 2, late: 1 },
    });
});

test("with close, a run that is held at its deadline goes on with what it has, and a plain step just goes on", () => {
  const held = [begin(0), page(0, 0, 1), seal(0, 1), bad(1, 0, { fatal: true })];
  given([fan({ atDeadline: "close" })], held)
    .when(ticked(1_000))
    .expect({
      events: [late, { type: "run.resumed" }, { type: "fan-out.joined", failed: 1 }, {}, {}],
    });
  const plain = flowPlan([plainPlan("first")], { deadlineMs: 1_000, atDeadline: "close" });
  given([plain], [begin(0)])
    .when(ticked(1_000))
    .expect({ events: [late], run: { state: "running" } });
});

test("with cancel, the run ends at its deadline, and says why", () => {
  given([fan({ atDeadline: "cancel" })], three)
    .when(ticked(1_000))
    .expect({
      events: [
        { ...late, atDeadline: "cancel" },
        { type: "step.ended", outcome: "cancelled" },
        { type: "run.ended", state: "cancelled", because: "the deadline of the run has passed" },
      ],
      tasks: [],
    });
});

test("a step has a deadline of its own, from its begin", () => {
  const own = flowPlan([
    plainPlan("first"),
    fanOutPlan("all", { deadlineMs: 500, atDeadline: "close" }),
  ]);
  given([own], [begin(0), done(5_000, "first"), page(5_000, 0, 2), ok(5_001, 0)])
    .when(ticked(5_499), ticked(5_500))
    .expect({
      events: [
        { type: "run.late", of: "step", step: "all", deadlineAt: 5_500, atDeadline: "close" },
        { type: "fan-out.joined", total: 2, ok: 1 },
        { type: "step.ended" },
        { type: "run.ended", state: "done" },
      ],
    });
});

test("the deadline of the start counts instead of the flow's", () => {
  given([fan()], [begin(0, { deadlineAt: 7_000 })])
    .when(ticked(6_999))
    .expect({ events: [] });
});

test("another deadline begins anew: it may be late again, at its own time", () => {
  const was = [...three, ticked(1_000), ask(1_100, "adjust", { to: { deadlineAt: 3_000 } })];
  given([fan()], was).expect({ run: { lateAt: undefined } });
  given([fan()], was)
    .when(ticked(2_999), ticked(3_000))
    .expect({ events: [{ ...late, deadlineAt: 3_000 }] });
  given([fan()], [...three, ask(1, "adjust", { to: { deadlineAt: null } })])
    .when(ticked(9_000))
    .expect({ events: [] });
});

test("what a deadline has done is not done again after a redrive", () => {
  const closed = [
    begin(0),
    page(0, 0, 2),
    seal(0, 2),
    bad(1, 0, { fatal: true }),
    ticked(1_000),
    ask(1_500, "redrive", { step: "all" }),
  ];
  given([fan({ atDeadline: "close" })], closed)
    .when(ticked(2_000))
    .expect({ events: [], step: { state: "running" } });
});

/** So many sub-jobs, of which the first 40 were done in four seconds. */
const steady = (size: number) => [
  begin(0, { deadlineAt: 20_000 }),
  page(0, 0, size),
  seal(0, size),
  ...[0, 1, 2, 3].map((second) =>
    settled(
      second * 1_000 + 999,
      { ok: [second * 10, 10, 1] },
      Array.from({ length: 10 }, () => 1),
    ),
  ),
];

test("a run whose rest at the recent rate ends after its deadline is at risk; that is said once", () => {
  const all = steady(400);
  given([fan()], all.slice(0, -2))
    .when(...all.slice(-2, -1), ticked(5_000), ticked(7_000), ticked(9_000))
    .expect({
      events: [
        { type: "run.at-risk", of: "run", step: "all", deadlineAt: 20_000, forecastAt: 66_667 },
      ],
      run: { riskAt: 5_000 },
    });
});

test("that a step is at risk is kept with the step: the next manager does not say it again", () => {
  const slow = flowPlan([fanOutPlan("all", { deadlineMs: 20_000 })]);
  const known = [begin(0), ...steady(400).slice(1, -1), ticked(5_000)];
  given([slow], known.slice(0, -1))
    .when(ticked(5_000))
    .expect({ events: [{ type: "run.at-risk", of: "step" }] });
  given([slow], known).when(ticked(7_000)).expect({ events: [] });
});

test("a run that will make it is not at risk", () => {
  given([fan()], steady(100)).when(ticked(5_000)).expect({ events: [] });
});

test("while it is paused or held there is no forecast: somebody knows already", () => {
  given([fan()], [...steady(400), ask(4_001, "pause")])
    .when(ticked(15_000))
    .expect({ events: [] });
});

test("before 30 are settled only an estimate says something, by the slots there are", () => {
  const estimated = flowPlan([fanOutPlan("all", { job: { estimateMs: 1_000 } })], {
    deadlineMs: 20_000,
  });
  const before = [seen(0, 4), ...split(100)];
  given([estimated], before)
    .when(ticked(2_000))
    .expect({ events: [{ type: "run.at-risk", forecastAt: 27_000 }] });
  given([flowPlan([fanOutPlan("all")], { deadlineMs: 20_000 })], before)
    .when(ticked(2_000))
    .expect({ events: [] });
  given([estimated], split(100)).when(ticked(2_000)).expect({ events: [] });
});

test("a forecast is what is open at the recent rate, at least one duration, and slower after a stall", () => {
  const pace = {
    open: 100,
    settled: 50,
    recent: [10, 20, 11, 20],
    serviceMs: 5,
    isEstimated: false,
    slots: 4,
  };
  assert.equal(forecastAt(pace, 12_000), 17_000);
  assert.equal(forecastAt(pace, 20_000), 45_000);
  assert.equal(forecastAt({ ...pace, open: 0 }, 12_000), 12_000);
  assert.equal(forecastAt({ ...pace, open: 1, serviceMs: 60_000 }, 12_000), 72_000);
  assert.equal(forecastAt({ ...pace, settled: 29 }, 12_000), undefined);
  assert.equal(forecastAt({ ...pace, settled: 0, recent: [], isEstimated: true }, 0), 125);
});
