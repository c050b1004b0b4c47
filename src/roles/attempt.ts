/** One attempt at user code: what the code is given, when its time is over, and what is made of what it throws. */
import type { Failure } from "../core/event.ts";
import { failureOf } from "../core/signature.ts";
import type { Ctx, Log } from "../define/ctx.ts";
import { durationMs, type Duration } from "../define/duration.ts";
import { FatalError, RetryLaterError, SkipError, UsageError } from "../errors.ts";

/** What an attempt is at. Everything here is read by ctx, most of it only if user code asks. */
export type Attempt = {
  readonly run: string;
  readonly step: string;
  /** Of a sub-job; empty for a step. */
  readonly key: string;
  readonly index: number;
  readonly attempt: number;
  readonly startedAt: number;
  /** When its time is over, epoch ms. */
  endsAt: number;
  readonly runDeadlineAt: number | undefined;
  readonly tools: Tools;
  controller: AbortController | undefined;
  /** Its outcome has been told, or no longer matters. */
  over: boolean;
};

/** What attempts need of their worker. */
export type Tools = {
  readonly now: () => number;
  readonly log: (
    level: keyof Log,
    message: string,
    data: object | undefined,
    attempt: Attempt,
  ) => void;
  readonly progress: (attempt: Attempt, done: number, of: number | undefined) => void;
};

const own = Symbol("attempt");
type Owned = { readonly [own]: Attempt };

function skip(reason: string): never {
  throw new SkipError(reason);
}

function fatal(reason: string, cause?: unknown): never {
  throw new FatalError(reason, cause === undefined ? {} : { cause });
}

function retryLater(
  delay: Duration,
  reason?: string,
  who: { readonly of?: "sub-job" | "key" | "job" } = {},
): never {
  throw new RetryLaterError(durationMs(delay, "the delay of retryLater"), reason, who.of);
}

const levels = ["debug", "info", "warn", "error"] as const;

/** Shared by all: a sub-job that asks for nothing costs one small object. */
const shared: object = Object.defineProperties(
  {},
  {
    run: getter((attempt) => attempt.run),
    step: getter((attempt) => attempt.step),
    key: getter(({ run, step, key }) => (key === "" ? `${run}/${step}` : `${run}/${step}/${key}`)),
    attempt: getter((attempt) => attempt.attempt),
    signal: getter(signalOf),
    deadline: getter(({ runDeadlineAt }) =>
      runDeadlineAt === undefined ? undefined : new Date(runDeadlineAt),
    ),
    now: getter(({ tools }) => new Date(tools.now())),
    log: getter((attempt): Log => {
      const entries = levels.map((level) => [
        level,
        (message: string, data?: object) => attempt.tools.log(level, message, data, attempt),
      ]);
      return Object.fromEntries(entries) as Log; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one entry per level
    }),
    progress: getter(
      (attempt) => (done: number, of?: number) => attempt.tools.progress(attempt, done, of),
    ),
    skip: { value: skip },
    fatal: { value: fatal },
    retryLater: { value: retryLater },
  },
);

function getter(read: (attempt: Attempt) => unknown): PropertyDescriptor {
  return {
    enumerable: true,
    get(this: Owned) {
      return read(this[own]);
    },
  };
}

export function ctxOf(attempt: Attempt): Ctx {
  const ctx = Object.create(shared) as Ctx & { [own]: Attempt }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the line below makes it one
  ctx[own] = attempt;
  return ctx;
}

/** What this ctx was made of. */
export function attemptOf(ctx: Ctx): Attempt {
  return (ctx as Ctx & Owned)[own]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- ctxOf makes all of them
}

function signalOf(attempt: Attempt): AbortSignal {
  attempt.controller ??= new AbortController();
  return attempt.controller.signal;
}

/** Tells user code to stop; what it still says is not heard once the attempt is over. */
export function abort(attempt: Attempt, why: string): void {
  attempt.controller ??= new AbortController();
  attempt.controller.abort(new Error(why));
}

/** What user code meant by throwing this. */
export type Thrown =
  | { readonly kind: "failed"; readonly fatal: boolean; readonly error: Failure }
  | { readonly kind: "skipped"; readonly error: Failure }
  | {
      readonly kind: "retry-later";
      readonly later: { readonly delayMs: number; readonly of?: "job" | "key" };
      readonly error: Failure;
    };

function laterOf({ delayMs, of }: RetryLaterError) {
  return of === "sub-job" ? { delayMs } : ({ delayMs, of } as const);
}

export function meaningOf(
  thrown: unknown,
  unless: ((error: unknown) => boolean) | undefined,
): Thrown {
  const error = failureOf(thrown);
  if (thrown instanceof SkipError) return { kind: "skipped", error };
  if (thrown instanceof RetryLaterError)
    return { kind: "retry-later", later: laterOf(thrown), error };
  // A UsageError is ours: a result that cannot be stored, an input that its schema refuses. No attempt will help.
  const fatalOnes = thrown instanceof FatalError || thrown instanceof UsageError;
  return { kind: "failed", fatal: fatalOnes || refuses(unless, thrown), error };
}

function refuses(unless: ((error: unknown) => boolean) | undefined, thrown: unknown): boolean {
  try {
    return unless?.(thrown) === true;
  } catch {
    return false; // A broken filter must not cost an attempt that might help.
  }
}

/** What user code returned goes on by itself. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "then" in value &&
    typeof value.then === "function"
  );
}
