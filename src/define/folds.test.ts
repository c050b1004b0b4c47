import assert from "node:assert/strict";
import { test } from "node:test";
import { type Accumulators, addToFolds, foldsValue, mergeFolds, startFolds } from "../core/fold.ts";
import { type FoldChoice, foldPlan, type Folds } from "./folds.ts";

type Item = { readonly country: string; readonly cents: number };

const items: readonly Item[] = [
  { country: "de", cents: 100 },
  { country: "at", cents: 300 },
  { country: "de", cents: 200 },
];

function folded(choose: (folds: Folds<Item>) => FoldChoice): unknown {
  const plan = foldPlan(choose, 'fold of step "x"');
  const [a, b] = [startFolds(plan), startFolds(plan)];
  items.forEach((item, index) => addToFolds(plan, index % 2 === 0 ? a : b, item, index));
  return foldsValue(plan, mergeFolds(plan, a, b));
}

test("one fold's value stands alone", () => {
  assert.equal(
    folded((f) => f.sum((i) => i.cents)),
    600,
  );
});

test("several folds have their values by name", () => {
  const value = folded((f) => ({
    sent: f.count(),
    large: f.count((i) => i.cents > 150),
    cents: f.sum((i) => i.cents),
    least: f.min((i) => i.cents),
    last: f.max((i) => i.country),
    biggest: f.top(2, (i) => i.cents),
    names: f.top(
      1,
      (i) => i.cents,
      (i) => i.country,
    ),
    countries: f.countBy((i) => i.country),
    turnover: f.sumBy(
      (i) => i.country,
      (i) => i.cents,
    ),
    first: f.list(1),
    mean: f.custom({
      zero: { n: 0, cents: 0 },
      add: (acc, i) => ({ n: acc.n + 1, cents: acc.cents + i.cents }),
      merge: (x, y) => ({ n: x.n + y.n, cents: x.cents + y.cents }),
    }),
  }));
  assert.deepEqual(value, {
    sent: 3,
    large: 2,
    cents: 600,
    least: 100,
    last: "de",
    biggest: [
      { country: "at", cents: 300 },
      { country: "de", cents: 200 },
    ],
    names: ["at"],
    countries: { at: 1, de: 2 },
    turnover: { at: 300, de: 300 },
    first: [{ country: "de", cents: 100 }],
    mean: { n: 3, cents: 600 },
  });
});

test("what folds keep must be plain JSON", () => {
  const when = (i: Item): unknown => new Date(i.cents);
  assert.throws(() => folded((f) => ({ top: f.top(1, (i) => i.cents, when) })), {
    message:
      'fold "top": what top keeps: expected plain JSON, got a Date; return it as an ISO string',
  });
  assert.throws(
    () => folded((f) => f.custom<unknown>({ zero: 0, add: (_, i) => when(i), merge: (a) => a })),
    {
      message:
        "fold: what add returns: expected plain JSON, got a Date; return it as an ISO string",
    },
  );
  assert.throws(
    () => folded((f) => f.custom<unknown>({ zero: new Map(), add: (a) => a, merge: (a) => a })),
    {
      message: "zero of custom(…): expected plain JSON, got a Map; use Object.fromEntries(map)",
    },
  );
});

test("custom that changes its accumulator in place is an error at once, also after a restart", () => {
  const zero: { readonly seen: Item[] } = { seen: [] };
  const plan = foldPlan<Item>(
    (f) =>
      f.custom({
        zero,
        add({ seen }, item) {
          seen.push(item);
          return { seen };
        },
        merge: (a) => a,
      }),
    "fold",
  );
  const fresh = startFolds(plan);
  const restored: Accumulators = JSON.parse(JSON.stringify(fresh));
  for (const accumulators of [fresh, restored]) {
    assert.throws(() => addToFolds(plan, accumulators, items[0], 0), {
      message: "fold: TypeError: Cannot add property 0, object is not extensible",
    });
    assert.deepEqual(foldsValue(plan, accumulators), { seen: [] });
  }
});

test("custom costs a result what add makes anew, however large the accumulator is", () => {
  let read = 0;
  const drawer = new Proxy<Record<string, number>>(
    Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`name ${n}`, n])),
    {
      getPrototypeOf(target) {
        read += 1;
        return Reflect.getPrototypeOf(target);
      },
    },
  );
  const plan = foldPlan<Item>(
    (f) =>
      f.custom<readonly Record<string, number>[]>({
        zero: [drawer, {}],
        add: (drawers, { cents }) => drawers.with(1, { cents }),
        merge: (a) => a,
      }),
    "fold",
  );
  const accumulators = startFolds(plan);
  const once = read;
  assert.ok(once > 0);
  for (let index = 0; index < 1_000; index++) addToFolds(plan, accumulators, items[0], index);
  assert.equal(read, once);
});

test("what cannot be meant by a fold is refused, with what was expected", () => {
  const lie = <T>(value: unknown): T => value as T; // oxlint-disable-line typescript/no-unsafe-type-assertion, typescript/no-unnecessary-type-parameters -- what a caller without a compiler may do
  const wrong: readonly (readonly [(f: Folds<Item>) => FoldChoice, string])[] = [
    [
      (f) => f.list(lie(undefined)),
      "atMost of list(atMost) must be an integer from 1 to 10000, got undefined",
    ],
    [(f) => f.list(10_001), "atMost of list(atMost) must be an integer from 1 to 10000, got 10001"],
    [(f) => f.top(0, (i) => i.cents), "n of top(n, by) must be an integer from 1 to 10000, got 0"],
    [(f) => f.sum(lie("cents")), 'of in sum(of) must be a function, got "cents"'],
    [
      (f) => f.sumBy((i) => i.country, lie(undefined)),
      "of in sumBy(by, of) must be a function, got undefined",
    ],
    [
      (f) => f.custom({ zero: 0, add: (a) => a, merge: lie(undefined) }),
      "merge of custom(…) must be a function, got undefined",
    ],
    [
      () => lie(undefined),
      'fold of step "x" must return a fold, or folds by name, as in f => ({ sent: f.count() }), got undefined',
    ],
    [
      () => lie({ sent: 3 }),
      '"sent" in fold of step "x" must return a fold, or folds by name, as in f => ({ sent: f.count() }), got 3',
    ],
    [
      () => ({}),
      'fold of step "x" must return a fold, or folds by name, as in f => ({ sent: f.count() }), got an object',
    ],
  ];
  for (const [choose, message] of wrong)
    assert.throws(() => folded(choose), { name: "UsageError", message });
});
