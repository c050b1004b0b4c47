import { test } from "node:test";

import {
  ask,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  seal,
  split,
} from "../contract/events.ts";
import { given } from "../contract/decider.ts";
import { bucketOf } from "./histogram.ts";

const job = { cost: { perHour: 1, currency: "EUR" } };
const fan = flowPlan([fanOutPlan("all", { tolerate: { count: 1 }, job })]);
const fatal = { fatal: true } as const;

/** Of the last event of a list of `length`. */
const ends = (counted: object) => [
  { type: "fan-out.joined" },
  { type: "step.ended", counted },
  { type: "run.ended", counted: { flow: "f", startedAt: 0 } },
];

const whole = {
  flow: "f",
  job: "work",
  startedAt: 0,
  outcomes: [1, 1, 0, 0, 0, 0],
  retries: [0, 0, 0, 0],
  // Of the one success; failures of these tests took no time.
  took: [bucketOf(1_000), 1],
  us: 1_000,
};

test("a step tells what it came to when it ends", () => {
  given([fan], [...split(2), bad(3, 0, fatal)])
    .when(ok(1_004, 1))
    .expect({
      events: ends({
        ...whole,
        pace: { from: 3, width: 1_000, counts: [1, 1] },
        failures: [{ signature: "no-luck", message: "no luck", count: 1, firstAt: 3, lastAt: 3 }],
        cost: job.cost,
      }),
    });
});

test("after a redrive it tells the difference, and what it told before a restart is not told again", () => {
  const done = [...split(2), bad(3, 0, fatal), ok(4, 1)];
  given([fan], [...done, ask(10, "redrive", { step: "all" })])
    .when(ok(1_500, 0, { issue: 2 }))
    .expect({
      events: ends({
        ...whole,
        startedAt: 10,
        outcomes: [1, -1, 0, 0, 0, 0],
        pace: { from: 1_500, width: 1_000, counts: [1] },
        failures: [{ signature: "no-luck", message: "no luck", count: -1 }],
        cost: job.cost,
      }),
    });
});

test("a run that is cancelled tells what its step came to until then", () => {
  given([fan], [...split(3), ok(1, 0)])
    .when(ask(5, "cancel"))
    .expect({
      run: { state: "cancelled" },
      events: [
        {
          type: "step.ended",
          outcome: "cancelled",
          counted: {
            ...whole,
            outcomes: [1, 0, 0, 2, 0, 0],
            pace: { from: 1, width: 1_000, counts: [1] },
            cost: job.cost,
          },
        },
        { type: "run.ended" },
      ],
    });
});

test("what succeeds between the end of a failed step and its redrive is told by its next end, once (seeds 7083, 10378)", () => {
  const failing = flowPlan([fanOutPlan("all", { beyond: "fail", job })]);
  const error = { name: "Error", message: "no page" };
  const failed = done(2, "all", { outcome: "failed", fatal: true, error });
  given(
    [failing],
    [begin(0), page(0, 0, 2), ok(1, 0), failed, ok(3, 1), ask(10, "redrive", { step: "all" })],
  )
    .when(seal(11, 2, { generation: 2, issue: 2 }))
    .expect({
      events: ends({
        ...whole,
        startedAt: 10,
        outcomes: [1, 0, 0, 0, 0, 0],
        pace: { from: 3, width: 1_000, counts: [1] },
        cost: job.cost,
      }),
    });
});
