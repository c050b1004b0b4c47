import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, given, plansOf, play, type At } from "../contract/decider.ts";
import {
  ask,
  askAll,
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  ok,
  page,
  plainPlan,
  queueLost,
  seal,
  split,
  ticked,
} from "../contract/events.ts";
import type { InputEvent } from "./event.ts";
import { limits } from "./limits.ts";
import { pauseKey, pausesOf, type Pause } from "./pauses.ts";

const one = flowPlan([fanOutPlan("all", { concurrency: 2 })]);
const two = flowPlan([plainPlan("first"), fanOutPlan("all", { concurrency: 2 })]);

function told(at: number, version: number, pauses: readonly Pause[]): At {
  return { at, event: { type: "pauses.told", version, pauses } };
}

const names = (all: ReadonlyMap<string, Pause>): readonly string[] => [...all.keys()];

test("a run that is paused gets nothing new, and what runs may finish; resumed it goes on", () => {
  const paused = [...split(5), ask(1, "pause", { author: "anna", reason: "bank holiday" })];
  given([one], paused)
    .when(ok(2, 0), ok(3, 1))
    .expect({ tasks: [], step: { ok: 2, waiting: 3, "in-flight": 0 }, run: { state: "running" } });
  given([one], [...paused, ok(2, 0), ok(3, 1)])
    .when(ask(4, "resume"))
    .expect({ put: [2, 3], events: [], answer: { matched: 1, refused: undefined } });
});

test("a step that is paused before it begins waits with its body until it is resumed", () => {
  const before = [ask(1, "pause", { step: "all" }), done(2, "first")];
  given([two], [begin(0), ...before])
    .when(ticked(900_000))
    .expect({ tasks: [], steps: { all: { state: "running", main: "waiting" } } });
  given([two], [begin(0), ...before])
    .when(ask(3, "resume", { step: "all" }))
    .expect({ tasks: [{ kind: "split", issue: 1 }], steps: { all: { main: "in-flight" } } });
});

test("what is lost, or is to be tried again, while its run is paused is put when it is resumed", () => {
  const plain = flowPlan([plainPlan("first")]);
  for (const away of [
    lost(2, { step: "first", issue: 1 }),
    queueLost(2),
    done(2, "first", { outcome: "retry-later", delayMs: 5 }),
  ])
    given([plain], [begin(0), ask(1, "pause"), away, ticked(70_000)])
      .when(ask(70_001, "resume"))
      .expect({ tasks: [{ kind: "step", issue: 2 }] });
});

test("a body that ends while its run is paused counts, and the next step waits", () => {
  given([two], [begin(0), ask(1, "pause")])
    .when(done(2, "first"))
    .expect({
      events: [{ type: "step.ended" }, { type: "step.began", step: "all" }],
      tasks: [],
      steps: { first: { state: "done" }, all: { main: "waiting" } },
    });
});

test("pause and resume answer what they did, and what they could not do", () => {
  given([one], [...split(1), ask(1, "pause", { author: "anna", reason: "bank holiday" })])
    .when(ask(2, "pause"))
    .expect({ answer: { refused: 'run "r" is paused by anna: bank holiday' } });
  given([one], split(1))
    .when(ask(1, "resume"))
    .expect({ answer: { refused: 'run "r" is not paused' } });
  given([one], split(1))
    .when(ask(1, "pause", { step: "lost" }))
    .expect({ answer: { refused: 'run "r" has no step "lost"' } });
  given([two], [begin(0), done(1, "first")])
    .when(ask(2, "pause", { step: "first" }))
    .expect({ answer: { refused: 'step "first" is over' } });
  given([one], [...split(1), ok(1, 0)])
    .when(ask(2, "pause"))
    .expect({ answer: { refused: 'run "r" has ended: it is done' } });
});

test("a paused run can be cancelled, and its pause is forgotten with it", () => {
  const plans = plansOf([one]);
  const all = [...split(3), ask(1, "pause"), ask(1, "pause", { step: "all" }), ask(2, "cancel")];
  const { bench } = play(freshBench(plans), all);
  assert.deepEqual(names(bench.state.pauses.all), []);
  assert.equal(bench.state.runs.get("r")?.state, "cancelled");
});

test("a customer who is paused gets nothing new in any run, one that starts meanwhile included", () => {
  const acme = [begin(0, { customer: "acme" }), page(0, 0, 3), seal(0, 3)];
  given([one], [...acme, askAll(1, "pause", "customer", "acme")])
    .when(ok(2, 0), begin(2, { run: "s", customer: "acme" }), begin(2, { run: "t" }))
    .expect({ tasks: [{ kind: "split", run: "t" }] });
  given([one], [...acme, askAll(1, "pause", "customer", "acme"), ok(2, 0), ok(2, 1)])
    .when(askAll(3, "resume", "customer", "acme"))
    .expect({ put: [2] });
});

test("a customer who was paused after his run had failed gets nothing new by its redrive", () => {
  const failing = flowPlan([fanOutPlan("all", { beyond: "fail" })]);
  const failed = [
    begin(0, { customer: "acme" }),
    page(0, 0, 2),
    seal(0, 2),
    ok(1, 0),
    bad(1, 1, { fatal: true }),
  ];
  const paused = [...failed, askAll(2, "pause", "customer", "acme")];
  given([failing], paused)
    .when(ask(3, "redrive"))
    .expect({ tasks: [], step: { waiting: 1, "in-flight": 0 }, run: { state: "running" } });
  given([failing], [...paused, ask(3, "redrive")])
    .when(askAll(4, "resume", "customer", "acme"))
    .expect({ put: [1] });
});

test("a job that is paused is put nowhere; what is split meanwhile waits", () => {
  given([one], [begin(0), askAll(1, "pause", "job", "work")])
    .when(page(2, 0, 3), seal(2, 3))
    .expect({ tasks: [], step: { waiting: 3 } });
  given([one], [begin(0), askAll(1, "pause", "job", "work"), page(2, 0, 3), seal(2, 3)])
    .when(askAll(3, "resume", "job", "work"))
    .expect({ put: [0, 1] });
});

test("a flow that is paused has bodies, splits and sub-jobs wait in all of its runs, in those that begin later, too", () => {
  const before = [...split(5), askAll(1, "pause", "flow", "f")];
  given([one], before)
    .when(ok(2, 0), ok(2, 1), begin(3, { run: "s" }))
    .expect({ tasks: [], step: { ok: 2, waiting: 3 } });
  given([one], [...before, ok(2, 0), ok(2, 1), begin(3, { run: "s" })])
    .when(askAll(4, "resume", "flow", "f"))
    .expect({ put: [2, 3], tasks: [{ kind: "split", run: "s" }, { kind: "slice" }] });
  given([one], [begin(0), askAll(1, "pause", "flow", "g")])
    .when(page(2, 0, 1))
    .expect({ put: [0] });
});

test("a queue that is paused gets nothing: of a step whose split goes through another, the sub-jobs wait", () => {
  const mail = flowPlan([
    plainPlan("first", { queue: "mail" }),
    fanOutPlan("all", { job: { queue: "mail" } }),
  ]);
  given([mail], [askAll(0, "pause", "queue", "mail")])
    .when(begin(1))
    .expect({ tasks: [], steps: { first: { main: "waiting" } } });
  const paused = [begin(0), askAll(1, "pause", "queue", "mail"), done(2, "first")];
  given([mail], paused.slice(0, 2))
    .when(done(2, "first"))
    .expect({ tasks: [{ kind: "split" }] });
  given([mail], paused)
    .when(page(3, 0, 2))
    .expect({ tasks: [], steps: { all: { waiting: 2 } } });
  given([mail], [...paused, page(3, 0, 2)])
    .when(askAll(4, "resume", "queue", "mail"))
    .expect({ put: [0, 1] });
});

test("seeds 103, 201: a queue that holds up the split only is said to pause the step, as long as it does", () => {
  const step = fanOutPlan("all", { queue: "lists", job: { queue: "mail" } });
  const lists: Pause = { of: "queue", name: "lists", at: 1 };
  const mail: Pause = { of: "queue", name: "mail", at: 2 };
  const all = new Map([lists, mail].map((pause) => [pauseKey(pause), pause]));
  const run = { id: "r", flow: "f" };
  assert.deepEqual(pausesOf(all, run, step, false), [mail, lists]);
  assert.deepEqual(pausesOf(all, run, step, true), [mail]);
  assert.deepEqual(pausesOf(all, run, plainPlan("all", { queue: "lists" }), false), [lists]);
});

test("what one partition was told twice, late, or in another order comes to the same", () => {
  const acme = { of: "customer", name: "acme", at: 1 } as const;
  const work = { of: "job", name: "work", at: 2 } as const;
  const first = told(1, 3, [acme]);
  const second = told(2, 7, [work]);
  for (const order of [[first, second], [second, first], [second, second, first], [second]]) {
    const { bench } = play(freshBench(plansOf([one])), order);
    assert.deepEqual(names(bench.state.pauses.all), [pauseKey(work)]);
    assert.equal(bench.state.pauses.version, 7);
  }
});

test("only the first partition decides for all, each request once, and numbers what it decided", () => {
  const plans = plansOf([one]);
  const pause = askAll(1, "pause", "job", "work");
  const first = play(freshBench(plans), [pause, pause, askAll(2, "resume", "job", "other")]).bench;
  const { version, answers } = first.state.pauses;
  assert.equal(version, 1);
  assert.deepEqual(
    answers.map(({ matched, refused }) => [matched, refused]),
    [
      [1, undefined],
      [0, 'job "other" is not paused'],
    ],
  );
  const other = { ...freshBench(plans), state: { ...freshBench(plans).state, partition: 1 } };
  assert.equal(play(other, [pause]).bench.state.pauses.all.size, 0);
});

test("so many things may be paused at once, and no more", () => {
  const many = Array.from({ length: limits.pauses + 1 }, (_, n) =>
    askAll(n, "pause", "customer", `c${n}`),
  );
  const { bench } = play(freshBench(plansOf([one])), many);
  assert.equal(bench.state.pauses.all.size, limits.pauses);
  assert.match(bench.state.pauses.answers.at(-1)?.refused ?? "", /^1000 things are paused/);
});

test("a pause that makes no sense is passed over", () => {
  for (const strange of [
    { type: "pause-all.asked", of: "planet", name: "x", request: "q" },
    { type: "pause-all.asked", of: "job", request: "q" },
    { type: "pauses.told", version: -1, pauses: [] },
    { type: "pauses.told", version: 1, pauses: [null] },
  ]) {
    const event = strange as unknown as InputEvent;
    const { bench } = play(freshBench(plansOf([one])), [{ at: 1, event }]);
    assert.equal(bench.state.pauses.all.size, 0);
  }
});
