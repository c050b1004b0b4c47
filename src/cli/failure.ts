/** Errors for people: what happened, and the next command to type. */
import { UsageError } from "../errors.ts";
import { codeOf, detailsOf, exitCodes, exitOfError } from "./exit.ts";
import { faint, span, symbols } from "./style.ts";
import { quoted } from "./view.ts";
import type { Line } from "./style.ts";

/** A mistake on the command line, and what to type instead. */
export function usage(message: string, next: string, cause?: unknown): UsageError {
  return new UsageError(message, { details: { next }, ...(cause === undefined ? {} : { cause }) });
}

const nextByCode: Readonly<Record<string, string>> = {
  "not-found": "fanfold runs",
  conflict: "fanfold runs",
  unavailable: "fanfold doctor",
  "run-ended": "fanfold runs",
};

/** The command that failed; no verb if it was none of ours. */
export type Failed = {
  readonly argv: readonly string[];
  readonly verb: string | undefined;
  readonly version: string;
};

/** The message, cut into its lines, and the next command. Bugs come with what a report needs. */
export function failureLines(error: unknown, { argv, verb, version }: Failed): Line[] {
  const [first = "", ...rest] = messageOf(error).split("\n");
  const said: Line[] = [
    ["  ", span("failed", symbols.failed), ` ${first}`],
    ...rest.map((line): Line => [`    ${line}`]),
  ];
  // One that knows what to do next is none of our bugs.
  if (exitOfError(error) !== exitCodes.bug || "next" in detailsOf(error))
    return [...said, [`    ${nextOf(error, verb)}`]];
  return [
    ...said,
    [],
    [faint(`    ${suspicion(error)}; please report it with what follows:`)],
    [`    fanfold ${version}, node ${process.versions.node}, ${process.platform} ${process.arch}`],
    [`    fanfold ${argv.join(" ")}`],
    ...stackOf(error).map((line): Line => [`    ${line}`]),
    ["    fanfold doctor"],
  ];
}

function suspicion(error: unknown): string {
  return codeOf(error) === "corrupt"
    ? "if no other hand and no disk has damaged it, this is a bug in Fanfold"
    : "this is a bug in Fanfold";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `thrown: ${String(error)}`;
}

function nextOf(error: unknown, verb: string | undefined): string {
  const { next, run, url, pid, database } = detailsOf(error);
  if (typeof next === "string") return next;
  if (typeof database === "string") return "fanfold doctor";
  if (typeof run === "string" && ["conflict", "not-found"].includes(codeOf(error) ?? ""))
    return `fanfold show ${quoted(run)}`;
  // A file in use: its owner is the one to ask, if it can be asked.
  if (typeof url === "string" && codeOf(error) === "conflict") return `fanfold runs --url ${url}`;
  if (typeof pid === "number")
    return "fanfold worker --port 4400     in its place: others can reach that one";
  return nextByCode[codeOf(error) ?? ""] ?? `fanfold ${verb === undefined ? "" : `${verb} `}--help`;
}

function stackOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [];
  const cause = error.cause instanceof Error ? [`caused by ${error.cause.stack}`] : [];
  return [error.stack ?? "", ...cause].flatMap((text) => text.split("\n")).slice(0, 40);
}
