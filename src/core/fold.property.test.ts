/** The one property of folds: any split of the same (index, result) pairs, in any order, has the same value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "./event.ts";
import { addExactly, type ExactSum, largestSummand, rounded } from "./exact-sum.ts";
import * as f from "./fold.ts";

type Item = { readonly n: number; readonly name: string };
type Pair = readonly [index: number, item: Item];

const n = (result: f.Result): number => item(result).n;
const name = (result: f.Result): string => item(result).name;

function item(result: f.Result): Item {
  return result as Item; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the arbitrary below makes nothing else
}

const plan = f.namedFolds({
  count: f.count(),
  some: f.count((result) => n(result) > 0),
  sum: f.sum(n),
  min: f.min(n),
  max: f.max(name),
  either: f.min((result) => (n(result) > 0 ? n(result) : name(result))),
  top: f.top(3, n, name),
  ties: f.top(4, (result) => Math.sign(n(result))),
  countBy: f.countBy(name),
  sumBy: f.sumBy(name, n),
  list: f.list(4),
  custom: f.custom({
    zero: { n: 0, longest: "" },
    add: (acc, result) => joinCustom(acc, { n: 1, longest: name(result) }),
    merge: joinCustom,
  }),
});

function joinCustom(a: Json, b: Json): Json {
  const [x, y] = [a, b] as { n: number; longest: string }[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the zero above and what this returns
  assert.ok(x !== undefined && y !== undefined);
  return { n: x.n + y.n, longest: x.longest > y.longest ? x.longest : y.longest };
}

const numbers = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  fc.double({ noNaN: true, min: -largestSummand, max: largestSummand }),
  fc.constantFrom(0.1, 0.2, 0.3, 2 ** 53, -(2 ** 53), 1e100, -1e100, 5e-324, -0),
);

/** Pairs with distinct indices, in no order, and where each goes: into one of several parts. */
const pairs = fc.array(
  fc.record({
    index: fc.nat({ max: 1_000 }),
    part: fc.nat({ max: 4 }),
    item: fc.record({ n: numbers, name: fc.constantFrom("", "a", "b", "ä", "Z", "10", "9", "😀") }),
  }),
  { maxLength: 40 },
);

function added(some: readonly Pair[]): f.Accumulators {
  const accumulators = f.startFolds(plan);
  for (const [index, result] of some) f.addToFolds(plan, accumulators, result, index);
  return accumulators;
}

test("any split of the same results, added and merged in any order, has the same value", () => {
  fc.assert(
    fc.property(pairs, fc.infiniteStream(fc.boolean()), (drawn, coin) => {
      const unique = [...new Map(drawn.map((entry) => [entry.index, entry])).values()];
      const inOrder = unique
        .toSorted((a, b) => a.index - b.index)
        .map((e): Pair => [e.index, e.item]);
      const expected = f.foldsValue(plan, added(inOrder));

      const parts = [0, 1, 2, 3, 4].map((part) =>
        added(unique.filter((e) => e.part === part).map((e): Pair => [e.index, e.item])),
      );
      while (parts.length > 1) {
        const [a, b, ...rest] = parts;
        assert.ok(a !== undefined && b !== undefined);
        const merged = coin.next().value ? f.mergeFolds(plan, a, b) : f.mergeFolds(plan, b, a);
        // Through a snapshot, and to either end of the line, so that the tree of merges has any shape.
        const kept: f.Accumulators = JSON.parse(JSON.stringify(merged));
        parts.splice(0, parts.length, ...(coin.next().value ? [kept, ...rest] : [...rest, kept]));
      }
      const [whole] = parts;
      assert.ok(whole !== undefined);
      assert.equal(JSON.stringify(f.foldsValue(plan, whole)), JSON.stringify(expected));
    }),
    { numRuns: 400 },
  );
});

test("a sum is the exact sum, rounded to the nearest number", () => {
  fc.assert(
    fc.property(fc.array(numbers, { maxLength: 60 }), (summands) => {
      assert.equal(rounded(summands.reduce<ExactSum>(addExactly, 0)), exactly(summands));
    }),
    { numRuns: 1_000 },
  );
});

test("sums by name are the exact sums of what has that name", () => {
  fc.assert(
    fc.property(pairs, (drawn) => {
      const single = f.singleFold(f.sumBy(name, n));
      const accumulators = f.startFolds(single);
      drawn.forEach((entry, index) => f.addToFolds(single, accumulators, entry.item, index));
      const names = [...new Set(drawn.map((entry) => entry.item.name))].toSorted();
      const expected = names.map((one) => [
        one,
        exactly(drawn.filter((entry) => entry.item.name === one).map((entry) => entry.item.n)),
      ]);
      assert.deepEqual(f.foldsValue(single, accumulators), Object.fromEntries(expected));
    }),
    { numRuns: 400 },
  );
});

test("an expansion of like numbers stays a handful of parts", () => {
  const prices = fc.double({ noNaN: true, min: -1e9, max: 1e9, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.array(prices.map((price) => Math.round(price) / 7)), (summands) => {
      const sum = summands.reduce<ExactSum>(addExactly, 0);
      assert.ok(typeof sum === "number" || sum.length <= 6);
    }),
  );
});

/** The oracle: the sum in whole units of 2 ** -1074, the smallest number there is, and back. */
function exactly(summands: readonly number[]): number {
  const units = summands.reduce((sum, summand) => sum + unitsOf(summand), 0n);
  const size = units < 0n ? -units : units;
  const drop = BigInt(Math.max(0, size.toString(2).length - 64));
  const sticky = (size >> drop) << drop === size ? 0n : 1n;
  const value = Number((size >> drop) | sticky) * 2 ** (Number(drop) - 1_074);
  return units < 0n ? -value : value;
}

function unitsOf(number: number): bigint {
  const bits = new BigUint64Array(Float64Array.of(number).buffer)[0] ?? 0n;
  const exponent = (bits >> 52n) & 0x7ffn;
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const size = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
  return bits >> 63n === 1n ? -size : size;
}
