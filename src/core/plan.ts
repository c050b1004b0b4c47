/** What the core needs to know of a flow: numbers and names, and the folds. Builders in define/ make it. */
import type { Json, Priority } from "./event.ts";
import type { FoldPlan } from "./fold.ts";
import type { LimitPlan } from "./throttle.ts";
import type { RetryPolicy } from "./retry.ts";

export type JobPlan = {
  readonly name: string;
  readonly queue: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** Over all runs of the job. */
  readonly limit?: LimitPlan;
  /** Those it shares with other jobs, over all runs of all of them. */
  readonly limits?: readonly SharedLimit[];
  /** Seeds the size of the first slices, before anything has run. */
  readonly estimateMs?: number;
  readonly cost?: Cost;
  /** What of its inputs and results is not shown (redact.ts). */
  readonly redact?: readonly string[];
  /** Of runs that are this job by itself. */
  readonly retentionMs?: number;
};

export type SharedLimit = LimitPlan & {
  readonly name: string;
  /** It holds for each key by itself; undefined: such an item has none, and is not limited by it. */
  readonly key?: (item: Json) => string | undefined;
};

/** The one with a key that a job may have. */
export function limitByKey({ limits = [] }: Pick<JobPlan, "limits">): SharedLimit | undefined {
  return limits.find(({ key }) => key !== undefined);
}

/** What a slot costs while it works. */
export type Cost = { readonly perHour: number; readonly currency: string };

/** How many failures a join may carry: a count, or a share of the total in percent. */
export type Tolerance = { readonly count: number } | { readonly percent: number };

/** What a deadline does when it passes: nothing but be said, fold what there is, or end the run. */
export type AtDeadline = "go on" | "close" | "cancel";

type Due = { readonly deadlineMs?: number; readonly atDeadline?: AtDeadline };

export type PlainPlan = Due & {
  readonly kind: "step";
  readonly name: string;
  readonly queue: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
};

export type FanOutPlan = Due & {
  readonly kind: "fan-out";
  readonly name: string;
  /** Where, how often and how long the split itself may try; its timeout is the longest silence between two pages. */
  readonly queue: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly job: JobPlan;
  readonly concurrency?: number;
  readonly tolerate: Tolerance;
  readonly beyond: "hold" | "fail";
  readonly folds?: FoldPlan;
  /** A job sent by itself: its one sub-job is the input of the run, so there is nothing for a worker to split. */
  readonly isSent?: true;
};

export type StepPlan = PlainPlan | FanOutPlan;

export type FlowPlan = Due & {
  readonly name: string;
  readonly version: number;
  readonly priority: Priority;
  /** How long a run is kept after its end; for ever if left out. */
  readonly retentionMs?: number;
  readonly steps: readonly StepPlan[];
};

/** The flows this program knows, by name. */
export type Plans = ReadonlyMap<string, FlowPlan>;
