import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import type { Json } from "./event.ts";
import * as f from "./fold.ts";
import { limits } from "./limits.ts";

const number = (result: f.Result): number => Number(result);
const text = (result: f.Result): string => String(result);

/** The value after these results, in this order, at indices 0, 1, 2 … */
function folded(fold: f.Fold, results: readonly f.Result[]): f.Result {
  const plan = f.singleFold(fold);
  const accumulators = f.startFolds(plan);
  results.forEach((result, index) => f.addToFolds(plan, accumulators, result, index));
  return f.foldsValue(plan, accumulators);
}

function refusal(message: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, message);
    return true;
  };
}

test("count counts all results, or those that are wanted", () => {
  assert.equal(folded(f.count(), [1, null, undefined]), 3);
  assert.equal(
    folded(
      f.count((n) => number(n) > 1),
      [1, 2, 3],
    ),
    2,
  );
  assert.equal(folded(f.count(), []), 0);
});

test("sum is exact and rounded once", () => {
  assert.equal(folded(f.sum(number), [0.1, 0.2, 0.3]), 0.6);
  assert.equal(folded(f.sum(number), [1e100, 1, -1e100]), 1);
  assert.equal(folded(f.sum(number), [2 ** 53 - 1, 1, 1, -2]), 2 ** 53 - 1);
  assert.equal(folded(f.sum(number), [2 ** 52, 0.5, 0.5]), 2 ** 52 + 1);
  assert.equal(folded(f.sum(number), [1, -1, 0.5, -0.5]), 0);
});

test("sum rounds a half by what lies below it", () => {
  assert.equal(folded(f.sum(number), [2 ** 53, 1, 2 ** -60]), 2 ** 53 + 2);
  assert.equal(folded(f.sum(number), [2 ** 53, 1, -(2 ** -60)]), 2 ** 53);
  assert.equal(folded(f.sum(number), [2 ** 53, 1]), 2 ** 53);
});

test("min and max are undefined until there is something", () => {
  assert.equal(folded(f.min(number), []), undefined);
  assert.equal(folded(f.min(number), [3, -1, 2]), -1);
  assert.equal(folded(f.max(number), [-3, -1, -2]), -1);
});

test("zero has no sign, as in a snapshot", () => {
  for (const fold of [f.min(number), f.max(number), f.sum(number)])
    assert.ok(Object.is(folded(fold, [-0]), 0));
});

test("min and max order strings by code unit, and numbers before strings", () => {
  const own = (result: f.Result): string | number =>
    typeof result === "number" ? result : text(result);
  assert.equal(folded(f.min(text), ["b", "Z", "ä"]), "Z");
  assert.equal(folded(f.max(text), ["b", "Z", "ä"]), "ä");
  assert.equal(folded(f.min(own), ["0", 7]), 7);
  assert.equal(folded(f.max(own), ["0", 7]), "0");
});

test("top keeps the largest, largest first, and of equals the earlier ones", () => {
  const results = [
    ["a", 1],
    ["b", 3],
    ["c", 3],
    ["d", 2],
    ["e", 3],
  ];
  const by = (result: f.Result): number => (Array.isArray(result) ? Number(result[1]) : 0);
  const name = (result: f.Result): Json => (Array.isArray(result) ? String(result[0]) : "");
  assert.deepEqual(folded(f.top(2, by, name), results), ["b", "c"]);
  assert.deepEqual(folded(f.top(9, by, name), results), ["b", "c", "e", "d", "a"]);
  assert.deepEqual(folded(f.top(1, by), results), [["b", 3]]);
});

test("top asks what to keep only of what it keeps", () => {
  let asked = 0;
  const keep = (result: f.Result): f.Result => {
    asked++;
    return result;
  };
  folded(f.top(2, number, keep), [5, 4, 3, 2, 1]);
  assert.equal(asked, 2);
});

test("list keeps the lowest indices in index order, however they come", () => {
  const plan = f.singleFold(f.list(3));
  const accumulators = f.startFolds(plan);
  for (const index of [4, 2, 9, 0, 3]) f.addToFolds(plan, accumulators, `item ${index}`, index);
  assert.deepEqual(f.foldsValue(plan, accumulators), ["item 0", "item 2", "item 3"]);
});

test("countBy counts by key, in the order of the keys", () => {
  const value = folded(f.countBy(text), ["de", "at", "de", "constructor"]);
  assert.equal(JSON.stringify(value), '{"at":1,"constructor":1,"de":2}');
});

test("sumBy adds up by name, exactly, in the order of the names", () => {
  const tenth = (result: f.Result): number => number(result) / 10;
  const parity = (result: f.Result): string => (number(result) % 2 === 0 ? "even" : "constructor");
  const value = folded(f.sumBy(parity, tenth), [1, 2, 3, 4, 5, 6]);
  assert.equal(JSON.stringify(value), '{"constructor":0.9,"even":1.2}');
  assert.deepEqual(folded(f.sumBy(parity, tenth), []), {});
});

for (const [kind, byName] of [
  ["countBy", f.countBy(text)],
  ["sumBy", f.sumBy(text, () => 0.1)],
] as const)
  test(`${kind} fails beyond its bound, alone and in a merge, and changes nothing`, () => {
    const plan = f.singleFold(byName);
    const full = f.startFolds(plan);
    for (let n = 0; n < limits.countByKeys; n++) f.addToFolds(plan, full, n, n);
    const expected = refusal(
      "fold: expected at most 10000 different keys; count by something coarser",
    );
    assert.throws(() => f.addToFolds(plan, full, "one more", 10_000), expected);
    f.addToFolds(plan, full, 7, 10_001); // A known key still fits.
    const other = f.startFolds(plan);
    f.addToFolds(plan, other, "another", 10_002);
    assert.throws(() => f.mergeFolds(plan, full, other), expected);
    assert.equal(Object.keys(f.foldsValue(plan, full) ?? {}).length, limits.countByKeys);
  });

test("custom adds and merges as its author says", () => {
  const longest = f.custom({
    zero: "",
    add: (acc, result) => (text(result).length > String(acc).length ? text(result) : acc),
    merge: (a, b) => (String(a).length >= String(b).length ? a : b),
  });
  assert.equal(folded(longest, ["a", "ccc", "bb"]), "ccc");
});

const named = f.namedFolds({ sent: f.count(), cents: f.sum(number), most: f.max(number) });

test("several folds give a value by name; one that saw nothing is left out", () => {
  const accumulators = f.startFolds(named);
  assert.deepEqual(f.foldsValue(named, accumulators), { sent: 0, cents: 0 });
  f.addToFolds(named, accumulators, 990, 0);
  assert.deepEqual(f.foldsValue(named, accumulators), { sent: 1, cents: 990, most: 990 });
});

test("a fold that throws is named, and no fold has changed", () => {
  const accumulators = f.startFolds(named);
  f.addToFolds(named, accumulators, 1, 0);
  const before = JSON.stringify(accumulators);
  assert.throws(
    () => f.addToFolds(named, accumulators, "x", 1),
    refusal('fold "cents": expected a finite number, got NaN'),
  );
  assert.equal(JSON.stringify(accumulators), before);
});

test("what a user's function throws is said, and kept as the cause", () => {
  const cause = new RangeError("no cents");
  const plan = f.namedFolds({
    cents: f.sum(() => {
      throw cause;
    }),
  });
  assert.throws(
    () => f.addToFolds(plan, f.startFolds(plan), 1, 0),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, 'fold "cents": RangeError: no cents');
      assert.equal(error.cause, cause);
      return true;
    },
  );
});

test("what a fold cannot take is refused in words", () => {
  const lie =
    <T>(value: unknown) =>
    (): T =>
      value as T; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what a caller without a compiler may do
  for (const [fold, expected] of [
    [f.sum(lie("3")), 'expected a finite number, got "3"'],
    [f.sum(lie(Infinity)), "expected a finite number, got Infinity"],
    [f.sum(lie(2 ** 991)), `expected a number of at most 2 ** 990, got ${2 ** 991}`],
    [f.min(lie(NaN)), "expected a finite number or a string, got NaN"],
    [f.max(lie([])), "expected a finite number or a string, got an array"],
    [f.max(lie("x".repeat(2_000))), "expected at most 1024 characters, got 2000"],
    [f.top(1, lie(undefined)), "expected a finite number, got undefined"],
    [f.countBy(lie(3)), 'expected a string (not "__proto__"), got 3'],
    [f.countBy(lie("__proto__")), 'expected a string (not "__proto__"), got "__proto__"'],
    [f.sumBy(lie(3), number), 'expected a string (not "__proto__"), got 3'],
    [f.sumBy(text, lie("3")), 'expected a finite number, got "3"'],
    [f.count(lie(Promise.resolve(true))), "expected true or false, got an object"],
  ] as const) {
    assert.throws(() => folded(fold, [1]), refusal(`fold: ${expected}`));
  }
});

test("accumulators of other folds are refused, not misread", () => {
  const before = f.startFolds(f.namedFolds({ cents: f.sum(number) }));
  const now = f.namedFolds({ cents: f.max(number) });
  assert.ok(!f.foldsFit(now, before));
  assert.equal(f.foldsValue(now, before), undefined);
  assert.throws(
    () => f.addToFolds(now, before, 1, 0),
    /it began with "sum cents", this program has "max cents"/,
  );
});

test("merging leaves both parts as they were", () => {
  const plan = f.namedFolds({
    top: f.top(2, number),
    by: f.countBy(text),
    sumBy: f.sumBy((result) => (number(result) < 3 ? "low" : "high"), number),
    sum: f.sum(number),
    list: f.list(2),
  });
  const [a, b] = [f.startFolds(plan), f.startFolds(plan)];
  [0.5, 2, 3].forEach((n, index) => f.addToFolds(plan, a, n, index));
  [9, 0.25].forEach((n, index) => f.addToFolds(plan, b, n, index + 3));
  const before = JSON.stringify([a, b]);
  const merged = f.mergeFolds(plan, a, b);
  f.addToFolds(plan, merged, 100, 5);
  assert.equal(JSON.stringify([a, b]), before);
  assert.deepEqual(f.foldsValue(plan, merged), {
    top: [100, 9],
    by: { "0.25": 1, "0.5": 1, "2": 1, "3": 1, "9": 1, "100": 1 },
    sumBy: { high: 112, low: 2.75 },
    sum: 114.75,
    list: [0.5, 2],
  });
});
