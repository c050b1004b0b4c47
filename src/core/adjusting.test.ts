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
  split,
  threeTries,
  ticked,
} from "../contract/events.ts";
import type { Adjustment } from "./event.ts";

const one = flowPlan([fanOutPlan("all", { concurrency: 2 })]);
const two = flowPlan([plainPlan("first"), fanOutPlan("all", { concurrency: 2 })]);
const fatal = { fatal: true } as const;

const adjust = (at: number, to: Adjustment, step?: string) =>
  ask(at, "adjust", { to, ...(step === undefined ? {} : { step }) });

test("more concurrency puts more at once, less puts nothing until enough have come back", () => {
  given([one], split(9))
    .when(adjust(1, { concurrency: 4 }))
    .expect({ put: [2, 3], step: { "in-flight": 4 }, answer: { matched: 1 } });
  given([one], [...split(9), adjust(1, { concurrency: 1 })])
    .when(ok(2, 0))
    .expect({ put: [], step: { "in-flight": 1 } });
  given([one], [...split(9), adjust(1, { concurrency: 1 }), ok(2, 0)])
    .when(ok(3, 1))
    .expect({ put: [2] });
  given([one], split(9))
    .when(adjust(1, { concurrency: null }))
    .expect({ step: { "in-flight": 9 } });
});

const rate = { count: 10, perMs: 1_000 };
const open = flowPlan([fanOutPlan("all", { job: { retry: { ...threeTries, attempts: 1 } } })]);

test("a pace lets go what comes in its time, and taken away, all of it", () => {
  const paced = [begin(0), adjust(0, { rate }), page(0, 0, 9), seal(0, 9)];
  given([open], paced).expect({ step: { "in-flight": 1 } });
  given([open], paced).when(ticked(99)).expect({ put: [], wakeAt: 100 });
  given([open], paced)
    .when(ticked(99), ticked(100), ticked(150), ticked(200))
    .expect({ put: [1, 2] });
  given([open], paced)
    .when(adjust(2, { rate: null }))
    .expect({ step: { "in-flight": 9 } });
  given([open], [...paced, adjust(2, { rate: null })])
    .when(adjust(3, { rate }))
    .expect({ step: { "in-flight": 9 } });
});

test("a pace is beside what the job may: the slower one holds", () => {
  const slow = { count: 1, perMs: 1_000 };
  const both = (job: typeof rate, pace: typeof rate) =>
    given(
      [flowPlan([fanOutPlan("all", { job: { limit: { rate: job } } })])],
      [begin(0), adjust(0, { rate: pace }), page(0, 0, 9)],
    );
  for (const [job, pace] of [
    [rate, slow],
    [slow, rate],
  ] as const)
    both(job, pace)
      .when(ticked(100), ticked(900), ticked(1_000), ticked(1_100))
      .expect({ put: [1] });
});

test("a redrive with a rate paces what it opens, also of a run that has ended", () => {
  const failing = flowPlan([
    fanOutPlan("all", { beyond: "fail", job: { retry: { ...threeTries, attempts: 1 } } }),
  ]);
  const failed = [...split(3), bad(1, 0), bad(1, 1), bad(1, 2)];
  const again = { rate, request: "again" };
  given([failing], failed)
    .when(ask(500, "redrive", again))
    .expect({ put: [0], answer: { matched: 3 } });
  given([failing], [...failed, ask(500, "redrive", again)])
    .when(ticked(599), ticked(600))
    .expect({ put: [1] });
});

test("more tolerance lets a held run go on, if it is enough", () => {
  const held = [...split(3), bad(1, 0, fatal), bad(1, 1, fatal), ok(2, 2)];
  given([one], held)
    .when(adjust(3, { tolerate: { count: 2 } }))
    .expect({
      events: [
        { type: "run.resumed", step: "all" },
        { type: "fan-out.joined", failed: 2 },
        { type: "step.ended" },
        { type: "run.ended", state: "done" },
      ],
    });
  given([one], held)
    .when(adjust(3, { tolerate: { count: 1 } }))
    .expect({
      events: [],
      run: { state: "held", because: "2 of 3 failed, 0 tolerated" },
      answer: { matched: 1 },
    });
});

test("less tolerance holds a run that would have gone on", () => {
  const tolerant = flowPlan([fanOutPlan("all", { tolerate: { percent: 50 } })]);
  given([tolerant], [...split(4), bad(1, 0, fatal), adjust(2, { tolerate: { percent: 10 } })])
    .when(ok(3, 1), ok(3, 2), ok(3, 3))
    .expect({
      events: [{ type: "run.held", because: "25.0 % failed (1 of 4), 10 % tolerated" }],
    });
});

test("a split that failed stays held, whatever is tolerated", () => {
  given([one], [begin(0), page(0, 0, 2), done(1, "all", { outcome: "failed", ...fatal })])
    .when(adjust(2, { tolerate: { percent: 100 } }))
    .expect({ events: [], run: { state: "held" } });
});

test("another priority counts for what is put from now on, and a deadline for all of the run", () => {
  given([one], [...split(9)])
    .when(adjust(1, { priority: "urgent", deadlineAt: 900 }), ok(2, 0))
    .expect({
      events: [{ type: "run.adjusted", priority: "urgent", deadlineAt: 900 }],
      tasks: [{ kind: "slice", priority: "urgent", deadlineAt: 900 }],
      run: { priority: "urgent", deadlineAt: 900 },
    });
  given([one], [begin(0, { deadlineAt: 900 })])
    .when(adjust(1, { deadlineAt: null }))
    .expect({ events: [{ type: "run.adjusted" }], run: { deadlineAt: undefined } });
});

test("without a step, the fan-out that comes next is meant; what was changed before it began holds", () => {
  given([two], [begin(0), adjust(1, { concurrency: 3 }), done(2, "first")])
    .when(page(3, 0, 9))
    .expect({ step: { "in-flight": 3 } });
});

test("a paused run that is given another priority stays paused, and goes on once", () => {
  given([one], [...split(9), ask(1, "pause"), adjust(2, { priority: "low" }), ok(3, 0)])
    .when(ask(4, "resume"))
    .expect({ put: [2], tasks: [{ priority: "low" }] });
});

test("an adjustment is refused, with words, where there is nothing to adjust", () => {
  const refusals = [
    [split(1), adjust(1, {}), "there is nothing to adjust: say what"],
    [split(1), adjust(1, { concurrency: 1 }, "lost"), 'run "r" has no step "lost"'],
    [[...split(1), ok(1, 0)], adjust(2, { priority: "low" }), 'run "r" has ended: it is done'],
  ] as const;
  for (const [before, command, refused] of refusals)
    given([one], before).when(command).expect({ events: [], answer: { refused } });
  given([two], [begin(0)])
    .when(adjust(1, { concurrency: 1 }, "first"))
    .expect({
      answer: {
        refused: 'step "first" is not a fan-out: it has neither concurrency nor rate nor tolerance',
      },
    });
  const last = flowPlan([fanOutPlan("all"), plainPlan("last")]);
  given([last], [...split(1), ok(1, 0)])
    .when(adjust(2, { tolerate: { count: 1 } }))
    .expect({ answer: { refused: 'run "r" comes to no fan-out any more' } });
  given([last], [...split(1), ok(1, 0)])
    .when(adjust(2, { concurrency: 1 }, "all"))
    .expect({ answer: { refused: 'step "all" is over' } });
});
