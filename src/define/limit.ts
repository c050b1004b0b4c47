/** A limit that several jobs share: it holds for all of their sub-jobs together, in all runs. */
import type { LimitPlan } from "../core/throttle.ts";
import { UsageError } from "../errors.ts";
import { rateOf, type RateText } from "./duration.ts";
import { between, named } from "./work.ts";

export interface Limit {
  readonly kind: "limit";
  readonly name: string;
  readonly plan: LimitPlan;
}

export interface LimitDefinition {
  /** How many may run at once. */
  readonly concurrency?: number;
  /** How many may be begun per time: "50/s", "1000/h". */
  readonly rate?: RateText;
}

/** Defines a limit; jobs name it in their `limits`. Throws UsageError for what cannot be meant. */
export function limit(name: string, definition: LimitDefinition): Limit {
  const what = `limit "${named(name, "name of a limit")}"`;
  const plan = limitPlan(definition, what);
  if (plan === undefined)
    throw new UsageError(`${what} limits nothing: give it concurrency, rate, or both`);
  return { kind: "limit", name, plan };
}

/** Undefined where nothing is limited. Throws UsageError. */
export function limitPlan(
  { concurrency, rate }: LimitDefinition,
  what: string,
): LimitPlan | undefined {
  if (concurrency === undefined && rate === undefined) return undefined;
  if (concurrency !== undefined)
    between(concurrency, 1, Number.MAX_SAFE_INTEGER, `concurrency of ${what}`);
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rate === undefined ? {} : { rate: rateOf(rate, `rate of ${what}`) }),
  };
}
