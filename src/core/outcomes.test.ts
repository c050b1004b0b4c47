import { test } from "node:test";
import { given } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { count, singleFold, sum } from "./fold.ts";

const folds = singleFold(sum(Number));
const fan = flowPlan([fanOutPlan("all", { folds })]);
const once = { attempts: 1, backoff: "fixed", firstMs: 0, maxMs: 0 } as const;

test("C21 a sub-job that failed and may be tried again is no outcome", () => {
  given([fan], [...split(2), ok(1, 1)])
    .when(bad(2, 0))
    .expect({ events: [], tasks: [], step: { retrying: 1, ok: 1 }, wakeAt: 1_002 });
});

test("a sub-job that failed is tried again when its delay is over, with the next issue and attempt", () => {
  given([fan], [...split(2), ok(1, 1), bad(2, 0)])
    .when(ticked(1_001), ticked(1_002))
    .expect({
      tasks: [
        {
          kind: "slice",
          from: 0,
          count: 1,
          again: [{ index: 0, issue: 2, attempt: 2, previous: 4 }],
          pages: [0, 1],
        },
      ],
    });
});

test("a sub-job fails for good after as many attempts as it has", () => {
  const tries = [bad(1, 0), ticked(1_001), bad(1_002, 0, { issue: 2 }), ticked(2_002)];
  given([fan], [...split(2), ok(1, 1), ...tries])
    .when(bad(2_003, 0, { issue: 3 }))
    .expect({
      run: { state: "held", because: "1 of 2 failed, 0 tolerated" },
      step: {
        failed: 1,
        groups: [noLuck({ keys: ["k0"], firstAt: 2_003, lastAt: 2_003, attempts: 3 })],
      },
    });
});

const noLuck = (more: object) => ({ signature: "no-luck", message: "no luck", count: 1, ...more });

test("a kind of failure says when it came first and last, and after how many attempts at most", () => {
  const tries = [bad(1, 1), ticked(1_001), bad(1_002, 1, { issue: 2 }), ticked(2_002)];
  given([fan], [...split(3), bad(1, 0, { fatal: true }), ...tries])
    .when(bad(2_003, 1, { issue: 3 }))
    .expect({
      step: {
        groups: [noLuck({ count: 2, keys: ["k0", "k1"], firstAt: 1, lastAt: 2_003, attempts: 3 })],
      },
    });
});

test("a job that has one attempt fails with it", () => {
  given([flowPlan([fanOutPlan("all", { job: { retry: once } })])], split(1))
    .when(bad(1, 0))
    .expect({ step: { failed: 1 } });
});

test("a fatal failure is not tried again", () => {
  given([fan], split(1))
    .when(bad(1, 0, { fatal: true }))
    .expect({ step: { failed: 1 } });
});

test("what timed out is tried again, and told from what failed when it is given up on", () => {
  given([fan], split(1))
    .when(bad(1, 0, { outcome: "timed-out" }))
    .expect({ step: { retrying: 1 } });
  given([fan], split(1))
    .when(bad(1, 0, { outcome: "timed-out", fatal: true }))
    .expect({ step: { failed: 0, "timed-out": 1 }, run: { state: "held" } });
});

test("a skipped sub-job has its outcome, and is no failure", () => {
  given([fan], [...split(2), ok(1, 0)])
    .when(bad(2, 1, { outcome: "skipped" }))
    .expect({
      events: [
        { type: "fan-out.joined", total: 2, ok: 1, failed: 0, skipped: 1 },
        { type: "step.ended" },
        { type: "run.ended" },
      ],
    });
});

test("a sub-job that asks to be tried later is, as often as it asks, and no attempt is counted", () => {
  const later = { outcome: "retry-later", delayMs: 5_000 } as const;
  const asks = [bad(1, 0, later), ticked(5_001), bad(5_002, 0, { ...later, issue: 2 })];
  given([fan], [...split(1), ...asks])
    .when(ticked(10_001), ticked(10_002))
    .expect({ tasks: [{ again: [{ index: 0, issue: 3, attempt: 1, previous: 5 }] }] });
});

test("retries are spread by a draw that is the same whenever it is decided", () => {
  const retry = { attempts: 3, backoff: "exponential", firstMs: 1_000, maxMs: 60_000 } as const;
  const flow = flowPlan([fanOutPlan("all", { job: { retry } })]);
  given([flow], [...split(1), bad(1, 0)]).expect({ wakeAt: 447 });
});

test("C22 the first success wins, of whichever issue", () => {
  given([fan], [...split(1), bad(1, 0), ticked(1_001)])
    .when(ok(1_002, 0, { issue: 1, result: 9 }))
    .expect({ run: { state: "done" }, step: { ok: 1, folds: [9] } });
});

test("a success counts while its sub-job waits for another try", () => {
  given([fan], [...split(1), bad(1, 0)])
    .when(ok(2, 0, { result: 9 }), ticked(1_001))
    .expect({ tasks: [], run: { state: "done" } });
});

test("C28 the failure of an older issue writes nothing on the newer one", () => {
  given([fan], [...split(1), bad(1, 0), ticked(1_001)])
    .when(bad(1_002, 0, { fatal: true, error: { name: "Error", message: "zombie" } }))
    .expect({ step: { "in-flight": 1, stale: 1, groups: [] } });
});

test("C28 a failure after the success is late", () => {
  given([fan], [...split(2), ok(1, 0)])
    .when(bad(2, 0, { fatal: true }))
    .expect({ step: { ok: 1, "in-flight": 1, late: 1 } });
});

test("the same failure twice is one failure", () => {
  given([fan], [...split(1), bad(1, 0), bad(1, 0)])
    .when(ticked(1_001))
    .expect({ tasks: [{ again: [{ index: 0, issue: 2, attempt: 2, previous: 3 }] }] });
});

test("C53 what comes after the end of its step changes nothing, and is counted", () => {
  given([fan], [...split(2), ok(1, 0), ask(2, "close")])
    .when(ok(3, 1), ok(3, 0), bad(3, 1, { fatal: true }))
    .expect({
      events: [],
      run: { state: "done" },
      step: { ok: 1, cancelled: 1, late: 2, duplicate: 1, folds: [0] },
    });
});

test("C27 outcomes of two runs do not mix", () => {
  const other = { run: "other" };
  given([fan], [...split(1), begin(0, other), page(0, 0, 2, other)])
    .when(settled(1, { ...other, ok: [0, 2, 1] }, [10, 20]))
    .expect({ run: { state: "running" }, step: { ok: 0, folds: [0] } });
});

test("a result that cannot be folded fails its sub-job with the fold's words, and no other", () => {
  given([fan], split(3))
    .when(settled(1, { ok: [0, 3, 1] }, [1, "many", 3]))
    .expect({
      run: { state: "held", because: "1 of 3 failed, 0 tolerated" },
      step: {
        ok: 2,
        failed: 1,
        folds: [4],
        groups: [
          {
            signature: "fold-error-fold-expected-a-finite-number-got-nan",
            message: "fold: expected a finite number, got NaN",
            count: 1,
            keys: ["#1"],
            firstAt: 1,
            lastAt: 1,
            attempts: 1,
          },
        ],
      },
    });
});

test("a job that returned nothing is folded alike in whatever company its outcome travels", () => {
  const nulls = singleFold(count((result) => result === null));
  const flow = flowPlan([fanOutPlan("all", { folds: nulls })]);
  given([flow], [...split(3), settled(1, { ok: [0, 1, 1] })])
    .when(settled(2, { ok: [1, 2, 1] }, [null, 5]))
    .expect({ step: { ok: 3, folds: [2] } });
});

const oneAtATime = flowPlan([fanOutPlan("all", { concurrency: 1, tolerate: { count: 2 } })]);

test("C79 the outcome of a put that a failover took back counts, and the work is not done again", () => {
  given([oneAtATime], split(3))
    .when(bad(1, 1, { fatal: true }), bad(1, 2, { outcome: "skipped" }), ok(2, 0))
    .expect({
      tasks: [],
      run: { state: "done" },
      step: { ok: 1, failed: 1, skipped: 1, stale: 0 },
    });
});

test("what failed in a put that a failover took back goes again when its time has come, once, with the next issue", () => {
  given([oneAtATime], [...split(3), bad(1, 1)])
    .when(ticked(1_001), ok(1_002, 0))
    .expect({ tasks: [{ again: [{ index: 1, issue: 2, attempt: 2, previous: 3 }] }] });
  given([oneAtATime], [...split(3), bad(1, 1), ticked(1_001), ok(1_002, 0)])
    .when(ok(1_003, 1, { issue: 2 }))
    .expect({ put: [2] });
});

test("an issue of which a failover has left nothing may only succeed", () => {
  given([fan], split(2))
    .when(bad(1, 0, { issue: 2, attempt: 2, fatal: true }), ok(2, 1, { issue: 2, result: 5 }))
    .expect({ step: { "in-flight": 1, ok: 1, stale: 1, groups: [], folds: [5] } });
});
