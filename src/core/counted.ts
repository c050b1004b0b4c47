/**
 * What a step came to, for statistics across runs: told once, with the event of its end, so that nothing is counted per sub-job.
 *
 * A redrive opens an ended step again. What was told until then is remembered (`remember`), and its next end tells the
 * difference: one that failed and succeeds now takes a failure back.
 */
import type { FanOut } from "./fan-out.ts";
import { toSparse, withoutSparse, type Sparse } from "./histogram.ts";
import * as ledgers from "./ledger.ts";
import type { Pace } from "./pace.ts";
import type { Cost, StepPlan } from "./plan.ts";
import type { Step } from "./run.ts";

/** Why something was tried again: it failed, took too long, said "later", or lost its worker. */
export const retryNames = ["failed", "timed-out", "later", "lost"] as const;

export type CountedFailures = {
  readonly signature: string;
  readonly message: string;
  readonly count: number;
  readonly firstAt?: number;
  readonly lastAt?: number;
};

/** Of one step since it was told of last. Numbers in the order of the names above; below 0 where a redrive took back. */
export type Counted = {
  readonly flow: string;
  /** Of a fan-out. */
  readonly job?: string;
  readonly startedAt: number;
  readonly outcomes: readonly number[];
  /** Of attempts. */
  readonly took: Sparse;
  readonly us: number;
  readonly retries: readonly number[];
  /** When sub-jobs were settled. */
  readonly pace?: Pace;
  readonly failures?: readonly CountedFailures[];
  readonly cost?: Cost;
};

/** What was told of a step before, at that time. */
export type ToldBefore = Pick<Counted, "outcomes" | "took" | "us" | "retries"> & {
  readonly at: number;
  readonly failures: readonly (readonly [signature: string, count: number])[];
};

/** Kinds of failures in one telling, the most frequent ones: it travels in an event. */
const mostFailures = 20;

export function countedOf(flow: string, step: Step, plan: StepPlan): Counted {
  const { told } = step;
  const now = countsOf(step);
  const minus = (list: readonly number[], before: readonly number[] = []): readonly number[] =>
    list.map((n, at) => n - (before[at] ?? 0));
  const failures = step.kind === "step" ? [] : failuresSince(step, told);
  const cost = plan.kind === "fan-out" ? plan.job.cost : undefined;
  const pace = step.kind === "fan-out" ? step.pace : undefined;
  return {
    flow,
    ...(plan.kind === "fan-out" ? { job: plan.job.name } : {}),
    startedAt: told?.at ?? step.startedAt ?? 0,
    outcomes: minus(now.outcomes, told?.outcomes),
    took: told === undefined ? now.took : withoutSparse(now.took, told.took),
    us: now.us - (told?.us ?? 0),
    retries: minus(now.retries, told?.retries),
    ...(pace === undefined ? {} : { pace }),
    ...(failures.length === 0 ? {} : { failures }),
    ...(cost === undefined ? {} : { cost }),
  };
}

/**
 * What an ended step has told is kept from here on. Of one that failed that is done at its end: what it still had out may come to
 * something before a redrive, and is told after it.
 */
export function keepTold(step: Step, at: number): void {
  const failures =
    step.kind === "step"
      ? []
      : step.groups.map(({ signature, count }) => [signature, count] as const);
  const counts = countsOf(step);
  // A plain step counts its attempts anew when it runs again.
  const retries = step.kind === "step" ? [] : counts.retries;
  step.told = { ...counts, retries, at, failures };
  if (step.kind === "fan-out") step.pace = undefined;
}

/** An ended step is about to be opened again: from now on it tells what is new. */
export function remember(step: Step, at: number): void {
  if (step.state !== "done" && step.state !== "failed" && step.state !== "cancelled") return;
  const { kind, state, told } = step;
  if (kind === "fan-out" && state === "failed" && told !== undefined) step.told = { ...told, at };
  else keepTold(step, at);
}

function countsOf(step: Step): Pick<Counted, "outcomes" | "took" | "us" | "retries"> {
  if (step.kind === "fan-out") {
    const { counts } = step.ledger;
    return {
      outcomes: ledgers.outcomeNames.map((_, n) => counts[ledgers.ok + n] ?? 0),
      took: toSparse(step.took),
      us: step.tookUs,
      retries: [...step.retried],
    };
  }
  const { state, main, took, tookUs } = step;
  const outcome = state === "done" ? "ok" : state === "failed" ? "failed" : "cancelled";
  const retried = Math.max(0, main.attempts - (state === "failed" ? 1 : 0));
  return {
    outcomes: ledgers.outcomeNames.map((name) => (name === outcome ? 1 : 0)),
    took,
    us: tookUs,
    retries: [retried, 0, 0, main.crashes],
  };
}

function failuresSince({ groups }: FanOut, told: ToldBefore | undefined): CountedFailures[] {
  const before = new Map(told?.failures);
  return groups
    .map(({ signature, message, count, firstAt, lastAt }) => ({
      signature,
      message,
      count: count - (before.get(signature) ?? 0),
      ...(firstAt === undefined ? {} : { firstAt }),
      ...(lastAt === undefined ? {} : { lastAt }),
    }))
    .filter(({ count }) => count !== 0)
    .toSorted((a, b) => b.count - a.count)
    .slice(0, mostFailures);
}
