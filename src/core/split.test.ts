import { test } from "node:test";
import { given } from "../contract/decider.ts";
import {
  bad,
  begin,
  done,
  fanOutPlan,
  flowPlan,
  lost,
  lostAt,
  ok,
  page,
  seal,
  ticked,
} from "../contract/events.ts";

const fan = flowPlan([fanOutPlan("all")]);
const failed = { outcome: "failed", error: { name: "Error", message: "no luck" } } as const;

test("a fan-out begins with its split", () => {
  given([fan], [])
    .when(begin(0))
    .expect({ tasks: [{ kind: "split", step: "all", issue: 1, attempt: 1, size: 0 }] });
});

test("C03 sub-jobs go out with the first page, before the seal", () => {
  given([fan], [begin(0)])
    .when(page(1, 0, 3))
    .expect({ put: [0, 1, 2], step: { size: 3, total: undefined, "in-flight": 3 } });
});

test("a slice says on which pages its items are", () => {
  given([fan], [begin(0)])
    .when(page(1, 0, 2), page(1, 2, 2))
    .expect({
      tasks: [
        { kind: "slice", from: 0, count: 2, pages: [0, 1] },
        { kind: "slice", from: 2, count: 2, pages: [2, 2] },
      ],
    });
});

test("a page that comes twice is one page", () => {
  given([fan], [begin(0), page(1, 0, 3)])
    .when(page(2, 0, 3))
    .expect({ tasks: [], step: { size: 3, stale: 1 } });
});

test("a page that leaves a gap changes nothing", () => {
  given([fan], [begin(0), page(1, 0, 3)])
    .when(page(2, 4, 3))
    .expect({ tasks: [], step: { size: 3, stale: 1 } });
});

test("I5 pages and seals of an older try of the split change nothing", () => {
  given([fan], [begin(0), page(1, 0, 3), done(2, "all", failed), ticked(1_002)])
    .when(page(1_003, 3, 3), seal(1_003, 3), page(1_004, 3, 1, { issue: 2 }))
    .expect({ put: [3], step: { size: 4, total: undefined, stale: 2 } });
});

test("C11 a page after the seal changes nothing", () => {
  given([fan], [begin(0), page(1, 0, 3), seal(2, 3)])
    .when(page(3, 3, 3))
    .expect({ tasks: [], step: { size: 3, total: 3, stale: 1 } });
});

test("a second seal changes nothing", () => {
  given([fan], [begin(0), page(1, 0, 3), seal(2, 3)])
    .when(seal(3, 3), ok(4, 0), ok(4, 1), ok(4, 2))
    .expect({ step: { total: 3, stale: 1 }, run: { state: "done" } });
});

test("a seal that has not seen all pages changes nothing", () => {
  given([fan], [begin(0), page(1, 0, 3)])
    .when(seal(2, 5))
    .expect({ step: { total: undefined, stale: 1 } });
});

test("C04 a split that died goes on where it was, with its cursor", () => {
  given([fan], [begin(0), page(1, 0, 3, { cursor: "page 2" }), page(2, 3, 2, { cursor: "page 3" })])
    .when(lost(3, { issue: 1, kind: "split" }))
    .expect({ tasks: [{ kind: "split", issue: 2, size: 5, cursor: "page 3" }] });
});

test("C04 a split that died before its first page begins anew", () => {
  given([fan], [begin(0)])
    .when(lost(3, { issue: 1, kind: "split" }))
    .expect({ tasks: [{ kind: "split", issue: 2, size: 0, cursor: undefined }] });
});

test("C05 a split that nobody works at any more is put again, counted from its last page", () => {
  given([fan], [begin(0), page(30_000, 0, 1), ok(30_001, 0), ticked(lostAt)])
    .when(ticked(30_000 + lostAt - 1), ticked(30_000 + lostAt))
    .expect({ tasks: [{ kind: "split", issue: 2, size: 1 }] });
});

test("keys that the split left out are counted", () => {
  given([fan], [begin(0), page(1, 0, 3, { duplicates: 2 })])
    .when(seal(2, 3, { duplicates: 1 }))
    .expect({ step: { duplicateKeys: 3 } });
});

test("a split that failed for good holds the run, and what it found so far is worked on", () => {
  given([fan], [begin(0), page(1, 0, 2)])
    .when(done(2, "all", { ...failed, fatal: true }), ok(3, 0))
    .expect({
      events: [{ type: "run.held", step: "all", because: "the split of all failed: no luck" }],
      run: { state: "held" },
      step: { state: "held", ok: 1, "in-flight": 1 },
    });
});

test("a split that failed for good fails the run where its step says so", () => {
  given([flowPlan([fanOutPlan("all", { beyond: "fail" })])], [begin(0)])
    .when(done(2, "all", { ...failed, fatal: true }))
    .expect({ run: { state: "failed", because: "step all failed: no luck" } });
});

test("C43 a split that takes its worker down ten times holds the run", () => {
  const die = (issue: number) => lost(issue, { issue, kind: "split" });
  given([fan], [begin(0), ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(die)])
    .when(die(10))
    .expect({
      tasks: [],
      run: {
        state: "held",
        because: "the split of all failed: its worker vanished 10 times while it ran",
      },
    });
});

test("C04 a page that was full before the cursor moved keeps the cursor", () => {
  const full = [page(1, 0, 3, { cursor: "page 2" }), page(2, 3, 2)];
  given([fan], [begin(0), ...full])
    .when(lost(3, { issue: 1, kind: "split" }))
    .expect({ tasks: [{ kind: "split", issue: 2, size: 5, cursor: "page 2" }] });
});

test("C12 a page without items moves the cursor, and is no place to look for items", () => {
  given([fan], [begin(0), page(1, 0, 1), page(2, 1, 0, { cursor: "on" })])
    .when(page(3, 1, 1), lost(4, { subJobs: [0, 2, 1] }))
    .expect({
      tasks: [
        { kind: "slice", from: 1, count: 1, pages: [1, 3] },
        { kind: "slice", count: 2, pages: [0, 1, 1, 3] },
      ],
      step: { size: 2, cursor: "on" },
    });
});

test("only its seal ends a split: that it went well does not", () => {
  given([fan], [begin(0), page(1, 0, 1), done(2, "all"), done(3, "all"), done(4, "all")])
    .when(seal(5, 1), ok(6, 0))
    .expect({ step: { stale: 3, total: 1 }, run: { state: "done" } });
});

test("a slice names the pages that it needs, and no other", () => {
  const one = flowPlan([fanOutPlan("all", { concurrency: 1 })]);
  const pages = [page(1, 0, 1), page(2, 1, 2), page(3, 3, 1)];
  given([one], [begin(0), ...pages])
    .when(ok(4, 0), ok(5, 1), ok(6, 2))
    .expect({ tasks: [{ pages: [1, 2] }, { pages: [1, 2] }, { pages: [3, 3] }] });
});

test("a split that asked to be tried later is not tried when a sub-job is", () => {
  const later = { outcome: "retry-later", delayMs: 5_000 } as const;
  given([fan], [begin(0), page(0, 0, 1), bad(1, 0), done(2, "all", later)])
    .when(ticked(1_001), ticked(5_002))
    .expect({ tasks: [{ kind: "slice" }, { kind: "split", issue: 2, attempt: 1, size: 1 }] });
});
