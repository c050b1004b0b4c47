/** A trace travels from the start of a run to its tasks, and from an attempt that failed to the next one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, plansOf, play, restarted } from "../contract/decider.ts";
import {
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  page,
  plainPlan,
  ticked,
} from "../contract/events.ts";
import { isTrace, traceOf, type Trace } from "./trace.ts";

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const of = (span: string): Trace => ({ traceparent: parent.replace("00f067aa0ba902b7", span) });
const trace = { traceparent: parent, tracestate: "vendor=1" };
const error = { name: "Error", message: "no luck" };
const plans = plansOf([flowPlan([plainPlan("first"), fanOutPlan("all")])]);

test("every task of a run carries its trace, and that of a retry the attempt before, over a restart too", () => {
  const before = play(freshBench(plans), [begin(0, { trace })]);
  assert.deepEqual(
    before.decided.tasks.map((task) => task.trace),
    [trace],
  );
  const failed = { outcome: "failed", error, trace: of("1".repeat(16)) } as const;
  const retried = restarted(play(before.bench, [done(1, "first", failed)]).bench, plans, 2);
  const second = play(retried, [ticked(2_000)]);
  const [task] = second.decided.tasks;
  assert.ok(task?.kind === "step");
  assert.deepEqual([task.trace, task.after], [trace, of("1".repeat(16))]);
  const split = play(second.bench, [done(2_001, "first", { issue: 2 })]);
  const [list] = split.decided.tasks;
  assert.ok(list?.kind === "split");
  assert.deepEqual([list.trace, list.after], [trace, undefined]);
  const grown = play(split.bench, [page(2_002, 0, 2)]);
  assert.deepEqual(grown.decided.tasks[0]?.trace, trace);
  const again = play(grown.bench, [bad(2_003, 0), ticked(9_000)]);
  assert.deepEqual(again.decided.tasks[0]?.trace, trace);
});

test("what is no trace counts as none, and harms nobody", () => {
  const wrong = { traceparent: "somewhere" };
  const { decided, bench } = play(freshBench(plans), [begin(0, { trace: wrong })]);
  assert.deepEqual(
    decided.tasks.map((task) => "trace" in task),
    [false],
  );
  const failed = { outcome: "failed", error, trace: wrong } as const;
  const [task] = play(bench, [done(1, "first", failed), ticked(2_000)]).decided.tasks;
  assert.ok(task?.kind === "step");
  assert.equal(task.after, undefined);
});

test("a trace is as the W3C writes it", () => {
  assert.ok(isTrace(trace));
  for (const one of [
    undefined,
    null,
    parent,
    {},
    { traceparent: 1 },
    { traceparent: parent.toUpperCase() },
    { traceparent: `${parent}0` },
    { ...trace, tracestate: 1 },
    { ...trace, tracestate: "x".repeat(513) },
  ])
    assert.equal(isTrace(one), false, JSON.stringify(one));
  assert.deepEqual(traceOf(parent, "x".repeat(513)), { traceparent: parent });
  assert.deepEqual(traceOf(parent, ""), { traceparent: parent });
  assert.deepEqual(traceOf(parent, "vendor=1"), trace);
});
