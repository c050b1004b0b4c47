/** The life of one task that is not a sub-job: the body of a plain step, or a split. Tried again like a sub-job, numbered like one. */
import type { Failure } from "./event.ts";
import type { Trace } from "./trace.ts";

export type Single = {
  state: "waiting" | "in-flight" | "retrying" | "ok" | "failed";
  /** How often it was put into the queue; fences what comes back late. */
  issue: number;
  /** Attempts that failed. */
  attempts: number;
  /** Workers that vanished with it. */
  crashes: number;
  /** When it may be tried again, epoch ms; in flight: when it was put into the queue. */
  at: number;
  error: Failure | undefined;
  /** The span of the last attempt that failed. */
  trace: Trace | undefined;
};

export function newSingle(): Single {
  return {
    state: "waiting",
    issue: 0,
    attempts: 0,
    crashes: 0,
    at: 0,
    error: undefined,
    trace: undefined,
  };
}

/** Puts it into the queue: from now on only this issue counts. */
export function issueSingle(single: Single, at: number): void {
  single.state = "in-flight";
  single.issue += 1;
  single.at = at;
}

/** Waits for its next try. */
export function retrySingle(single: Single, dueAt: number): void {
  single.state = "retrying";
  single.at = dueAt;
}

/** As new, but later issues keep counting up: what is still on its way from before stays fenced. */
export function resetSingle(single: Single): void {
  single.state = "waiting";
  single.attempts = 0;
  single.crashes = 0;
  single.error = undefined;
  single.trace = undefined;
}
