/** Verbs that are promised and not there yet, and what does the same today; and those that there is no need of. */
import { usage } from "./failure.ts";
import type { UsageError } from "../errors.ts";

const today: Readonly<Record<string, string>> = {
  plan: "fanfold demo     shows how workers and deadline hang together",
  publish: "fanfold start <flow> <input>",
  map: "fanfold show <run>",
  move: "fanfold doctor",
  open: "fanfold show <run>",
};

/** Verbs that people look for, and why there is none; with the one that is meant. */
const never: Readonly<Record<string, readonly [because: string, next: string]>> = {
  retry: ["what failed is run again by redrive", "fanfold redrive <run>"],
  migrate: ["a store is brought up to date when it is opened", "fanfold doctor"],
  outbox: ["its table is made with the others when a database is opened", "fanfold doctor"],
};

/** The error for what commander refused: `said` in its words, `unknown` the verb it does not know. */
export function laterVerb(
  said: string,
  unknown: string | undefined,
  verb: string | undefined,
): UsageError {
  const [because, meant] = (unknown === undefined ? undefined : never[unknown]) ?? [];
  if (because !== undefined && meant !== undefined)
    return usage(`there is no fanfold ${unknown}: ${because}`, meant);
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
