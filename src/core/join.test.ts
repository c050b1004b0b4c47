import { test } from "node:test";
import { given } from "../contract/decider.ts";
import {
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
} from "../contract/events.ts";
import type { FanOutPlan } from "./plan.ts";
import { list, namedFolds, sum } from "./fold.ts";

const folds = namedFolds({ sum: sum(Number), list: list(10) });
const fan = flowPlan([fanOutPlan("all", { folds }), plainPlan("last")]);
const joined = { type: "fan-out.joined" } as const;
const fatal = { fatal: true };

test("C01 a fan-out of nothing joins with its seal", () => {
  given([fan], [begin(0)])
    .when(seal(1, 0))
    .expect({
      events: [
        { ...joined, total: 0, ok: 0, failed: 0, value: { sum: 0, list: [] } },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
      run: { step: "last" },
    });
});

test("C02 a fan-out of one joins with its one outcome", () => {
  given([fan], split(1))
    .when(ok(1, 0, { result: 5 }))
    .expect({
      events: [
        { ...joined, total: 1, ok: 1, value: { sum: 5, list: [5] } },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
    });
});

test("C03 nothing joins before the seal, even when all that is known has an outcome", () => {
  given([fan], [begin(0), page(1, 0, 2), ok(2, 0), ok(2, 1)]).expect({
    run: { state: "running", step: "all" },
    step: { ok: 2, total: undefined },
  });
});

test("C03 C41 where all outcomes came before the seal, the seal joins", () => {
  given([fan], [begin(0), page(1, 0, 2), ok(2, 0), ok(2, 1)])
    .when(seal(3, 2))
    .expect({
      events: [
        { ...joined, total: 2, ok: 2, value: { sum: 1, list: [0, 1] } },
        { type: "step.ended" },
        { type: "step.began", step: "last" },
      ],
    });
});

test("C17 the last two outcomes in one event join once", () => {
  given([fan], [...split(3), ok(1, 0)])
    .when(settled(2, { ok: [1, 2, 1] }, [1, 2]))
    .expect({
      events: [
        { ...joined, ok: 3, value: { sum: 3, list: [0, 1, 2] } },
        { type: "step.ended" },
        { type: "step.began" },
      ],
    });
});

test("C15 an outcome that comes twice is folded once", () => {
  given([fan], [...split(2), ok(1, 1), ok(1, 1)])
    .when(ok(2, 0))
    .expect({
      events: [
        { ...joined, ok: 2, value: { sum: 1, list: [0, 1] } },
        { type: "step.ended" },
        { type: "step.began" },
      ],
      step: { duplicate: 1 },
    });
});

test("C15 an outcome that comes twice in one event is folded once", () => {
  given([fan], split(2))
    .when(settled(1, { ok: [0, 2, 1, 1, 1, 1] }, [3, 4, 4]))
    .expect({
      run: { step: "last" },
      step: {
        ok: 2,
        duplicate: 1,
        folds: [
          7,
          [
            [0, 3],
            [1, 4],
          ],
        ],
      },
    });
});

test("C17 the last outcome, delivered twice, joins once", () => {
  given([fan], [...split(2), ok(1, 0), ok(2, 1)])
    .when(ok(3, 1))
    .expect({ events: [], tasks: [], step: { duplicate: 1 } });
});

test("the join is what later steps see", () => {
  given([fan], [...split(2), ok(1, 0)])
    .when(ok(2, 1))
    .expect({
      run: {
        results: {
          all: {
            total: 2,
            ok: 2,
            failed: 0,
            skipped: 0,
            cancelled: 0,
            seconds: 0.002,
            failures: [],
            value: { sum: 1, list: [0, 1] },
          },
        },
      },
    });
});

const withTolerance = (tolerate: FanOutPlan["tolerate"], beyond: "hold" | "fail" = "hold") =>
  flowPlan([fanOutPlan("all", { tolerate, beyond })]);

/** So many of so many fail, the others succeed. */
function failing(failures: number, size: number) {
  const bads = Array.from({ length: failures }, (_, n) => bad(1, n, fatal));
  return [...split(size), ...bads, settled(2, { ok: [failures, size - failures, 1] })];
}

test("C44 as many failures as are tolerated do not stop the run", () => {
  given([withTolerance({ count: 2 })], failing(2, 5)).expect({
    run: { state: "done" },
    step: { state: "done", failed: 2, ok: 3 },
  });
});

test("C46 one failure more holds the run, once, and says how many", () => {
  const events = failing(3, 5);
  given([withTolerance({ count: 2 })], events.slice(0, -1))
    .when(...events.slice(-1))
    .expect({
      events: [{ type: "run.held", step: "all", because: "3 of 5 failed, 2 tolerated" }],
      run: { state: "held", because: "3 of 5 failed, 2 tolerated" },
      step: { state: "held" },
    });
});

test("a share of failures is tolerated up to and with that share", () => {
  given([withTolerance({ percent: 20 })], failing(1, 5)).expect({ run: { state: "done" } });
  given([withTolerance({ percent: 20 })], failing(2, 5)).expect({
    run: { state: "held", because: "40.0 % failed (2 of 5), 20 % tolerated" },
  });
});

test("0 % tolerates none, 100 % tolerates all", () => {
  given([withTolerance({ percent: 0 })], failing(1, 5)).expect({ run: { state: "held" } });
  given([withTolerance({ percent: 100 })], failing(5, 5)).expect({ run: { state: "done" } });
});

test("too many failures fail the run where its step says so", () => {
  given([withTolerance({ count: 0 }, "fail")], failing(1, 2)).expect({
    run: { state: "failed", because: "1 of 2 failed, 0 tolerated", endedAt: 2 },
    step: { state: "failed", failed: 1, ok: 1 },
  });
});

test("a share is exact: 57 of 10,000 are 0.57 %", () => {
  given([withTolerance({ percent: 0.57 })], failing(57, 10_000)).expect({ run: { state: "done" } });
  given([withTolerance({ percent: 0.569999999 })], failing(57, 10_000)).expect({
    run: { state: "held" },
  });
});

test("what is beyond the tolerance never reads as if it were not", () => {
  given([withTolerance({ percent: 1 })], failing(101, 10_000)).expect({
    run: { because: "1.01 % failed (101 of 10,000), 1 % tolerated" },
  });
  given([withTolerance({ percent: 10 })], failing(1_001, 10_000)).expect({
    run: { because: "10.01 % failed (1,001 of 10,000), 10 % tolerated" },
  });
  given([withTolerance({ percent: 0.1 })], failing(1, 300)).expect({
    run: { because: "0.33 % failed (1 of 300), 0.1 % tolerated" },
  });
});
