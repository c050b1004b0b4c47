import { test } from "node:test";
import { limits } from "./limits.ts";
import { given } from "../contract/decider.ts";
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
  ticked,
} from "../contract/events.ts";

const error = { name: "Error", message: "no luck" };
const failed = { outcome: "failed", error } as const;
const one = flowPlan([plainPlan("first")]);
const two = flowPlan([plainPlan("first"), plainPlan("last")]);
const three = flowPlan([plainPlan("first"), fanOutPlan("all"), plainPlan("last")]);

test("a run begins with its first step, in the queue at once", () => {
  given([two], [])
    .when(begin(5, { customer: "acme", deadlineAt: 99, tags: { month: "2026-09" } }))
    .expect({
      events: [
        { type: "run.began", run: "r", flow: "f", priority: "normal", customer: "acme" },
        { type: "step.began", step: "first", generation: 1 },
      ],
      tasks: [
        { kind: "step", step: "first", issue: 1, attempt: 1, priority: "urgent", deadlineAt: 99 },
      ],
      run: { state: "running", startedAt: 5, step: "first", request: "q" },
    });
});

test("a flow's deadline counts from the start, and a start may say otherwise", () => {
  const flow = flowPlan([plainPlan("first")], { deadlineMs: 1_000 });
  given([flow], [begin(5)]).expect({ run: { deadlineAt: 1_005 } });
  given([flow], [begin(5, { deadlineAt: 7 })]).expect({ run: { deadlineAt: 7 } });
});

test("C10 a run that is started twice runs once, with its first input", () => {
  given([two], [begin(0, { input: "a" })])
    .when(begin(1, { input: "b", request: "other" }))
    .expect({ events: [], tasks: [], run: { input: "a", request: "q" } });
});

test("a run of a flow that is not known fails, and says which are known", () => {
  const because = 'unknown flow "invoises": this app knows "f"';
  given([two], [])
    .when(begin(0, { flow: "invoises" }))
    .expect({
      events: [{ type: "run.began" }, { type: "run.ended", state: "failed", because }],
      tasks: [],
      run: { state: "failed", because },
    });
});

test("a flow without steps is done at once", () => {
  given([flowPlan([])], [])
    .when(begin(0))
    .expect({ events: [{ type: "run.began" }, { type: "run.ended", state: "done" }] });
});

test("steps follow one another, each with its result", () => {
  given([three], [begin(0), done(1, "first", { result: 7 })])
    .when(page(2, 0, 1), seal(3, 1), ok(4, 0), done(5, "last", { result: "bye" }))
    .expect({
      events: [
        { type: "fan-out.joined", step: "all", total: 1, ok: 1, failed: 0, skipped: 0 },
        { type: "step.ended", step: "all", outcome: "ok" },
        { type: "step.began", step: "last" },
        { type: "step.ended", step: "last", outcome: "ok" },
        { type: "run.ended", state: "done" },
      ],
      run: { state: "done", endedAt: 5, at: 3 },
      steps: { first: { state: "done" }, last: { state: "done", main: "ok" } },
    });
});

test("a step's outcome that comes twice ends it once", () => {
  given([two], [begin(0), done(1, "first", { result: 1 })])
    .when(done(2, "first", { result: 2 }))
    .expect({
      events: [],
      tasks: [],
      run: { results: { first: 1 } },
      steps: { first: { late: 1 } },
    });
});

test("an attempt that failed is followed by another when its delay is over", () => {
  given([one], [begin(0), done(10, "first", failed)])
    .when(ticked(1_009), ticked(1_010))
    .expect({ tasks: [{ kind: "step", issue: 2, attempt: 2 }], run: { state: "running" } });
  given([one], [begin(0), done(10, "first", failed)]).expect({ wakeAt: 1_010 });
});

test("what a manager has written itself does not tell it the time: the next one may never be told of it", () => {
  const retried = [begin(0), done(10, "first", failed)];
  given([one], retried)
    .when({ at: 90_000, event: { type: "run.resumed", run: "r", step: "first" } })
    .expect({ events: [], tasks: [], wakeAt: 1_010 });
});

test("a step that failed as often as it may fails its run, with the words of the last error", () => {
  const tries = [begin(0), done(10, "first", failed), ticked(1_010)];
  given([one], [...tries, done(1_020, "first", { ...failed, issue: 2 }), ticked(2_020)])
    .when(done(2_030, "first", { ...failed, issue: 3 }))
    .expect({
      events: [
        { type: "step.ended", outcome: "failed" },
        { type: "run.ended", state: "failed", because: "step first failed: no luck" },
      ],
      tasks: [],
      run: { state: "failed", error, endedAt: 2_030 },
    });
});

test("a fatal error is not tried again", () => {
  given([one], [begin(0)])
    .when(done(1, "first", { ...failed, fatal: true }))
    .expect({ tasks: [], run: { state: "failed" } });
});

test("a step that asks to be tried later is, and no attempt is counted", () => {
  const later = { outcome: "retry-later", delayMs: 5_000, error } as const;
  const tries = [begin(0), done(1, "first", later), ticked(5_001)];
  given([one], tries).expect({ steps: { first: { main: "in-flight" } } });
  given([one], tries.slice(0, -1))
    .when(ticked(5_000), ticked(5_001))
    .expect({ tasks: [{ issue: 2, attempt: 1 }] });
});

test("a step that timed out is a step that failed", () => {
  given([one], [begin(0), done(1, "first", { outcome: "timed-out", error }), ticked(1_001)])
    .when(done(1_002, "first", { outcome: "timed-out", error, issue: 2, fatal: true }))
    .expect({ run: { state: "failed", because: "step first failed: no luck" } });
});

test("I5 the failure of an older issue changes nothing", () => {
  given([one], [begin(0), done(1, "first", failed), ticked(1_001)])
    .when(done(1_002, "first", { ...failed, fatal: true }))
    .expect({ events: [], run: { state: "running" }, steps: { first: { stale: 1 } } });
});

test("the first success of a step wins, of whichever issue", () => {
  given([one], [begin(0), done(1, "first", failed), ticked(1_001)])
    .when(done(1_002, "first", { result: "late but done" }))
    .expect({ run: { state: "done", results: { first: "late but done" } } });
});

test("a task that the queue lost is put again by the sweep", () => {
  given([one], [begin(0)]).expect({ wakeAt: lostAt });
  given([one], [begin(0), ticked(lostAt - 1)])
    .when(ticked(lostAt))
    .expect({ tasks: [{ kind: "step", issue: 2, attempt: 1 }], wakeAt: 2 * lostAt });
});

test("C43 a step that takes its worker down ten times fails its run, and not before", () => {
  const issues = Array.from({ length: limits.stepCrashes - 1 }, (_, n) => n + 1);
  const losses = issues.map((issue) => lost(issue, { step: "first", issue }));
  given([one], [begin(0), ...losses]).expect({ run: { state: "running" } });
  given([one], [begin(0), ...losses])
    .when(lost(10, { step: "first", issue: 10 }))
    .expect({
      tasks: [],
      run: {
        state: "failed",
        because: "step first failed: its worker vanished 10 times while it ran",
      },
    });
});

test("C43 a step whose process is killed from outside is given up much later", () => {
  const kill = (issue: number) => lost(issue, { step: "first", issue, killed: true });
  const kills = Array.from({ length: limits.stepKills - 1 }, (_, n) => kill(n + 1));
  given([one], [begin(0), ...kills]).expect({ run: { state: "running" } });
  given([one], [begin(0), ...kills])
    .when(kill(limits.stepKills))
    .expect({ tasks: [], run: { state: "failed" } });
});

test("a task that is given back is put again, and blames nobody", () => {
  const back = (issue: number) => lost(issue, { step: "first", issue, clean: true });
  given([one], [begin(0), back(1), back(2), back(3)])
    .when(back(4))
    .expect({ tasks: [{ issue: 5, attempt: 1 }], run: { state: "running" } });
});

test("a loss that is told twice counts once", () => {
  given([one], [begin(0), lost(1, { step: "first", issue: 1 })])
    .when(lost(2, { step: "first", issue: 1 }))
    .expect({ tasks: [], events: [] });
});

test("events of runs and steps that are not there change nothing", () => {
  given([two], [begin(0)])
    .when(
      done(1, "first", { run: "nobody" }),
      done(1, "nothing"),
      page(1, 0, 5, { run: "nobody" }),
      ok(1, 0),
      ask(1, "cancel", { run: "nobody" }),
      lost(1, { step: "nothing", subJobs: [0, 1, 1] }),
      page(1, 0, 5, { step: "first" }),
    )
    .expect({ events: [], tasks: [], run: { state: "running", step: "first" } });
});

test("what a step returned before a redrive of an earlier one is not its result after it", () => {
  const loose = flowPlan([fanOutPlan("all", { tolerate: { count: 1 } }), plainPlan("last")]);
  const fatal = { fatal: true, error };
  const over = [begin(0), page(0, 0, 1), seal(0, 1), bad(1, 0, fatal)];
  given([loose], [...over, ask(2, "redrive", { step: "all" }), ok(3, 0, { issue: 2 })])
    .when(done(4, "last", { generation: 1, issue: 1, result: "of the join before" }))
    .expect({ events: [], run: { step: "last" }, steps: { last: { stale: 1, generation: 2 } } });
});

test("G13 a loss of what was cancelled puts nothing into the queue", () => {
  given([one], [begin(0), ask(1, "cancel")])
    .when(lost(2, { step: "first", issue: 1 }), ticked(lostAt), ticked(2 * lostAt))
    .expect({ events: [], tasks: [], run: { state: "cancelled" } });
});

test("a run that was cancelled is not failed by what is lost afterwards", () => {
  const losses = [lost(1, { step: "first", issue: 1 }), lost(2, { step: "first", issue: 2 })];
  given([one], [begin(0), ...losses, ask(3, "cancel")])
    .when(lost(4, { step: "first", issue: 3 }))
    .expect({ events: [], run: { state: "cancelled" } });
});
