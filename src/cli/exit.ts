/** Exit codes: so that cron and CI can tell "failed" from "late" from "needs a person" without parsing text. */
import type { RunState } from "../core/event.ts";

export const exitCodes = {
  /** Did it; for `start --watch`: the run is done. */
  ok: 0,
  /** The run failed or was cancelled. */
  failed: 1,
  /** Wrong usage, unknown flow, input refused by the schema. */
  usage: 2,
  /** The run is held: a person must decide. */
  held: 3,
  /** Done, but after its deadline. */
  late: 4,
  /** The id exists with a different input. */
  conflict: 5,
  /** Nothing matched. */
  nothing: 6,
  /** Engine or backend unreachable, or not permitted. */
  unavailable: 7,
  /** --timeout elapsed; the run goes on. */
  timeout: 8,
  /** doctor or check found something that must be fixed. */
  unfit: 9,
  /** A bug of ours. */
  bug: 70,
  interrupted: 130,
} as const;

/** In words, for people. */
export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  0: "did it; of `start --watch` and `watch`: the run is done",
  1: "the run failed or was cancelled; of `redrive`: some failed again",
  2: "wrong usage, unknown flow, input refused by the schema",
  3: "the run is held: a person must decide",
  4: "done, but after its deadline; of `watch --exit-on-risk`: it will not make its deadline",
  5: "conflict: the id exists with another input; somebody decided before; the file has an owner",
  6: "nothing matched",
  7: "the engine cannot be reached, or not be used",
  8: "`--timeout` of `watch` elapsed; the run goes on",
  9: "`doctor` or `check` found something",
  70: "a bug of ours, or damaged data",
  130: "Ctrl-C; a run that was watched goes on",
};

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What the state of a run means to whoever started the command. */
export function exitOfRun(run: {
  readonly state: RunState;
  readonly endedAt?: number | undefined;
  readonly deadlineAt?: number | undefined;
}): ExitCode {
  switch (run.state) {
    case "failed":
    case "cancelled":
      return exitCodes.failed;
    case "held":
      return exitCodes.held;
    case "done":
      return (run.endedAt ?? 0) > (run.deadlineAt ?? Infinity) ? exitCodes.late : exitCodes.ok;
    case "waiting":
    case "running":
      return exitCodes.ok;
  }
}

const byCode: Readonly<Record<string, ExitCode>> = {
  usage: exitCodes.usage,
  "not-found": exitCodes.usage,
  conflict: exitCodes.conflict,
  unavailable: exitCodes.unavailable,
  "run-ended": exitCodes.failed,
};

/**
 * By the error's code, not its class: the app file may bring a copy of Fanfold of its own, with classes of its own.
 *
 * What an owner has refused (another token, read only) is not the wrong usage of a command: it cannot be used. What has no code of ours is a bug of ours; so are corrupt, lease-lost and what only handlers throw.
 */
export function exitOfError(error: unknown): ExitCode {
  const isRefused = codeOf(error) === "usage" && detailsOf(error)["refused"] !== undefined;
  return isRefused ? exitCodes.unavailable : (byCode[codeOf(error) ?? ""] ?? exitCodes.bug);
}

/** What an error says for programs. */
export function detailsOf(error: unknown): Readonly<Record<string, unknown>> {
  const details: unknown = error instanceof Error && "details" in error ? error.details : undefined;
  return typeof details === "object" && details !== null ? { ...details } : {};
}

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
