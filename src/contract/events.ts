/** Small words for events and flows in tests of the core: run "r" of flow "f", step "all", unless a test says otherwise. */
import type { InputEvent, Json, Unsettled } from "../core/event.ts";
import { bucketOf } from "../core/histogram.ts";
import type { PauseEverywhere } from "../core/pauses.ts";
import type { FanOutPlan, FlowPlan, JobPlan, PlainPlan } from "../core/plan.ts";
import type { RetryPolicy } from "../core/retry.ts";
import type { At } from "./decider.ts";

type Of<T extends InputEvent["type"]> = Partial<Extract<InputEvent, { readonly type: T }>>;

export const threeTries: RetryPolicy = {
  attempts: 3,
  backoff: "fixed",
  firstMs: 1_000,
  maxMs: 1_000,
};
/** Of jobs, steps and splits here. */
const timeoutMs = 10_000;
/** When what went into the queue at 0 is taken for lost: the timeout, two leases, a sweep. */
export const lostAt = 60_000;

export function plainPlan(name: string, more: Partial<PlainPlan> = {}): PlainPlan {
  return { kind: "step", name, queue: "default", retry: threeTries, timeoutMs, ...more };
}

type FanOutMore = Omit<Partial<FanOutPlan>, "job"> & { readonly job?: Partial<JobPlan> };

export function fanOutPlan(name: string, more: FanOutMore = {}): FanOutPlan {
  const work = { queue: "default", retry: threeTries, timeoutMs };
  return {
    kind: "fan-out",
    name,
    ...work,
    tolerate: { count: 0 },
    beyond: "hold",
    ...more,
    job: { name: "work", ...work, ...more.job },
  };
}

export function flowPlan(steps: FlowPlan["steps"], more: Partial<FlowPlan> = {}): FlowPlan {
  return { name: "f", version: 1, priority: "normal", steps, ...more };
}

export function begin(at: number, more: Of<"run.started"> = {}): At {
  const event = {
    type: "run.started",
    run: "r",
    flow: "f",
    input: null,
    request: "q",
    ...more,
  } as const;
  return { at, event };
}

/** A page of so many items, from this index on. */
export function page(at: number, from: number, count: number, more: Of<"fan-out.grown"> = {}): At {
  const keys = Array.from({ length: count }, (_, n) => `k${from + n}`);
  const event = {
    type: "fan-out.grown",
    run: "r",
    step: "all",
    generation: 1,
    issue: 1,
    from,
    keys,
    duplicates: 0,
    ...more,
  } as const;
  return { at, event, body: JSON.stringify(keys) };
}

export function seal(at: number, total: number, more: Of<"fan-out.sealed"> = {}): At {
  const event = {
    type: "fan-out.sealed",
    run: "r",
    step: "all",
    generation: 1,
    issue: 1,
    total,
    duplicates: 0,
    ...more,
  } as const;
  return { at, event };
}

/** Begun, split into so many, sealed: all at 0. */
export function split(size: number): readonly At[] {
  return [begin(0), ...(size === 0 ? [] : [page(0, 0, size)]), seal(0, size)];
}

export function settled(at: number, more: Of<"sub-jobs.settled">, results?: readonly Json[]): At {
  const event = {
    type: "sub-jobs.settled",
    run: "r",
    step: "all",
    generation: 1,
    worker: "w",
    ok: [],
    took: { us: 0, histogram: [] },
    ...more,
  } as const;
  return results === undefined ? { at, event } : { at, event, body: JSON.stringify(results) };
}

/** Success of one, each with its own index as its result. */
export function ok(at: number, index: number, more: { issue?: number; result?: Json } = {}): At {
  const took = { us: 1_000, histogram: [bucketOf(1_000), 1] };
  return settled(at, { ok: [index, 1, more.issue ?? 1], took }, [more.result ?? index]);
}

export function bad(at: number, index: number, more: Partial<Unsettled> = {}): At {
  const error = { name: "Error", message: "no luck" };
  const key = `k${index}`;
  return settled(at, {
    bad: [{ index, key, issue: 1, attempt: 1, outcome: "failed", error, ...more }],
  });
}

/** The end of a plain step's attempt, or of a split's. */
export function done(at: number, step: string, more: Of<"step.settled"> = {}): At {
  const event = {
    type: "step.settled",
    run: "r",
    step,
    generation: 1,
    issue: 1,
    outcome: "ok",
    ms: 1,
    ...more,
  } as const;
  return { at, event };
}

/** The queue handed it out again: the step's one task, or sub-jobs as [from, count, issue, …]. */
export function lost(at: number, what: Of<"task.lost">): At {
  const kind = what.subJobs === undefined ? "step" : "slice";
  return {
    at,
    event: { type: "task.lost", run: "r", step: "all", generation: 1, kind, ...what },
  };
}

export function queueLost(at: number, clean = false): At {
  return { at, event: { type: "queue.lost", clean } };
}

export function ticked(at: number): At {
  return { at, event: { type: "ticked" } };
}

export function seen(at: number, slots: number, more: Of<"worker.seen"> = {}): At {
  const event = { type: "worker.seen", worker: "w", slots, queues: ["default"] } as const;
  return { at, event: { ...event, until: at + 75_000, ...more } };
}

/** What can be asked of a run. */
type Asking =
  Extract<InputEvent, { readonly run: string; readonly type: `${string}.asked` }> extends {
    readonly type: `${infer K}.asked`;
  }
    ? K
    : never;

let asked = 0;

/** A command; each has a request of its own unless it is told one. */
export function ask<K extends Asking>(at: number, what: K, more: Of<`${K}.asked`> = {}): At {
  asked += 1;
  const event = { type: `${what}.asked`, run: "r", request: `request ${asked}`, ...more };
  return { at, event: event as InputEvent }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- Of<…> is the rest of it
}

/** Of a customer or a job, in all partitions. */
export function askAll(
  at: number,
  what: "pause" | "resume",
  of: PauseEverywhere,
  name: string,
): At {
  asked += 1;
  const event = { type: `${what}-all.asked`, of, name, request: `request ${asked}` } as const;
  return { at, event };
}
