import type { Cost, JobPlan } from "../core/plan.ts";
import type { Ctx } from "./ctx.ts";
import { UsageError } from "../errors.ts";
import { type Duration, positiveMs, shown, type RateText } from "./duration.ts";
import type { MustStore, MustStoreInput, Stored } from "./json.ts";
import { limitPlan, type Limit } from "./limit.ts";
import { checkSchema, type Schema, type SchemaInput, type SchemaOutput } from "./schema.ts";
import { callable, type Kept, named, retentionPlan, type Work, workPlan } from "./work.ts";

export type Awaitable<T> = T | Promise<T>;

/** The work of one sub-job, as data: numbers for the core, functions for the workers. */
export interface Job<N extends string = string, I = unknown, R = unknown> {
  readonly kind: "job";
  readonly name: N;
  readonly plan: JobPlan;
  /** Takes what is stored; what it makes of that is what `run` gets. */
  readonly input: Schema<I>;
  readonly run: (input: unknown, ctx: Ctx) => unknown;
  /** For the compiler only; never there. */
  readonly "~types"?: { readonly input: I; readonly result: R };
}

/** What one sub-job of it is given, as it is stored. */
export type JobInput<J extends Job> = NonNullable<J["~types"]>["input"];
export type JobResult<J extends Job> = NonNullable<J["~types"]>["result"];

export interface JobDefinition<S extends Schema, R> extends Work, Kept {
  /** What one sub-job is given: plain JSON on the way in, whatever the schema makes of it in `run`. */
  readonly input: S & MustStoreInput<SchemaInput<S>>;
  /** Runs once per attempt, top to bottom. Returns plain JSON. */
  readonly run: ((input: SchemaOutput<S>, ctx: Ctx) => Awaitable<R>) & MustStore<R>;
  /** How many of it may run at once, in all runs together. No limit but the workers' if left out. */
  readonly concurrency?: number;
  /** How many of it may be begun per time, in all runs together: "50/s", "1000/h". */
  readonly rate?: RateText;
  /** Limits that it shares with other jobs, by key or not; all of them hold at once, beside its own. */
  readonly limits?: readonly Limit<SchemaInput<S>>[];
  /** How long one takes, as far as you know: seeds sizes and forecasts before anything has run. */
  readonly estimate?: Duration;
  /** What a slot costs while it works: statistics and plans say what runs cost. */
  readonly cost?: Cost;
  /**
   * Properties of inputs and results that are not shown: "email", "address.street". Hidden in log lines, error messages, records,
   * exports and folded values; stored as they are.
   */
  readonly redact?: readonly string[];
}

/** Defines the work of a sub-job. Throws UsageError for what cannot be meant. */
export function job<const N extends string, S extends Schema, R>(
  name: N,
  definition: JobDefinition<S, R>,
): Job<N, SchemaInput<S>, Stored<Awaited<R>>> {
  const what = `job "${named(name, "name of a job")}"`;
  checkSchema(definition.input, `input of ${what}`);
  callable(definition.run, `run of ${what}`);
  const { cost, estimate, redact } = definition;
  const estimateMs =
    estimate === undefined ? {} : { estimateMs: positiveMs(estimate, `estimate of ${what}`) };
  return {
    kind: "job",
    name,
    plan: {
      name,
      ...workPlan(definition, what),
      ...estimateMs,
      ...limitsOf(definition, what),
      ...retentionPlan(definition, what),
      ...(cost === undefined ? {} : { cost: checkCost(cost, what) }),
      ...(redact === undefined ? {} : { redact: checkRedact(redact, what) }),
    },
    input: definition.input,
    run: definition.run,
  };
}

function limitsOf<I>(
  {
    limits = [],
    ...own
  }: Pick<JobDefinition<Schema<I>, unknown>, "limits" | "concurrency" | "rate">,
  what: string,
): Pick<JobPlan, "limit" | "limits"> {
  const plan = limitPlan(own, what);
  if (!Array.isArray(limits) || !limits.every(isLimit))
    throw new UsageError(
      `limits of ${what} must be a list of what limit(…) returned, got ${shown(limits)}`,
    );
  if (new Set(limits.map(({ name }) => name)).size < limits.length)
    throw new UsageError(`limits of ${what} has one of them twice`);
  if (limits.filter(({ plan: { key } }) => key !== undefined).length > 1)
    throw new UsageError(
      `limits of ${what} has more than one with a key: make them one, whose key names both`,
    );
  return {
    ...(plan === undefined ? {} : { limit: plan }),
    ...(limits.length === 0 ? {} : { limits: limits.map(({ plan }) => plan) }),
  };
}

function isLimit(value: unknown): value is Limit {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "limit";
}

function checkCost({ perHour, currency }: Cost, what: string): Cost {
  const isPrice = typeof perHour === "number" && perHour >= 0 && perHour < Infinity;
  if (isPrice && typeof currency === "string" && /^[A-Z]{3}$/.test(currency))
    return { perHour, currency };
  throw new UsageError(
    `cost of ${what} must be { perHour, currency: "EUR" }, got ${shown({ perHour, currency })}`,
  );
}

function checkRedact(paths: readonly string[], what: string): readonly string[] {
  const isPath = (path: unknown): boolean =>
    typeof path === "string" && path.split(".").every((name) => name !== "");
  if (Array.isArray(paths) && paths.every(isPath)) return [...paths];
  throw new UsageError(
    `redact of ${what} must be a list of properties such as "email" or "address.street", got ${shown(paths)}`,
  );
}
