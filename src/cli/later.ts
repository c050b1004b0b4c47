/** Verbs that are promised and not there yet, and what does the same today. */
import { usage } from "./failure.ts";
import type { UsageError } from "../errors.ts";

const today: Readonly<Record<string, string>> = {
  retry: "fanfold redrive <run>",
  plan: "fanfold demo     shows how workers and deadline hang together",
  publish: "fanfold start <flow> <input>",
  map: "fanfold show <run>",
  move: "fanfold doctor",
  migrate: "fanfold doctor     files are migrated when they are opened",
  outbox: "fanfold --help",
  open: "fanfold show <run>",
};

/** The error for what commander refused: `said` in its words, `unknown` the verb it does not know. */
export function laterVerb(
  said: string,
  unknown: string | undefined,
  verb: string | undefined,
): UsageError {
  const instead = unknown === undefined ? undefined : today[unknown];
  if (instead !== undefined)
    return usage(`fanfold ${unknown} comes in a later version; until then:`, instead);
  const [first = "", hint] = said.split("\n");
  const near = /Did you mean (\S+?)\?/.exec(hint ?? "")?.[1];
  const next =
    near === undefined || near.startsWith("-")
      ? `fanfold ${verb === undefined ? "" : `${verb} `}--help`
      : `fanfold ${near} --help`;
  return usage([first, ...(hint === undefined ? [] : [hint.trim()])].join("\n"), next);
}
