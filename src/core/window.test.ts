import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, given, indicesOf, plansOf, play, type At } from "../contract/decider.ts";
import {
  ask,
  bad,
  begin,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  plainPlan,
  seal,
  seen,
  settled,
  split,
  ticked,
} from "../contract/events.ts";
import { bucketOf } from "./histogram.ts";
import type { SliceTask, Task } from "./task.ts";

const fan = flowPlan([fanOutPlan("all")]);
const limited = flowPlan([fanOutPlan("all", { concurrency: 3 })]);

/** A run with so many sub-jobs. */
function running(run: string, size: number, more: object = {}): readonly At[] {
  return [begin(0, { run, ...more }), page(0, 0, size, { run }), seal(0, size, { run })];
}

function isSlice(task: Task): task is SliceTask {
  return task.kind === "slice";
}

/**
 * What a worker with this many slots works on in so many turns: it finishes the slice that is out for longest, and what is
 * put for it goes behind the others. Returns how many sub-jobs of each run it finished.
 */
function worked(
  starts: readonly At[],
  turns: number,
  { slots = 2, flow = fan, late = [] as readonly At[] } = {},
): Readonly<Record<string, number>> {
  let bench = freshBench(plansOf([flow]));
  const queue: SliceTask[] = [];
  const finished: Record<string, number> = {};
  const step = (batch: readonly At[]): void => {
    const next = play(bench, batch);
    bench = next.bench;
    queue.push(...next.decided.tasks.filter(isSlice));
  };
  step([seen(0, slots), ...starts]);
  for (let turn = 0; turn < turns; turn += 1) {
    if (turn === 10 && late.length > 0) step(late);
    const task = queue.shift();
    if (task === undefined) break;
    finished[task.run] = (finished[task.run] ?? 0) + task.count;
    step([settled(1, { run: task.run, ok: [task.from, task.count, 1] })]);
  }
  return finished;
}

test("two runs take turns, also where the window has room for one at a time", () => {
  const { a = 0, b = 0 } = worked([...running("a", 500), ...running("b", 500)], 100);
  assert.ok(Math.abs(a - b) <= 8, `a: ${a}, b: ${b}`);
});

test("many runs take turns", () => {
  const runs = Array.from({ length: 10 }, (_, n) => `run${n}`);
  const counts = Object.values(
    worked(
      runs.flatMap((run) => running(run, 500)),
      300,
    ),
  );
  assert.equal(counts.length, 10);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 8, counts.join(", "));
});

test("customers take turns, however many runs each of them has", () => {
  const ofAnn = ["a1", "a2", "a3"].flatMap((run) => running(run, 500, { customer: "ann" }));
  const ofBob = running("b", 500, { customer: "bob" });
  const { a1 = 0, a2 = 0, a3 = 0, b = 0 } = worked([...ofAnn, ...ofBob], 200);
  assert.ok(Math.abs(a1 + a2 + a3 - b) <= 8, `ann: ${a1} + ${a2} + ${a3}, bob: ${b}`);
});

test("priorities share 8 : 4 : 2 : 1, and none is starved", () => {
  const priorities = ["low", "normal", "high", "urgent"] as const;
  const starts = priorities.flatMap((priority) => running(priority, 5_000, { priority }));
  const { low = 0, normal = 0, high = 0, urgent = 0 } = worked(starts, 600);
  const all = low + normal + high + urgent;
  const shares = [urgent, high, normal, low].map((count) => Math.round((count * 15) / all));
  assert.deepEqual(shares, [8, 4, 2, 1]);
});

test("an urgent run that comes late does not wait behind a large one", () => {
  const late = running("b", 500, { priority: "urgent" });
  const { a = 0, b = 0 } = worked(running("a", 5_000), 60, { late });
  assert.ok(b > a - 40, `a: ${a}, b: ${b}`);
});

test("a low run alone has all there is", () => {
  const { low } = worked(running("low", 100, { priority: "low" }), 1_000);
  assert.equal(low, 100);
});

test("no more of a run is out than its step allows", () => {
  given([limited], [begin(0)])
    .when(page(0, 0, 10))
    .expect({ put: [0, 1, 2], step: { "in-flight": 3, waiting: 7 } });
  given([limited], [begin(0), page(0, 0, 10)])
    .when(settled(1, { ok: [0, 2, 1] }))
    .expect({ put: [3, 4] });
  assert.deepEqual(worked(running("a", 100), 1_000, { flow: limited }), { a: 100 });
});

test("what waits for its retry leaves room for others", () => {
  given([limited], [begin(0), page(0, 0, 10)])
    .when(bad(1, 0), bad(1, 1))
    .expect({ put: [3, 4], step: { retrying: 2, "in-flight": 3 } });
});

test("the window is twice the slots while nothing is known of the work", () => {
  given([fan], [seen(0, 10), begin(0)])
    .when(page(0, 0, 1_000))
    .expect({ step: { "in-flight": 20, waiting: 980 } });
});

test("the window is small while no worker has been seen", () => {
  given([fan], [begin(0)])
    .when(page(0, 0, 1_000))
    .expect({ step: { "in-flight": 128 } });
});

test("when workers come, the window grows at once", () => {
  given([fan], [begin(0), page(0, 0, 1_000)])
    .when(seen(1, 100))
    .expect({ step: { "in-flight": 200 } });
});

test("when workers go, nothing more is put than the others can take", () => {
  const two = [seen(0, 10), seen(0, 100, { worker: "v" })];
  given([fan], [...two, begin(0), page(0, 0, 1_000)])
    .when({ at: 1, event: { type: "worker.gone", worker: "v" } }, settled(2, { ok: [0, 100, 1] }))
    .expect({ put: [], step: { "in-flight": 120 } });
});

test("a worker that was not seen again does not count for ever", () => {
  given([fan], [seen(0, 100), seen(80_000, 1, { worker: "v" }), begin(80_000)])
    .when(page(80_000, 0, 1_000))
    .expect({ step: { "in-flight": 2 } });
});

test("workers of another queue do not count", () => {
  given([fan], [seen(0, 100, { queues: ["slow"] }), seen(0, 1, { worker: "v" }), begin(0)])
    .when(page(0, 0, 1_000))
    .expect({ step: { "in-flight": 2 } });
});

/** Sizes of the slices that a page is put into, with this estimate of a sub-job's duration. */
function sizes(estimateMs: number | undefined, size: number, slots: number): readonly number[] {
  const job = estimateMs === undefined ? {} : { estimateMs };
  const plans = plansOf([flowPlan([fanOutPlan("all", { job })])]);
  const { decided } = play(freshBench(plans), [seen(0, slots), begin(0), page(0, 0, size)]);
  return decided.tasks.filter(isSlice).map(({ count }) => count);
}

test("where a sub-job takes a minute, each travels alone", () => {
  assert.deepEqual([...new Set(sizes(60_000, 100, 10))], [1]);
});

test("where it takes microseconds, hundreds travel together", () => {
  assert.equal(Math.max(...sizes(0.01, 1_000, 10)), 512);
});

/** The slices that a step of 100 is put into for four workers with four slots each, when a sub-job takes this long. */
function sharedOut(estimateMs: number): readonly number[] {
  const plans = plansOf([flowPlan([fanOutPlan("all", { job: { estimateMs } })])]);
  const workers = ["u", "v", "w", "x"].map((worker) => seen(0, 4, { worker }));
  const { decided } = play(freshBench(plans), [...workers, ...split(100)]);
  assert.equal(indicesOf(decided.tasks).length, 100);
  return decided.tasks.filter(isSlice).map(({ count }) => count);
}

test("the end of a step is shared out, so that no worker waits for another's slice", () => {
  const counts = sharedOut(1);
  assert.ok(Math.max(...counts) <= 7, counts.join(", "));
  assert.ok(counts.at(-1) === 4, counts.join(", "));
});

test("the last slices of all that waits say so, and those of a run beside which another waits do not", () => {
  const plans = plansOf([flowPlan([fanOutPlan("all", { job: { estimateMs: 60 } })])]);
  const workers = ["u", "v", "w", "x"].map((worker) => seen(0, 4, { worker }));
  /** How many sub-jobs come after the first that is one of the last, that one included. */
  const lastOf = (starts: readonly At[], those = workers): number => {
    const { decided } = play(freshBench(plans), [...those, ...starts]);
    const last = decided.tasks.filter(isSlice).filter((task) => task.last === true);
    return last.reduce((sum, { count }) => sum + count, 0);
  };
  const left = lastOf(split(100)); // 16 slots do 32 in 120 ms.
  assert.ok(left >= 32 && left < 40, `${left}`);
  assert.equal(lastOf(split(300)), 0); // The window holds 144.
  assert.equal(lastOf(split(100), [seen(0, 16)]), 0);
  const beside = [...running("a", 100), ...running("b", 300)];
  assert.equal(lastOf(beside), 0);
});

test("what a worker does in a millisecond is not shared out: handing it out takes as long", () => {
  assert.deepEqual(sharedOut(0.01), [100]);
});

test("one worker gets the end of a step in one piece", () => {
  const plans = plansOf([flowPlan([fanOutPlan("all", { job: { estimateMs: 0.01 } })])]);
  const { decided } = play(freshBench(plans), [seen(0, 4), ...split(100)]);
  assert.deepEqual(
    decided.tasks.filter(isSlice).map(({ count }) => count),
    [100],
  );
});

test("how long a job takes is known from the runs before", () => {
  const { bench } = play(freshBench(plansOf([fan])), [
    seen(0, 4),
    ...running("first", 4),
    settled(1, { run: "first", ok: [0, 4, 1], took: { us: 40, histogram: [bucketOf(10), 4] } }),
  ]);
  const { decided } = play(bench, running("second", 100));
  assert.deepEqual(
    decided.tasks.filter(isSlice).map(({ count }) => count),
    [100],
  );
});

test("a lane that ran empty comes back with new work", () => {
  given([fan], [begin(0), page(0, 0, 2), settled(1, { ok: [0, 2, 1] })])
    .when(page(2, 2, 2))
    .expect({ put: [2, 3] });
  given([fan], [begin(0), page(0, 0, 2), settled(1, { ok: [1, 1, 1] }), bad(1, 0)])
    .when(ticked(1_001))
    .expect({ put: [0] });
});

test("C42 a held run puts nothing, and goes on where it was when it is redriven", () => {
  const error = { name: "Error", message: "no luck" };
  const fails = { type: "step.settled", run: "r", step: "all", generation: 1 } as const;
  const splitFailed: At = {
    at: 1,
    event: { ...fails, issue: 1, outcome: "failed", fatal: true, error, ms: 1 },
  };
  given([limited], [begin(0), page(0, 0, 10), splitFailed])
    .when(settled(2, { ok: [0, 3, 1] }))
    .expect({ put: [], run: { state: "held" } });
  given([limited], [begin(0), page(0, 0, 10), splitFailed, settled(2, { ok: [0, 3, 1] })])
    .when(ask(3, "redrive"))
    .expect({ put: [3, 4, 5] });
});

test("a queue of its own has a window of its own", () => {
  const slow = flowPlan([fanOutPlan("all", { job: { queue: "slow" } })], { name: "slow" });
  const other = { run: "other", flow: "slow" };
  given([fan, slow], [begin(0), page(0, 0, 1_000), begin(1, other)])
    .when(page(1, 0, 3, other))
    .expect({ put: [0, 1, 2] });
});

test("what ends makes room for who waits", () => {
  const then = flowPlan([fanOutPlan("all"), plainPlan("last")]);
  const other = { run: "other" };
  given([then], [begin(0), page(0, 0, 500), begin(1, other), page(1, 0, 3, other)])
    .when(ask(2, "cancel"))
    .expect({ put: [0, 1, 2] });
  given([then], [begin(0), page(0, 0, 500), begin(1, other), page(1, 0, 3, other)])
    .when(ask(2, "close"), ok(3, 0))
    .expect({ put: [0, 1, 2], run: { step: "last" } });
});
