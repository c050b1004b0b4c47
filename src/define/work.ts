/** How work is attempted, the same for jobs, steps and splits: options as people write them → numbers. */
import { checkName } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { AtDeadline } from "../core/plan.ts";
import type { RetryPolicy } from "../core/retry.ts";
import { UsageError } from "../errors.ts";
import { type Duration, durationMs, positiveMs, shown } from "./duration.ts";

/** How often an attempt is made, and how long is waited between two: exponentially longer, with full jitter, if nothing is said. */
export interface Retry {
  /** In all, the first one included. Default 3. */
  readonly attempts?: number;
  /** Default exponential. */
  readonly backoff?: "exponential" | "linear" | "fixed";
  /** Delay after the first attempt, at the most. Default 1s. */
  readonly first?: Duration;
  /** Delay after any attempt, at the most. Default 1m. */
  readonly max?: Duration;
  /** Errors that no attempt will help with. */
  readonly unless?: (error: unknown) => boolean;
}

/** How work is attempted: three times, five minutes each, if nothing is said. */
export interface Work {
  /** A number is short for `{ attempts }`. */
  readonly retry?: number | Retry;
  /** Of one attempt. Default 5m. */
  readonly timeout?: Duration;
  /** Default "default". */
  readonly queue?: string;
}

/** When it should be done, counted from its begin, and what follows where it is not. */
export interface Due<A extends AtDeadline = AtDeadline> {
  readonly deadline?: Duration;
  /** Default "go on": its being late is said, and nothing else happens. "close" folds what there is, "cancel" ends the run. */
  readonly atDeadline?: A;
}

export type WorkPlan = {
  readonly queue: string;
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
};

/** How long runs are kept after their end. */
export interface Kept {
  /**
   * A run that has ended is removed so long after its end, with all that is known of it; one that waits, works or is held
   * never is. Default: every run is kept for ever.
   */
  readonly retention?: Duration;
}

/** Throws UsageError. */
export function retentionPlan(
  { retention }: Kept,
  what: string,
): { readonly retentionMs?: number } {
  if (retention === undefined) return {};
  return { retentionMs: positiveMs(retention, `retention of ${what}`) };
}

/** Checks and fills in the defaults. `what` names the owner in errors: `job "send-invoice"`. Throws UsageError. */
export function workPlan(work: Work, what: string): WorkPlan {
  return {
    queue: named(work.queue ?? "default", `queue of ${what}`),
    retry: retryPolicy(work.retry ?? {}, what),
    timeoutMs: positiveMs(work.timeout ?? "5m", `timeout of ${what}`),
  };
}

/** Checks a deadline. `known` says what may follow. Throws UsageError. */
export function duePlan(
  { deadline, atDeadline }: Due,
  known: readonly AtDeadline[],
  what: string,
): { readonly deadlineMs?: number; readonly atDeadline?: AtDeadline } {
  if (atDeadline !== undefined) oneOf(atDeadline, known, `atDeadline of ${what}`);
  return {
    ...(deadline === undefined ? {} : { deadlineMs: positiveMs(deadline, `deadline of ${what}`) }),
    ...(atDeadline === undefined ? {} : { atDeadline }),
  };
}

function retryPolicy(given: number | Retry, what: string): RetryPolicy {
  const retry = typeof given === "number" ? { attempts: given } : given;
  const { attempts = 3, backoff = "exponential", unless } = retry;
  between(attempts, 1, limits.attempts, `attempts of ${what}`);
  oneOf(backoff, ["exponential", "linear", "fixed"], `backoff of ${what}`);
  if (unless !== undefined) callable(unless, `retry.unless of ${what}`);
  const maxMs = durationMs(retry.max ?? "1m", `retry.max of ${what}`);
  const firstMs =
    retry.first === undefined
      ? Math.min(1_000, maxMs)
      : durationMs(retry.first, `retry.first of ${what}`);
  if (firstMs > maxMs) {
    throw new UsageError(
      `retry.first of ${what} must not be longer than retry.max, got ${firstMs} ms and ${maxMs} ms`,
    );
  }
  return { attempts, backoff, firstMs, maxMs, ...(unless === undefined ? {} : { unless }) };
}

/** The name itself, as the literal it is. Names are typed by people, stand in URLs and are columns of tables. Throws UsageError. */
export function named<const N extends string>(name: N, what: string): N {
  checkName(name, what);
  return name;
}

/** Throws UsageError unless `value` is a whole number in the range, both ends included. */
export function between(value: number, least: number, most: number, what: string): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new UsageError(`${what} must be an integer from ${least} to ${most}, got ${shown(value)}`);
}

/** Throws UsageError unless `value` is one of `names`. */
export function oneOf(value: string, names: readonly string[], what: string): void {
  if (names.includes(value)) return;
  const known = names.map((name) => `"${name}"`).join(", ");
  throw new UsageError(`${what} must be one of ${known}, got ${shown(value)}`);
}

/** The function itself. Throws UsageError for anything else. */
export function callable<F>(value: F, what: string): F {
  if (typeof value === "function") return value;
  throw new UsageError(`${what} must be a function, got ${shown(value)}`);
}
