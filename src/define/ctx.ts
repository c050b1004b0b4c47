import type { Duration } from "./duration.ts";

/**
 * What user code is given besides its data: who it is, how long it has, and the ways to end other than by returning.
 *
 * `skip`, `fatal` and `retryLater` throw; write `return ctx.fatal("…")` where the compiler should see that nothing follows.
 */
export interface Ctx {
  readonly run: string;
  readonly step: string;
  /** For the idempotency of calls outside: the same on every attempt, and nobody else's. */
  readonly key: string;
  /** 1 on the first try. */
  readonly attempt: number;
  /** Fires before the timeout, and before somebody else may be given this work. Hand it on. */
  readonly signal: AbortSignal;
  /** Of the run. */
  readonly deadline: Date | undefined;
  readonly now: Date;
  readonly log: Log;
  progress(done: number, of?: number): void;
  /** Ends this sub-job as `skipped`: nothing to do, and not a failure. */
  skip(reason: string): never;
  /** Fails for good: no attempt will help. */
  fatal(reason: string, cause?: unknown): never;
  /**
   * Not yet: try again after `delay`; it costs no attempt. With `of: "key"` nothing more with the same key is put until then, in any run
   * of the partition: what a server means that answers 429 with Retry-After. The key is that of the job's limit by key; without one, and
   * with `of: "job"`, it is the whole job.
   */
  retryLater(
    delay: Duration,
    reason?: string,
    who?: { readonly of: "sub-job" | "key" | "job" },
  ): never;
}

/** Where log lines go: a function for each level. */
export type Log = Readonly<
  Record<"debug" | "info" | "warn" | "error", (message: string, data?: object) => void>
>;
