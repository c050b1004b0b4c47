/** What comes back from the store, when the program, the log or the run are not what they were. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, plansOf, play, restarted, stepLooks, type At } from "../contract/decider.ts";
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
import type { FlowPlan } from "./plan.ts";

const error = { name: "Error", message: "no luck" };
const failed = { outcome: "failed", fatal: true, error } as const;

/** Lives through the events with one program, and goes on with another. */
function deployed(before: FlowPlan, events: readonly At[], after: FlowPlan, offset = 0) {
  const fresh = { ...freshBench(plansOf([before])), offset };
  const bench = events.reduce((one, event) => play(one, [event]).bench, fresh);
  return restarted(bench, plansOf([after]), 0);
}

function answerOf(bench: ReturnType<typeof deployed>) {
  return bench.state.runs.get("r")?.answers.at(-1)?.refused;
}

const two = flowPlan([fanOutPlan("all"), plainPlan("last")]);

test("a step that began late on a long log finds its outcomes", () => {
  const long = 2 ** 33;
  const flow = flowPlan([plainPlan("first"), fanOutPlan("all")]);
  const bench = deployed(flow, [begin(0)], flow, long);
  const { bench: before } = play(bench, [done(1, "first"), page(2, 0, 1)]);
  const [task] = play(before, [bad(3, 0), ticked(2_000)]).decided.tasks;
  assert.ok(task?.kind === "slice");
  assert.deepEqual(task.again, [{ index: 0, issue: 2, attempt: 2, previous: long + 3 }]);
});

test("a run that ended at a step that is no longer there can be asked about, and not redriven", () => {
  const bench = deployed(
    two,
    [begin(0), seal(1, 0), done(2, "last", failed)],
    flowPlan([fanOutPlan("all")]),
  );
  const { bench: then } = play(bench, [ask(3, "redrive"), ask(4, "cancel"), done(5, "last")]);
  assert.equal(then.state.runs.get("r")?.state, "failed");
  assert.match(answerOf(then) ?? "", /has ended/);
  const refused = 'flow "f" is no longer what run "r" began with: it cannot run again';
  assert.equal(answerOf(play(then, [ask(6, "redrive")]).bench), refused);
});

test("a run that ended before a step changed its kind can be asked about, and not redriven", () => {
  const bench = deployed(
    two,
    [...split(1), ok(1, 0), done(2, "last")],
    flowPlan([plainPlan("all"), plainPlan("last")]),
  );
  const { bench: then } = play(bench, [ok(3, 0), ask(4, "redrive")]);
  assert.match(answerOf(then) ?? "", /cannot run again/);
  const kept = JSON.parse(String(then.store.get("run/r"))) as { steps: string[]; at: number };
  assert.deepEqual([kept.steps, kept.at], [["all", "last"], 2]);
});

test("a run under way at a step that is no longer there stops the program that lost it, with words", () => {
  assert.throws(
    () => deployed(two, split(1), flowPlan([plainPlan("last")])),
    /run "r" is at step "all", and flow "f" no longer has it: keep the step until the run is over/,
  );
  assert.throws(
    () => deployed(two, split(1), flowPlan([plainPlan("all"), plainPlan("last")])),
    /step "all" of run "r" was a fan-out when it ran, and is a step now/,
  );
});

test("a step that was added before and after the one a run is at leaves the run where it is", () => {
  const after = flowPlan([
    plainPlan("new"),
    fanOutPlan("all"),
    plainPlan("newer"),
    plainPlan("last"),
  ]);
  const bench = deployed(two, split(2), after);
  const { bench: then, decided } = play(bench, [settled(1, { ok: [0, 2, 1] })]);
  assert.deepEqual(
    decided.tasks.map(({ kind, step }) => [kind, step]),
    [["step", "newer"]],
  );
  assert.equal(stepLooks(then.state.runs.get("r"), "all")?.state, "done");
});

test("I7 a commit writes what its events touched, whatever the size of the step", () => {
  const pages = Array.from({ length: 600 }, (_, n) => page(0, n * 10, 10));
  const start = [begin(0), ...pages, seal(0, 6_000)].reduce(
    (bench, event) => play(bench, [event]).bench,
    freshBench(plansOf([two])),
  );
  const touched = (event: At): readonly string[] => {
    const before = new Map(start.store);
    play(start, [event]);
    return [...start.store.keys()]
      .filter((key) => start.store.get(key) !== before.get(key))
      .toSorted();
  };
  assert.deepEqual(touched(settled(1, { ok: [5, 1, 1] })), ["page/r/all/00000000", "step/r/all"]);
  assert.deepEqual(touched(bad(2, 7)), ["page/r/all/00000000", "step/r/all"]);
  assert.deepEqual(touched({ at: 3, event: { type: "ticked" } }), []);
});
