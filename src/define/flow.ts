import type { Joined } from "../core/join.ts";
import type { FanOutPlan, FlowPlan, StepPlan } from "../core/plan.ts";
import type { Json, Priority } from "../core/event.ts";
import { UsageError } from "../errors.ts";
import type { Ctx } from "./ctx.ts";
import { type Duration, type Percent, shown, tolerance } from "./duration.ts";
import { type FoldChoice, type Folded, foldPlan, type Folds } from "./folds.ts";
import type { Awaitable, Job, JobInput, JobResult } from "./job.ts";
import type { Bad, MustStore, MustStoreInput, Stored } from "./json.ts";
import { checkSchema, type Schema, type SchemaInput, type SchemaOutput } from "./schema.ts";
import {
  between,
  callable,
  type Due,
  duePlan,
  named,
  oneOf,
  type Work,
  workPlan,
  type Kept,
  retentionPlan,
} from "./work.ts";

export type { FailureGroup } from "../core/failures.ts";
export type { Joined } from "../core/join.ts";

// ---- what the program sees

/** A flow as data: a plan for the core, and the functions for the workers, in the order of the chain. */
export interface Flow<N extends string = string, I = unknown, S = unknown, R = unknown> {
  readonly kind: "flow";
  readonly name: N;
  readonly plan: FlowPlan;
  /** Takes what is stored; what it makes of that is `input` in every step. */
  readonly input: Schema<I>;
  /** Parallel to plan.steps. */
  readonly steps: readonly FlowStep[];
  /** For the compiler only; never there. */
  readonly "~types"?: { readonly input: I; readonly state: S; readonly result: R };
}

/** `input`, and the results of the steps so far by name. */
export type State = Readonly<Record<string, unknown>>;

export type PlainStep = {
  readonly kind: "step";
  readonly name: string;
  readonly run: (state: State, ctx: Ctx) => unknown;
};

export type FanOutStep = {
  readonly kind: "fan-out";
  readonly name: string;
  readonly job: Job;
  /** A function that returns the items, or pages: `typeof over === "function"` tells. */
  readonly over: ((state: State, ctx: Ctx) => unknown) | Pages<State, unknown>;
  readonly key: (item: unknown) => string;
};

export type FlowStep = PlainStep | FanOutStep;

// ---- what the user writes

type Flat<T> = { [K in keyof T]: T[K] } & {};

type Fresh<N extends string, S> = N extends "input"
  ? Bad<"'input' is reserved">
  : N extends keyof S
    ? Bad<`this flow already has a step called '${N}'`>
    : N;

type Add<S, N extends string, R> = S & { readonly [K in N]: R };

/** Names of the steps of a run whose state is S. */
export type StepName<S> = Exclude<keyof S & string, "input">;

/** What `over` returns: an array, a generator, or an async generator, which is streamed. */
export type Items<I> = Iterable<I> | AsyncIterable<I>;

/** One page of items; `next` is where the page after it begins, plain JSON. No `next`: this was the last. */
export interface Page<I, C extends Json = Json> {
  readonly items: Iterable<I>;
  readonly next?: C | undefined;
}

/** A source that resumes exactly: made by `paged`. */
export interface Pages<S, I> {
  readonly kind: "pages";
  page(state: S, cursor: Json | undefined, ctx: Ctx): Awaitable<Page<I>>;
}

/**
 * For `over`: reads the items page by page, so that a split that died resumes at the page it was at.
 *
 *   over: paged(({ input }, cursor: number | undefined) => db.customersAfter(input.month, cursor ?? 0))
 *
 * A plain generator starts over instead, and skips the keys that are known. Empty pages are fine.
 */
export function paged<S, I, C extends Json>(
  page: (state: S, cursor: C | undefined, ctx: Ctx) => Awaitable<Page<I, C>>,
): Pages<S, I> {
  callable(page, "page of paged(page)");
  return { kind: "pages", page };
}

export interface FanOutOptions<S, I, R, F> extends Due {
  /**
   * The items, one sub-job each: an array, a generator or an async generator (streamed: a million is fine), or `paged`.
   *
   * It may be started over after a crash; keys that are known are skipped then.
   */
  readonly over: ((state: Flat<S>, ctx: Ctx) => Awaitable<Items<I>>) | Pages<Flat<S>, I>;
  /** One sub-job per key, ever. */
  readonly key: (item: I) => string;
  /** Sub-jobs in flight at once, of this run. No limit but the workers' if left out. */
  readonly concurrency?: number;
  /** How many may fail for good, 3 or "1%". Default 0. */
  readonly tolerate?: number | Percent;
  /** What more failures do: hold the run and ask a person (default), or fail it. */
  readonly beyond?: "hold" | "fail";
  /** What to keep of the results. */
  readonly fold?: (folds: Folds<R>) => F;
  /** How `over` itself is attempted; its timeout is the longest silence between two pages. */
  readonly split?: Work;
}

/** A flow that can be given more steps. Each call returns a new flow. */
export interface FlowChain<N extends string, I, S, R> extends Flow<N, I, S, R> {
  /** One task: runs once per attempt, top to bottom; what it returns is `name` in later steps. */
  step<const K extends string, T>(
    name: Fresh<K, S>,
    run: ((state: Flat<S>, ctx: Ctx) => Awaitable<T>) & MustStore<T>,
    options?: Work & Due<"go on" | "cancel">,
  ): FlowChain<N, I, Add<S, K, Stored<Awaited<T>>>, Stored<Awaited<T>>>;

  /** One sub-job per item; later steps see the join: counts, failures by kind, and the folds' value. */
  fanOut<const K extends string, J extends Job, F extends FoldChoice | undefined = undefined>(
    name: Fresh<K, S>,
    job: J,
    options: FanOutOptions<S, JobInput<J>, JobResult<J>, F>,
  ): FlowChain<N, I, Add<S, K, Joined<Folded<F>>>, Joined<Folded<F>>>;
}

export interface FlowDefinition<S extends Schema> extends Due, Kept {
  /** What a run is given: plain JSON on the way in, whatever the schema makes of it in the steps. */
  readonly input: S & MustStoreInput<SchemaInput<S>>;
  /** From start to end, unless the start says otherwise. With `atDeadline: "close"`, the fan-out that the run is at then is closed. */
  readonly deadline?: Duration;
  /** Default normal. */
  readonly priority?: Priority;
  /** Default 1. */
  readonly version?: number;
}

/** Begins a flow: a typed chain of steps. Throws UsageError for what cannot be meant. */
export function flow<const N extends string, S extends Schema>(
  name: N,
  definition: FlowDefinition<S>,
): FlowChain<N, SchemaInput<S>, { readonly input: SchemaOutput<S> }, undefined> {
  const what = `flow "${named(name, "name of a flow")}"`;
  checkSchema(definition.input, `input of ${what}`);
  const { priority = "normal", version = 1 } = definition;
  oneOf(priority, ["low", "normal", "high", "urgent"], `priority of ${what}`);
  between(version, 1, Number.MAX_SAFE_INTEGER, `version of ${what}`);
  const due = duePlan(definition, ["go on", "close", "cancel"], what);
  const kept = retentionPlan(definition, what);
  const plan: FlowPlan = { name, version, priority, ...due, ...kept, steps: [] };
  const empty: unknown = chain({ kind: "flow", name, plan, input: definition.input, steps: [] });
  return empty as FlowChain<N, SchemaInput<S>, { readonly input: SchemaOutput<S> }, undefined>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- its signatures say what chain does
}

// ---- how it is built: without types, which only the chain's own signatures know

type AnyChain = Flow & {
  readonly step: (name: string, run: PlainStep["run"], options?: Work & Due) => AnyChain;
  readonly fanOut: (
    name: string,
    job: Job,
    options: FanOutOptions<State, unknown, unknown, FoldChoice | undefined>,
  ) => AnyChain;
};

function chain(self: Flow): AnyChain {
  const add = (plan: StepPlan, step: FlowStep): AnyChain =>
    chain({
      ...self,
      plan: { ...self.plan, steps: [...self.plan.steps, plan] },
      steps: [...self.steps, step],
    });
  return {
    ...self,
    step(name, run, options = {}) {
      const what = freshStep(self, name);
      callable(run, `run of ${what}`);
      const due = duePlan(options, ["go on", "cancel"], what);
      return add(
        { kind: "step", name, ...workPlan(options, what), ...due },
        { kind: "step", name, run },
      );
    },
    fanOut(name, job, options) {
      const what = freshStep(self, name);
      const { over, key } = options;
      if (job?.kind !== "job") throw new UsageError(`${what} needs a job, got ${shown(job)}`);
      if (typeof over !== "function" && over?.kind !== "pages")
        throw new UsageError(`over of ${what} must be a function or paged(…), got ${shown(over)}`);
      callable(key, `key of ${what}`);
      return add(fanOutPlan(name, job, options, what), { kind: "fan-out", name, job, over, key });
    },
  };
}

function fanOutPlan(
  name: string,
  job: Job,
  options: FanOutOptions<State, unknown, unknown, FoldChoice | undefined>,
  what: string,
): FanOutPlan {
  const { concurrency, tolerate = 0, beyond = "hold", fold, split = {} } = options;
  if (concurrency !== undefined)
    between(concurrency, 1, Number.MAX_SAFE_INTEGER, `concurrency of ${what}`);
  oneOf(beyond, ["hold", "fail"], `beyond of ${what}`);
  return {
    kind: "fan-out",
    name,
    ...workPlan(split, `the split of ${what}`),
    job: job.plan,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...duePlan(options, ["go on", "close", "cancel"], what),
    tolerate: tolerance(tolerate, `tolerate of ${what}`),
    beyond,
    ...(fold === undefined ? {} : { folds: foldPlan(fold, `fold of ${what}`) }),
  };
}

/** The step in words, for errors. Throws UsageError if the flow cannot take it. */
function freshStep(self: Flow, name: string): string {
  const what = `step "${named(name, `name of a step of flow "${self.name}"`)}" of flow "${self.name}"`;
  if (name === "input") {
    throw new UsageError(
      `flow "${self.name}" cannot have a step called "input": it is what steps call the input of the run`,
    );
  }
  if (self.steps.some((step) => step.name === name))
    throw new UsageError(`flow "${self.name}" already has a step called "${name}"`);
  return what;
}
