/**
 * Folds: what a fan-out remembers of its results, without keeping them.
 *
 * Partial results are combined in any order, so the rule for every fold here is: any split of the same (index, result)
 * pairs, added in any order and merged in any order, has the same value. That decides the hard parts:
 *
 *   sum      is exact, and rounded once, at the end: floating-point addition is not associative (exact-sum.ts).
 *   top      breaks ties by the lower index.
 *   list     keeps the lowest indices, in index order, however late they come.
 *   min, max order strings by code unit, and numbers before strings: the same everywhere, and total.
 *   countBy  and sumBy fail beyond their bound; to drop keys would depend on who came first.
 *   custom   asks its author for the same, in its merge.
 *
 * Accumulators are plain JSON, because snapshots keep them; they are updated in place, by whoever owns them. A fold has two
 * halves: `pick` runs the user's functions and may throw, but changes nothing; `add` changes the accumulator and cannot throw.
 */
import { UsageError } from "../errors.ts";
import type { Json } from "./event.ts";
import { type ExactSum, addExactly, rounded } from "./exact-sum.ts";
import { comparable, countable, finite, named, summand, tooManyKeys } from "./foldable.ts";
import { limits } from "./limits.ts";
import { firstFrom } from "./sorted.ts";

/** A result as folds see it: null where a job returned nothing, as it is stored. */
export type Result = Json | undefined;

/** One mergeable summary. A is its accumulator, plain JSON; P what `pick` takes from a result for `add`. */
type FoldOf<A, P> = {
  readonly kind: string;
  readonly zero: () => A;
  /** Runs user code; throws what it throws, and changes nothing. */
  readonly pick: (result: Result, acc: A, index: number) => P;
  /** May update acc in place. Cannot throw. */
  readonly add: (acc: A, picked: P, index: number) => A;
  /** A new accumulator; a and b stay as they are. */
  readonly merge: (a: A, b: A) => A;
  readonly value: (acc: A) => Result;
};

/** A fold whose accumulator is its own affair: nobody else looks inside. */
export type Fold = FoldOf<unknown, unknown>;

/** The folds of a step: one, or several by name. Made by `singleFold` and `namedFolds`. */
export type FoldPlan = {
  /** Kinds and names. Accumulators carry it too, so that those of another definition are refused, not misread. */
  readonly shape: string;
  /** Undefined for a single fold, whose value stands alone. */
  readonly names: readonly string[] | undefined;
  readonly folds: readonly Fold[];
};

/** Plain JSON: `{ "shape": "count sent, sum cents", "accs": [3, 2970] }`. Of one owner, and updated in place. */
export type Accumulators = { readonly shape: string; readonly accs: unknown[] };

export function singleFold(fold: Fold): FoldPlan {
  return { shape: fold.kind, names: undefined, folds: [fold] };
}

export function namedFolds(folds: Readonly<Record<string, Fold>>): FoldPlan {
  const entries = Object.entries(folds);
  return {
    shape: entries.map(([name, { kind }]) => `${kind} ${name}`).join(", "),
    names: entries.map(([name]) => name),
    folds: entries.map(([, fold]) => fold),
  };
}

export function startFolds(plan: FoldPlan): Accumulators {
  return { shape: plan.shape, accs: plan.folds.map((fold) => fold.zero()) };
}

/** Room for what the folds of one result pick, before any of it is added: used over and over, so that a result costs no garbage. */
const picked: unknown[] = [];

/**
 * Adds one result, in place. An index must be added once only: that is the ledger's promise.
 *
 * Throws UsageError that names the fold (`fold "cents": expected a finite number, got NaN`); then nothing was changed.
 */
export function addToFolds(plan: FoldPlan, to: Accumulators, result: Result, index: number): void {
  checkShape(plan, to);
  const { folds } = plan;
  const { accs } = to;
  let at = 0;
  try {
    for (; at < folds.length; at++) picked[at] = folds[at]?.pick(result, accs[at], index);
  } catch (cause) {
    throw new UsageError(`${label(plan, at)}: ${said(cause)}`, { cause, details: { index } });
  }
  for (at = 0; at < folds.length; at++) accs[at] = folds[at]?.add(accs[at], picked[at], index);
}

/** New accumulators that hold what both hold; no index may be in both. Throws UsageError that names the fold. */
export function mergeFolds(plan: FoldPlan, a: Accumulators, b: Accumulators): Accumulators {
  checkShape(plan, a);
  checkShape(plan, b);
  const accs = plan.folds.map((fold, at) => {
    try {
      return fold.merge(a.accs[at], b.accs[at]);
    } catch (cause) {
      throw new UsageError(`${label(plan, at)}: ${said(cause)}`, { cause });
    }
  });
  return { shape: plan.shape, accs };
}

/**
 * What the step's `value` is: plain JSON of its own. Undefined where a fold has seen nothing to speak of.
 *
 * Total, as status and join ask for it: undefined also of accumulators that do not fit, see `foldsFit`.
 */
export function foldsValue(plan: FoldPlan, of: Accumulators): Result {
  if (!foldsFit(plan, of)) return undefined;
  const values = plan.folds.map((fold, at) => fold.value(of.accs[at]));
  if (plan.names === undefined) return values[0];
  const entries = plan.names.map((name, at) => [name, values[at]] as const);
  return Object.fromEntries(
    entries.filter((entry): entry is readonly [string, Json] => entry[1] !== undefined),
  );
}

/** False if the flow's folds are not those that the run began with: someone must decide what its value is then. */
export function foldsFit(plan: FoldPlan, accumulators: Accumulators): boolean {
  return plan.shape === accumulators.shape;
}

/** The same in words, also where folds were added or taken away; undefined where all is as it was. */
export function foldsProblem(
  plan: FoldPlan | undefined,
  accumulators: Accumulators | undefined,
): string | undefined {
  if (plan?.shape === accumulators?.shape) return undefined;
  const named = (folds: { readonly shape: string } | undefined): string =>
    folds === undefined ? "no folds" : `"${folds.shape}"`;
  return (
    `the folds changed while the run was under way: it began with ${named(accumulators)}, this program has ${named(plan)}; ` +
    "give the flow that changed a new name, or run the version it began with"
  );
}

function checkShape(plan: FoldPlan, accumulators: Accumulators): void {
  const problem = foldsProblem(plan, accumulators);
  if (problem !== undefined) throw new UsageError(problem);
}

function label({ names }: FoldPlan, at: number): string {
  const name = names?.[at];
  return name === undefined ? "fold" : `fold "${name}"`;
}

function said(cause: unknown): string {
  if (cause instanceof UsageError) return cause.message;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : `threw ${named(cause)}`;
}

// ---- the folds

export function count(where?: (result: Result) => boolean): Fold {
  return erased<number, 0 | 1>({
    kind: "count",
    zero: () => 0,
    pick(result) {
      if (where === undefined) return 1;
      const counts: unknown = where(result);
      if (typeof counts === "boolean") return counts ? 1 : 0;
      throw new UsageError(`expected true or false, got ${named(counts)}`);
    },
    add: (acc, picked) => acc + picked,
    merge: (a, b) => a + b,
    value: (acc) => acc,
  });
}

/** Exact, whatever the order; rounded once. Numbers of up to 2 ** 990. */
export function sum(of: (result: Result) => number): Fold {
  return erased<ExactSum, number>({
    kind: "sum",
    zero: () => 0,
    pick: (result) => summand(of(result)),
    add: addExactly,
    merge: (a, b) => together(copy(a), b),
    value: rounded,
  });
}

export function min(of: (result: Result) => number | string): Fold {
  return extreme("min", of, (a, b) => precedes(a, b));
}

export function max(of: (result: Result) => number | string): Fold {
  return extreme("max", of, (a, b) => precedes(b, a));
}

function extreme(
  kind: "min" | "max",
  of: (result: Result) => number | string,
  beats: (a: number | string, b: number | string) => boolean,
): Fold {
  type Acc = number | string | null;
  const better = (a: Acc, b: Acc): Acc => (a === null || (b !== null && beats(b, a)) ? b : a);
  return erased<Acc, number | string>({
    kind,
    zero: () => null,
    pick: (result) => comparable(of(result)),
    add: better,
    merge: better,
    value: (acc) => acc ?? undefined,
  });
}

/** The n results with the largest `by`, largest first; of equals, those with the lower index. */
export function top(
  n: number,
  by: (result: Result) => number,
  pick: (result: Result) => Result = (result) => result,
): Fold {
  type Entry = readonly [by: number, index: number, item: Json];
  const before = (a: Entry, b: Entry): boolean => (a[0] === b[0] ? a[1] < b[1] : a[0] > b[0]);
  return erased<Entry[], Entry | undefined>({
    kind: "top",
    zero: () => [],
    pick(result, acc, index) {
      const rank = finite(by(result));
      const last = acc.length < n ? undefined : acc.at(-1);
      if (last !== undefined && !before([rank, index, null], last)) return undefined;
      return [rank, index, pick(result) ?? null];
    },
    add: (acc, picked) => (picked === undefined ? acc : insert(acc, picked, before, n)),
    merge: (a, b) => interleave(a, b, before, n),
    value: (acc) => acc.map(([, , item]) => item),
  });
}

/** How many results there are of each kind, by name; see perName. */
export function countBy(by: (result: Result) => string): Fold {
  return perName("countBy", by, () => 1);
}

/** What `of` comes to for each name, exact as `sum` is; see perName. */
export function sumBy(by: (result: Result) => string, of: (result: Result) => number): Fold {
  return perName("sumBy", by, of);
}

/**
 * Sums by name, names in code-unit order, except that an object has those that are whole numbers before all others.
 *
 * At most limits.countByKeys names: whatever has more of them is no summary, and belongs in a table of one's own.
 */
function perName(
  kind: "countBy" | "sumBy",
  by: (result: Result) => string,
  of: (result: Result) => number,
): Fold {
  type Acc = { size: number; readonly sums: Record<string, ExactSum> };
  return erased<Acc, readonly [name: string, summand: number]>({
    kind,
    zero: () => ({ size: 0, sums: {} }),
    pick(result, { size, sums }) {
      const name = countable(by(result));
      if (size >= limits.countByKeys && !Object.hasOwn(sums, name)) throw tooManyKeys();
      return [name, summand(of(result))];
    },
    add(acc, [name, summand]) {
      const sum = Object.hasOwn(acc.sums, name) ? acc.sums[name] : undefined;
      if (sum === undefined) acc.size++;
      acc.sums[name] = addExactly(sum ?? 0, summand);
      return acc;
    },
    merge(a, b) {
      const sums = new Map(Object.entries(a.sums).map(([name, sum]) => [name, copy(sum)]));
      for (const [name, more] of Object.entries(b.sums))
        sums.set(name, together(sums.get(name) ?? 0, more));
      if (sums.size > limits.countByKeys) throw tooManyKeys();
      return { size: sums.size, sums: Object.fromEntries(sums) };
    },
    value: ({ sums }) =>
      Object.fromEntries(
        Object.entries(sums)
          .toSorted(([a], [b]) => (precedes(a, b) ? -1 : 1))
          .map(([name, sum]) => [name, rounded(sum)]),
      ),
  });
}

/** The first results by index, at most so many, in index order. */
export function list(atMost: number): Fold {
  type Entry = readonly [index: number, item: Json];
  const before = (a: Entry, b: Entry): boolean => a[0] < b[0];
  return erased<Entry[], Entry | undefined>({
    kind: "list",
    zero: () => [],
    pick(result, acc, index) {
      const last = acc.length < atMost ? undefined : acc.at(-1);
      return last !== undefined && last[0] < index ? undefined : [index, result ?? null];
    },
    add: (acc, picked) => (picked === undefined ? acc : insert(acc, picked, before, atMost)),
    merge: (a, b) => interleave(a, b, before, atMost),
    value: (acc) => acc.map(([, item]) => item),
  });
}

/**
 * A fold of the user's: `add` and `merge` return a new accumulator, and must not care about order.
 *
 * What they return is kept as it is: whoever lets users in sees to it that it is plain JSON and not changed in place
 * (define/folds.ts).
 */
export function custom(fold: {
  readonly zero: Json;
  readonly add: (acc: Json, result: Result) => Json;
  readonly merge: (a: Json, b: Json) => Json;
}): Fold {
  return erased<Json, Json>({
    kind: "custom",
    zero: () => fold.zero,
    pick: (result, acc) => fold.add(acc, result),
    add: (_, picked) => picked,
    merge: fold.merge,
    value: (acc) => acc,
  });
}

// ---- what they share

function erased<A, P>(fold: FoldOf<A, P>): Fold {
  return fold as Fold; // oxlint-disable-line typescript/no-unsafe-type-assertion -- its accumulators come only from its own zero, add and merge: see checkShape
}

function copy(of: ExactSum): ExactSum {
  return typeof of === "number" ? of : [...of];
}

/** Adds b to a, of which it becomes a part. */
function together(a: ExactSum, b: ExactSum): ExactSum {
  return (typeof b === "number" ? [b] : b).reduce<ExactSum>(addExactly, a);
}

function insert<T>(into: T[], entry: T, before: (a: T, b: T) => boolean, most: number): T[] {
  const last = into.at(-1);
  if (last === undefined || before(last, entry)) into.push(entry); // Most come in order.
  else
    into.splice(
      firstFrom(into, (other) => before(other, entry)),
      0,
      entry,
    );
  if (into.length > most) into.pop();
  return into;
}

function interleave<T>(
  a: readonly T[],
  b: readonly T[],
  before: (a: T, b: T) => boolean,
  most: number,
): T[] {
  return [...a, ...b].toSorted((x, y) => (before(x, y) ? -1 : 1)).slice(0, most);
}

/** Numbers before strings; strings by code unit, whatever the locale. */
function precedes(a: number | string, b: number | string): boolean {
  return typeof a === typeof b ? a < b : typeof a === "number";
}
