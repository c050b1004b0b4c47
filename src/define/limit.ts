/** A limit that several jobs share: it holds for all of their sub-jobs together, in all runs. */
import type { SharedLimit } from "../core/plan.ts";
import type { LimitPlan } from "../core/throttle.ts";
import { UsageError } from "../errors.ts";
import { rateOf, type RateText } from "./duration.ts";
import { between, callable, named } from "./work.ts";

/** `I` is what the items must have for its key. */
export interface Limit<in I = unknown> {
  readonly kind: "limit";
  readonly name: string;
  readonly plan: SharedLimit;
  /** For the compiler only; never there. */
  readonly "~takes"?: (item: I) => void;
}

export interface LimitDefinition<I> extends Limited {
  /**
   * It holds for each key by itself: a mail host, a tenant. Asked once, when the item is split off; undefined: the item is not limited by
   * it. At most one limit of a job may have a key.
   */
  readonly key?: (item: I) => string | undefined;
}

export interface Limited {
  /** How many may run at once. */
  readonly concurrency?: number;
  /** How many may be begun per time: "50/s", "1000/h". */
  readonly rate?: RateText;
}

/** Defines a limit; jobs name it in their `limits`. Throws UsageError for what cannot be meant. */
export function limit<I = unknown>(
  name: string,
  { key, ...limited }: LimitDefinition<I>,
): Limit<I> {
  const what = `limit "${named(name, "name of a limit")}"`;
  const plan = limitPlan(limited, what);
  if (plan === undefined)
    throw new UsageError(`${what} limits nothing: give it concurrency, rate, or both`);
  const byKey =
    key === undefined ? {} : { key: callable(key, `key of ${what}`) as SharedLimit["key"] & {} }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- jobs take it only where their items fit
  return { kind: "limit", name, plan: { name, ...plan, ...byKey } };
}

/** Undefined where nothing is limited. Throws UsageError. */
export function limitPlan({ concurrency, rate }: Limited, what: string): LimitPlan | undefined {
  if (concurrency === undefined && rate === undefined) return undefined;
  if (concurrency !== undefined)
    between(concurrency, 1, Number.MAX_SAFE_INTEGER, `concurrency of ${what}`);
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate: rateOf(rate, `rate of ${what}`) }),
  };
}
