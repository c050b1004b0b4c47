/** The menu of folds, typed by what the job returns. How they fold is core/fold.ts. */
import * as core from "../core/fold.ts";
import { limits } from "../core/limits.ts";
import { UsageError } from "../errors.ts";
import { plainJson, type MustStore, type Stored } from "./json.ts";
import { sound } from "./sound.ts";
import { shown } from "./duration.ts";
import { between, callable, named } from "./work.ts";

/** A fold, and to the compiler what comes of it. */
export interface Fold<V = unknown> extends core.Fold {
  /** For the compiler only; never there. */
  readonly "~types"?: { readonly value: V };
}

/** What `fold: f => …` may return: one fold, or several by name. */
export type FoldChoice = Fold | Readonly<Record<string, Fold>>;

export type Folded<F> =
  F extends Fold<infer V>
    ? V
    : F extends Readonly<Record<string, Fold>>
      ? { -readonly [K in keyof F]: F[K] extends Fold<infer V> ? V : never }
      : undefined;

/** Mergeable summaries of results, in constant or bounded memory; the same value in whatever order results come. */
export interface Folds<Item> {
  /** How many results there are, or how many of them `where` says true of. */
  count(where?: (item: Item) => boolean): Fold<number>;
  /** Exact: no rounding on the way, whatever the order. */
  sum(of: (item: Item) => number): Fold<number>;
  /** Undefined if there is no result. Strings by code unit. */
  min<T extends number | string>(of: (item: Item) => T): Fold<T | undefined>;
  max<T extends number | string>(of: (item: Item) => T): Fold<T | undefined>;
  /** The n items with the largest `by`, largest first; `pick` says what to keep of them. At most 10,000. */
  top(n: number, by: (item: Item) => number): Fold<Item[]>;
  top<T>(
    n: number,
    by: (item: Item) => number,
    pick: ((item: Item) => T) & MustStore<T>,
  ): Fold<Stored<T>[]>;
  /** How many items there are of each kind. At most 10,000 kinds. */
  countBy(by: (item: Item) => string): Fold<Record<string, number>>;
  /** What `of` comes to for each name, exact as `sum` is. At most 10,000 names. */
  sumBy(by: (item: Item) => string, of: (item: Item) => number): Fold<Record<string, number>>;
  /** The first so many items, in the order of the split. At most 10,000: more belong in a file or table of your own. */
  list(atMost: number): Fold<Item[]>;
  /**
   * Your own. `add` and `merge` return a new accumulator, plain JSON, and must not care about order. Both are checked: what
   * was seen before is frozen, and only what is new is gone through, so a large accumulator is best made of parts of which
   * `add` replaces a few.
   */
  custom<A>(fold: {
    readonly zero: A & MustStore<A>;
    readonly add: (acc: A, item: Item) => NoInfer<A>;
    readonly merge: (a: A, b: A) => NoInfer<A>;
  }): Fold<A>;
}

type Menu = Pick<
  typeof core,
  "count" | "sum" | "min" | "max" | "top" | "countBy" | "sumBy" | "list" | "custom"
>;

/** Checks what is asked for; the core sees results as the plain JSON they are. */
const menu: Menu = {
  count: core.count,
  sum: (of) => core.sum(callable(of, "of in sum(of)")),
  min: (of) => core.min(callable(of, "of in min(of)")),
  max: (of) => core.max(callable(of, "of in max(of)")),
  top(n, by, pick) {
    between(n, 1, limits.listItems, "n of top(n, by)");
    callable(by, "by in top(n, by)");
    return core.top(n, by, pick && ((item) => plain(pick(item), "what top keeps")));
  },
  countBy: (by) => core.countBy(callable(by, "by in countBy(by)")),
  sumBy: (by, of) =>
    core.sumBy(callable(by, "by in sumBy(by, of)"), callable(of, "of in sumBy(by, of)")),
  list(atMost) {
    between(atMost, 1, limits.listItems, "atMost of list(atMost)");
    return core.list(atMost);
  },
  custom({ zero, add, merge }) {
    callable(add, "add of custom(…)");
    callable(merge, "merge of custom(…)");
    return core.custom({
      zero: sound(zero, "zero of custom(…)"),
      add: (acc, item) => sound(add(sound(acc, kept), item), "what add returns"),
      merge: (a, b) => sound(merge(sound(a, kept), sound(b, kept)), "what merge returns"),
    });
  },
};

/** Frozen too, after a restart: it comes from a snapshot then, and was no one's yet. */
const kept = "what was kept of custom(…)";

/** Asks the user's `fold` for its choice. Throws UsageError that begins with `what`: the step, in words. */
export function foldPlan<Item>(
  choose: (folds: Folds<Item>) => FoldChoice | undefined,
  what: string,
): core.FoldPlan {
  const choice: unknown = callable(choose, what)(menu as Folds<unknown> as Folds<Item>); // oxlint-disable-line typescript/no-unsafe-type-assertion -- Folds<Item> is how the compiler sees the menu: results have no other type at run time
  if (isFold(choice)) return core.singleFold(choice);
  if (typeof choice !== "object" || choice === null) throw noChoice(what, choice);
  const folds: Record<string, core.Fold> = {};
  for (const [name, fold] of Object.entries(choice)) {
    if (!isFold(fold)) throw noChoice(`"${name}" in ${what}`, fold);
    folds[named(name, `name of a fold in ${what}`)] = fold;
  }
  if (Object.keys(folds).length === 0) throw noChoice(what, choice);
  return core.namedFolds(folds);
}

function noChoice(what: string, got: unknown): UsageError {
  return new UsageError(
    `${what} must return a fold, or folds by name, as in f => ({ sent: f.count() }), got ${shown(got)}`,
  );
}

function isFold(value: unknown): value is core.Fold {
  return (
    typeof value === "object" &&
    value !== null &&
    "merge" in value &&
    typeof value.merge === "function"
  );
}

function plain<T>(value: T, what: string): T {
  plainJson(value, what);
  return value;
}
