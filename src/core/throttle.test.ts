import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { given } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  seal,
  split,
  ticked,
} from "../contract/events.ts";
import { roomIn, spend, throttle } from "./throttle.ts";

const rate = { count: 10, perMs: 1_000 };
const few = flowPlan([fanOutPlan("all", { job: { limit: { concurrency: 2 } } })]);
const slow = flowPlan([fanOutPlan("all", { job: { limit: { rate } } })]);

const second = [begin(0, { run: "s" }), page(0, 0, 3, { run: "s" }), seal(0, 3, { run: "s" })];

test("a job's concurrency holds for all of its runs together", () => {
  given([few], [...split(3), ...second]).expect({ step: { "in-flight": 2 } });
  given([few], split(3))
    .when(...second)
    .expect({ put: [] });
  given([few], [...split(3), ...second])
    .when(ok(1, 0), ok(2, 1))
    .expect({ put: [2, 0], tasks: [{ run: "r" }, { run: "s" }] });
});

test("a limit that jobs share holds for all of them together, beside what each may", () => {
  const limits = [{ name: "smtp", concurrency: 3 }];
  const mail = flowPlan([fanOutPlan("all", { job: { limits } })]);
  const text = flowPlan(
    [fanOutPlan("all", { job: { name: "text", limits, limit: { concurrency: 1 } } })],
    { name: "texts" },
  );
  const texts = [
    begin(0, { run: "s", flow: "texts" }),
    page(0, 0, 3, { run: "s" }),
    seal(0, 3, { run: "s" }),
  ];
  given([mail, text], split(3))
    .when(...texts)
    .expect({ put: [] });
  given([mail, text], [...split(3), ...texts])
    .when(ok(1, 0), ok(2, 1), ok(3, 2))
    .expect({ put: [0], tasks: [{ run: "s", job: "text" }] });
  given([mail, text], [...texts, ...split(4)]).expect({ step: { "in-flight": 2 } });
});

test("a rate that jobs share is spent by all of them, over a restart too", () => {
  const limits = [{ name: "smtp", rate }];
  const flows = ["f", "g"].map((name) =>
    flowPlan([fanOutPlan("all", { job: { name, limits } })], { name }),
  );
  const others = [begin(0, { run: "s", flow: "g" }), page(0, 0, 3, { run: "s" })];
  given(flows, [...split(3), ...others])
    .when(ticked(99), ticked(100), ticked(200))
    .expect({ tasks: [{ run: "r" }, { run: "s" }] });
});

test("what a cancelled run had in flight, others may use", () => {
  given([few], [...split(3), ...second])
    .when(ask(1, "cancel"))
    .expect({ put: [0, 1], tasks: [{ run: "s" }] });
});

test("a rate lets go what it fills, and asks to be woken for the next", () => {
  given([slow], split(9)).expect({ step: { "in-flight": 1 } });
  given([slow], split(9)).when(ticked(99)).expect({ put: [] });
  given([slow], split(9))
    .when(ticked(100))
    .expect({ put: [1] });
  given([slow], split(9))
    .when(ticked(100), ticked(150), ticked(200), ticked(300))
    .expect({ put: [1, 2, 3] });
});

test("what a rate did not let go for a while does not come all at once", () => {
  given([slow], split(9))
    .when(ticked(50_000))
    .expect({ put: [1] });
});

test("a Retry-After of the job holds all of it, costs no attempt, and is over at its time", () => {
  const later = { outcome: "retry-later", delayMs: 500, of: "job" } as const;
  const plain = flowPlan([fanOutPlan("all", { concurrency: 2 })]);
  const told = [...split(9), bad(10, 0, later), ok(20, 1)];
  given([plain], told)
    .when(ticked(509))
    .expect({ put: [], step: { "in-flight": 0 } });
  given([plain], told)
    .when(...second)
    .expect({ put: [] });
  given([plain], told)
    .when(ticked(510))
    .expect({
      put: [0, 2],
      tasks: [{ again: [{ index: 0, issue: 2, attempt: 1, previous: 3 }] }, { from: 2 }],
    });
});

test("without a word about the job, only the sub-job waits", () => {
  const plain = flowPlan([fanOutPlan("all", { concurrency: 2 })]);
  given([plain], split(9))
    .when(bad(10, 0, { outcome: "retry-later", delayMs: 500 }))
    .expect({ put: [2] });
});

test("a paused run takes nothing of what its job may do", () => {
  given([few], [...split(3), ask(0, "pause"), ok(1, 0), ok(1, 1)])
    .when(...second)
    .expect({ put: [0, 1] });
});

test("partitions share: together never more than the limit, and at least one each", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 16 }), (limit, n) => {
      const shares = Array.from(
        { length: n },
        (_, partition) => throttle({ concurrency: limit }, partition, n).concurrency,
      );
      assert.equal(
        shares.reduce((sum, one) => sum + one, 0),
        Math.max(limit, n),
      );
    }),
  );
});

test("in any time a rate lets go at most what it fills, and one burst", () => {
  const gaps = fc.array(fc.nat({ max: 700 }), { maxLength: 60 });
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 400 }), (gaps, count) => {
      const of = throttle({ rate: { count, perMs: 1_000 } }, 0, 1);
      let at = 1_000;
      let gone = 0;
      const began = at;
      for (const gap of gaps) {
        at += gap;
        const room = roomIn(of, at);
        spend(of, room);
        gone += room;
        assert.ok(gone <= ((at - began) * count) / 1_000 + Math.max(1, count / 10) + 1e-6);
      }
    }),
  );
});
