import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, plansOf, play, type At, type Bench } from "../contract/decider.ts";
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
} from "../contract/events.ts";

const retentionMs = 1_000;
const fan = flowPlan([fanOutPlan("all"), plainPlan("last")]);
const plans = plansOf([fan]);

function expired(at: number, more: { readonly flow?: string } = {}): At {
  return { at, event: { type: "run.expired", run: "r", flow: "f", retentionMs, ...more } };
}

/** Ended at 10, with two sub-jobs. */
const ended = [...split(2), ok(3, 0), ok(4, 1), done(10, "last")];

function after(events: readonly At[]): Bench {
  return events.reduce((bench, event) => play(bench, [event]).bench, freshBench(plans));
}

/** Kinds of what the store has of runs. */
function keptIn({ store }: Bench): readonly string[] {
  return [...new Set([...store.keys()].filter((key) => key.includes("/r")).map(kindOf))].toSorted();
}

const kindOf = (key: string): string => key.split("/")[0] ?? "";
const all = ["directory", "index", "page", "run", "step"];

test("a run that has ended leaves when its retention is over by the log's time, with all that is kept of it", () => {
  const bench = after(ended);
  assert.deepEqual(keptIn(bench), all);
  assert.deepEqual(play(bench, [expired(1_009)]).decided.events, []);
  assert.deepEqual(keptIn(bench), all);
  const { offset } = bench;
  const { decided } = play({ ...bench, offset: offset + 1 }, [expired(1_010)]);
  assert.deepEqual(decided.events, [{ type: "run.removed", run: "r", flow: "f", by: offset + 1 }]);
  assert.deepEqual(keptIn(bench), []);
  assert.equal(bench.state.runs.has("r"), false);
});

const underWay: readonly (readonly [what: string, events: readonly At[]])[] = [
  ["waits to begin", [begin(0, { beginAt: 1e12 })]],
  ["is being split", [begin(0), page(1, 0, 2)]],
  ["has sub-jobs in flight", split(2)],
  ["is held", [...split(2), bad(3, 0, { fatal: true }), ok(4, 1)]],
  ["is between its steps", [...split(2), ok(3, 0), ok(4, 1)]],
  [
    "was redriven after its end",
    [...split(2), bad(3, 0, { fatal: true }), ok(4, 1), ask(5, "release"), done(6, "last")].concat(
      ask(7, "redrive", { step: "all" }),
    ),
  ],
];
for (const [what, events] of underWay)
  test(`C39 C57 a run that ${what} is kept, however long that takes`, () => {
    const bench = after(events);
    const before = keptIn(bench);
    const { decided } = play(bench, [expired(1e11)]);
    assert.deepEqual(
      decided.events.filter(({ type }) => type === "run.removed"),
      [],
    );
    assert.deepEqual(keptIn(bench), before);
    assert.ok(bench.state.runs.has("r"));
  });

test("C81 a step that was over long ago stays as long as its run", () => {
  const flow = flowPlan([fanOutPlan("all"), fanOutPlan("more")]);
  const open = split(2).concat(ok(3, 0), ok(4, 1), page(5, 0, 1, { step: "more" }));
  let bench = freshBench(plansOf([flow]));
  for (const event of open) ({ bench } = play(bench, [event]));
  const before = [...bench.store.keys()].toSorted();
  ({ bench } = play(bench, [expired(1e11)]));
  assert.ok(before.includes("page/r/all/00000000"));
  assert.deepEqual([...bench.store.keys()].toSorted(), before);
});

test("a run of another flow under the same id is not meant", () => {
  const bench = after(ended);
  play(bench, [expired(1e6, { flow: "g" })]);
  assert.deepEqual(keptIn(bench), all);
});

test("a large run leaves in portions; meanwhile nobody finds it, and who starts under its id waits", () => {
  let bench = after(ended);
  const removed: number[] = [];
  for (let next: At | undefined = expired(2_000); next !== undefined;) {
    const before = bench.store.size;
    const played = play(bench, [next, begin(2_000), ask(2_000, "redrive")], 2);
    bench = played.bench;
    removed.push(before - bench.store.size);
    assert.equal(bench.state.runs.has("r"), bench.state.leaving.size === 0);
    const [first, second] = played.decided.events;
    next = first?.type === "run.expired" ? { at: 2_001, event: first } : undefined;
    if (next === undefined) assert.equal(first?.type, "run.removed");
    else assert.equal(second?.type, "run.started");
  }
  assert.ok(Math.max(...removed) <= 3 && removed.length > 2, `${removed.join()} records`);
  const run: unknown = JSON.parse(String(bench.store.get("run/r")));
  assert.equal(Reflect.get(Object(run), "state"), "running");
});

test("in one batch a run ends, leaves, and another of its id begins: only what is of that one is stored", () => {
  const bench = after(split(2));
  const batch = [
    ok(3, 0),
    ok(4, 1),
    done(10, "last"),
    expired(2_000),
    begin(2_000),
    seal(2_000, 2),
  ];
  const { decided } = play(bench, batch);
  const types = decided.events.map(({ type }) => type);
  assert.deepEqual(types.slice(types.indexOf("run.ended")), [
    "run.ended",
    "run.removed",
    "run.began",
    "step.began",
  ]);
  assert.deepEqual(keptIn(bench), ["live", "run", "step"]);
});
