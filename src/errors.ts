/** Stable, safe to switch on. Documented in docs/reference/errors.md. */
export type ErrorCode =
  | "usage"
  | "not-found"
  | "conflict"
  | "lease-lost"
  | "unavailable"
  | "corrupt"
  | "fatal"
  | "retry-later"
  | "skip"
  | "run-ended";

type Details = { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown };

/** Base of every error this package throws: `code` says what happened, `retryable` what to do. */
export abstract class FanfoldError extends Error {
  abstract readonly code: ErrorCode;
  abstract readonly retryable: boolean;
  /** Ids and numbers, for logs and the API. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, more: Details = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = new.target.name;
    this.details = more.details ?? {};
  }
}

/** The caller is mistaken: bad input, an unknown flow. Fix the call. */
export class UsageError extends FanfoldError {
  readonly code = "usage";
  readonly retryable = false;
}

/** There is no such run, sub-job or queue. */
export class NotFoundError extends FanfoldError {
  readonly code = "not-found";
  readonly retryable = false;
}

/** Someone was here first: an offset already passed, an id reused with another input. Read again, decide again. */
export class ConflictError extends FanfoldError {
  readonly code = "conflict";
  readonly retryable = false;
}

/** The task is no longer ours. Stop, and report nothing. */
export class LeaseLostError extends FanfoldError {
  readonly code = "lease-lost";
  readonly retryable = false;
}

/** The store or broker did not answer: it may have happened. Repeat later; the ledger ignores the second. */
export class UnavailableError extends FanfoldError {
  readonly code = "unavailable";
  readonly retryable = true;
}

/** An invariant broke: a bug of ours, or damaged data. Stop that role and shout. */
export class CorruptError extends FanfoldError {
  readonly code = "corrupt";
  readonly retryable = false;
}

/** Thrown by handlers (`ctx.fatal`): no attempt will help, the outcome is `failed` now. */
export class FatalError extends FanfoldError {
  readonly code = "fatal";
  readonly retryable = false;
}

/** Thrown by handlers (`ctx.retryLater`): not yet. The next attempt comes after `delayMs`. */
export class RetryLaterError extends FanfoldError {
  readonly code = "retry-later";
  readonly retryable = true;
  readonly delayMs: number;
  /** Who waits: this sub-job, or with it all that its job has not begun yet. */
  readonly of: "sub-job" | "key" | "job";

  constructor(delayMs: number, reason = "not yet", of: "sub-job" | "key" | "job" = "sub-job") {
    super(reason, { details: { delayMs } });
    this.delayMs = delayMs;
    this.of = of;
  }
}

/** Thrown by handlers (`ctx.skip`): an outcome, not a failure. */
export class SkipError extends FanfoldError {
  readonly code = "skip";
  readonly retryable = false;
}

/** `run.result()` of a run that failed or was cancelled. */
export class RunEndedError extends FanfoldError {
  readonly code = "run-ended";
  readonly retryable = false;
}

/** For what cannot happen. On in production: a stopped run is better than a wrong sum. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new CorruptError(sentence);
}
