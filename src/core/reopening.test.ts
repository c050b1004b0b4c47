/** A cancel taken back: what it cancelled is open again, what came of it meanwhile counts no more, and the run goes on where it was. */
import { test } from "node:test";
import { given, type At } from "../contract/decider.ts";
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

const tolerant = fanOutPlan("all", { tolerate: { count: 1 }, concurrency: 2 });
const fan = flowPlan([tolerant, plainPlan("last")]);
const fatal = { fatal: true } as const;

/** Two at once; of six, one is ok, one has failed, two are out. */
const cancelled: readonly At[] = [
  ...split(6),
  ok(1, 0),
  bad(1, 1, fatal),
  ask(2, "cancel", { reason: "a mistake" }),
];

test("what was out is put again under another number, what was never put comes as it would have", () => {
  given([fan], cancelled).expect({ run: { state: "cancelled" }, step: { cancelled: 4, ok: 1 } });
  given([fan], cancelled)
    .when(ask(3, "reopen"))
    .expect({
      events: [{ type: "run.resumed", step: "all" }],
      tasks: [
        {
          again: [
            { index: 2, issue: 2, attempt: 1 },
            { index: 3, issue: 2, attempt: 1 },
          ],
        },
      ],
      run: { state: "running", endedAt: undefined, because: undefined },
      step: { state: "running", generation: 2, ok: 1, failed: 1, waiting: 2, "in-flight": 2 },
      answer: { matched: 4 },
    });
  given([fan], [...cancelled, ask(3, "reopen")])
    .when(ok(4, 2, { issue: 2 }), ok(4, 3, { issue: 2 }))
    .expect({
      tasks: [
        { from: 4, count: 1 },
        { from: 5, count: 1 },
      ],
    });
});

test("it joins once, with all there is, and goes on; what failed before is failed still", () => {
  given([fan], [...cancelled, ask(3, "reopen")])
    .when(settled(4, { ok: [2, 2, 2] }), settled(5, { ok: [4, 2, 1] }))
    .expect({
      step: { total: 6, ok: 5, failed: 1, cancelled: 0 },
      steps: { last: { state: "running" } },
    });
});

test("of what was out when it was cancelled, a success counts still, a failure no more", () => {
  given([fan], cancelled)
    .when(ok(3, 2))
    .expect({ step: { ok: 1, cancelled: 4, late: 1 } });
  given([fan], [...cancelled, ask(3, "reopen")])
    .when(ok(4, 2), bad(4, 3, fatal))
    .expect({ step: { ok: 2, failed: 1, stale: 1 } });
});

test("a split that was not over is run again, and its sub-jobs are not done twice", () => {
  const early = [begin(0), page(0, 0, 3), ok(1, 0), ask(2, "cancel")];
  given([fan], early)
    .when(ask(3, "reopen"))
    .expect({
      tasks: [
        { kind: "split", issue: 2, size: 3 },
        {
          again: [
            { index: 1, issue: 2, attempt: 1 },
            { index: 2, issue: 2, attempt: 1 },
          ],
        },
      ],
      step: { total: undefined },
      answer: { matched: 3 },
    });
  given([fan], [...early, ask(3, "reopen")])
    .when(page(4, 3, 1, { issue: 2 }), seal(5, 4, { issue: 2 }))
    .expect({ step: { total: 4, state: "running" } });
});

test("the body of a plain step is run again; what the cancelled attempt says counts no more", () => {
  const plain = flowPlan([plainPlan("all"), plainPlan("last")]);
  const before = [begin(0), ask(1, "cancel"), ask(2, "reopen")];
  given([plain], before.slice(0, 2))
    .when(ask(2, "reopen"))
    .expect({ tasks: [{ kind: "step", issue: 2 }], answer: { matched: 1 } });
  given([plain], before)
    .when(done(3, "all", { issue: 1 }))
    .expect({ step: { state: "running", stale: 1 } });
  given([plain], before)
    .when(done(3, "all", { issue: 2, generation: 2 }))
    .expect({ step: { state: "done" } });
});

test("a run that was held for its failures is held again, and can be redriven then", () => {
  const strict = flowPlan([fanOutPlan("all")]);
  const held = [...split(2), ok(1, 0), bad(1, 1, fatal), ask(2, "cancel")];
  given([strict], held)
    .when(ask(3, "redrive"))
    .expect({ answer: { refused: 'run "r" was cancelled: reopen it first' } });
  given([strict], held)
    .when(ask(3, "reopen"))
    .expect({
      events: [{ type: "run.resumed" }, { type: "run.held" }],
      tasks: [],
      run: { state: "held" },
    });
});

test("what a redrive left behind in a later step is open again, too, and waits for its step", () => {
  const two = flowPlan([
    fanOutPlan("all", { tolerate: { count: 1 } }),
    fanOutPlan("more", { concurrency: 1 }),
  ]);
  const of = { step: "more" } as const;
  const before = [
    ...split(2),
    ok(1, 0),
    bad(1, 1, fatal),
    page(2, 0, 2, of),
    seal(2, 2, of),
    ask(3, "redrive", { step: "all" }),
    ask(4, "cancel"),
  ];
  given([two], before).expect({ steps: { more: { state: "cancelled", cancelled: 2 } } });
  given([two], before)
    .when(ask(5, "reopen"))
    .expect({
      answer: { matched: 3 },
      put: [1],
      steps: { all: { state: "running" }, more: { state: "waiting", waiting: 2, cancelled: 0 } },
    });
});

test("it is refused where it was not cancelled, had not begun, or a deadline would cancel it again", () => {
  given([fan], split(2))
    .when(ask(1, "reopen"))
    .expect({ answer: { refused: 'run "r" is not cancelled: it is running' } });
  given([fan], [begin(0, { beginAt: 9_000 }), ask(1, "cancel")])
    .when(ask(2, "reopen"))
    .expect({
      answer: { refused: 'run "r" was cancelled before it began: start it under another id' },
    });
  const strict = flowPlan([fanOutPlan("all")], { deadlineMs: 1_000, atDeadline: "cancel" });
  given([strict], [...split(2), ask(1, "cancel")])
    .when(ask(2_000, "reopen"))
    .expect({
      run: { state: "cancelled" },
      answer: {
        refused:
          'run "r" would be cancelled again at once: its deadline passed at 1970-01-01T00:00:01.000Z; start it under another id',
      },
    });
  // Said once, a deadline is over.
  given([strict], [...split(2), ticked(1_500)]).expect({ run: { state: "cancelled" } });
  given([strict], [...split(2), ticked(1_500), ask(2_000, "reopen")])
    .when(ticked(3_000))
    .expect({ run: { state: "running" } });
});
