/** Runs that wait to begin, and jobs by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, given, plansOf, play, restarted } from "../contract/decider.ts";
import {
  ask,
  begin,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  plainPlan,
  seal,
  ticked,
} from "../contract/events.ts";
import { limits } from "./limits.ts";

const two = flowPlan([plainPlan("first"), plainPlan("last")], { deadlineMs: 1_000 });
const alone = flowPlan([fanOutPlan("all", { isSent: true, beyond: "fail" })]);
const later = begin(10, { beginAt: 5_000 });

test("a run with a time waits for it, and its deadline counts from its beginning", () => {
  given([two], [])
    .when(later, ticked(4_999))
    .expect({
      events: [{ type: "run.delayed", run: "r", flow: "f", beginAt: 5_000, deadlineAt: 6_000 }],
      tasks: [],
      run: { state: "waiting", startedAt: 5_000, deadlineAt: 6_000 },
      wakeAt: 5_000,
    });
  given([two], [later])
    .when(ticked(5_003))
    .expect({
      events: [{ type: "run.began" }, { type: "step.began", step: "first" }],
      tasks: [{ kind: "step", step: "first", issue: 1 }],
      run: { state: "running", startedAt: 5_003 },
    });
});

test("a time that is over is now", () => {
  given([two], [])
    .when(begin(10, { beginAt: 9 }))
    .expect({ events: [{ type: "run.began" }, { type: "step.began" }], run: { startedAt: 10 } });
});

test("a run that waits is cancelled for good, and obeys nothing else", () => {
  given([two], [later])
    .when(ask(20, "cancel"), ticked(5_000))
    .expect({
      events: [{ type: "run.ended", state: "cancelled" }],
      tasks: [],
      run: { state: "cancelled" },
    });
  for (const what of ["redrive", "skip", "release", "close"] as const)
    given([two], [later])
      .when(ask(20, what))
      .expect({
        events: [],
        run: { state: "waiting" },
        answer: { refused: 'run "r" has not begun: it is to begin at 1970-01-01T00:00:05.000Z' },
      });
});

test("a second start of a run that waits changes nothing", () => {
  given([two], [later])
    .when(begin(20, { request: "other" }), ticked(4_000))
    .expect({ events: [], tasks: [], run: { request: "q", state: "waiting" } });
});

test("what comes for a step of a run that waits is passed over", () => {
  given([alone], [later])
    .when(page(20, 0, 1), ok(30, 0))
    .expect({ events: [] });
});

test("a flow that was changed meanwhile is begun as it is by then", () => {
  const bench = [later].reduce(
    (one, event) => play(one, [event]).bench,
    freshBench(plansOf([two])),
  );
  const renamed = flowPlan([plainPlan("opening")]);
  const { decided } = play(restarted(bench, plansOf([renamed]), 20), [ticked(5_000)]);
  assert.deepEqual(
    decided.tasks.map(({ step }) => step),
    ["opening"],
  );
});

test("a job by itself is split by the manager: its one item is the input, its key the run's id", () => {
  given([alone], [])
    .when(begin(0, { input: { to: "c7" } }))
    .expect({
      events: [
        { type: "run.began" },
        { type: "step.began", step: "all" },
        { type: "fan-out.grown", keys: ["r"], from: 0, issue: 1, body: '[{"to":"c7"}]' },
        { type: "fan-out.sealed", total: 1, issue: 1 },
      ],
      tasks: [],
    });
  given([alone], [begin(0), page(0, 0, 1), seal(0, 1)])
    .when(ok(5, 0))
    .expect({ run: { state: "done" }, step: { ok: 1, total: 1 } });
});

test("so many at once: the next is begun when one has ended, in the order they were due", () => {
  const { bench } = play(freshBench(plansOf([alone])), [begin(0, { run: "first" })]);
  const { underWay } = bench.state.sent;
  for (let n = 1; n < limits.sentAtOnce; n += 1) underWay.add(`other ${n}`);
  const runs = ["soon", "next", "last"].map((run) =>
    begin(1, { run, beginAt: run === "soon" ? 2 : 1 }),
  );
  const { decided } = play(bench, [...runs, ticked(3)]);
  assert.deepEqual(
    decided.events.map(({ type }) => type),
    ["run.delayed", "run.delayed", "run.delayed"],
  );
  const ended = play(bench, [ask(4, "cancel", { run: "first" })]).decided.events;
  assert.deepEqual(
    ended.flatMap((event) => (event.type === "run.began" ? [event.run] : [])),
    ["next"],
  );
});

test("after a restart, those under way count, and those that were due are begun again in turn", () => {
  const plans = plansOf([alone]);
  const { bench } = play(freshBench(plans), [
    begin(0, { run: "a" }),
    begin(0, { run: "b", beginAt: 5 }),
  ]);
  const again = restarted(bench, plans, 0);
  assert.deepEqual([...again.state.sent.underWay], ["a"]);
  assert.equal(play(again, [ticked(5)]).decided.events[0]?.type, "run.began");
});

test("a hundred thousand that are due at once are begun in portions, and waiting costs little", () => {
  const count = 100_000;
  const plans = plansOf([two]);
  let { bench } = play(freshBench(plans), []);
  for (let n = 0; n < count; n += 1_000)
    bench = play(
      bench,
      Array.from({ length: 1_000 }, (_, k) => begin(0, { run: `r${n + k}`, beginAt: 9_000 })),
    ).bench;
  assert.deepEqual(play(bench, [ticked(8_999)]).decided, { events: [], tasks: [] });
  let begun = 0;
  for (let portions = 0; begun < count; portions += 1) {
    const { events, tasks } = play(bench, [ticked(9_000)]).decided;
    assert.ok(tasks.length <= limits.wakesPerTick && portions <= count / limits.wakesPerTick);
    begun += tasks.length;
    assert.equal(events.at(-1)?.type, "ticked");
  }
  assert.deepEqual(play(bench, [ticked(9_001)]).decided, { events: [], tasks: [] });
});
