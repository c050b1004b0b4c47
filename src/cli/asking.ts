/** Before something is done that cannot be undone: what it is about, and whether it is meant. */
import { userInfo } from "node:os";

import type { By } from "../app/deciding.ts";
import type { Context } from "./context.ts";
import { usage } from "./failure.ts";
import { faint, span, symbols } from "./style.ts";
import type { Line } from "./style.ts";
import { count } from "./format.ts";

export type Caution = { readonly yes?: boolean; readonly dryRun?: boolean };

/** Who decides: the user of this machine. */
export function byUser(): By {
  try {
    return { author: userInfo().username };
  } catch {
    return { author: `user ${process.getuid?.()}` }; // A container may run as somebody its system has no name for.
  }
}

/**
 * True when it is to be done. Says what it is about, stops there at --dry-run, and asks where --yes does not say so already.
 *
 * Throws UsageError where nobody can be asked.
 */
export async function isMeant(
  context: Context,
  { yes, dryRun }: Caution,
  { about, question, again }: { about: readonly Line[]; question: string; again: string },
): Promise<boolean> {
  const { talk, stdin, stderr } = context;
  talk.say(...about);
  if (dryRun === true) {
    talk.say([faint("  nothing was done: this was a dry run")]);
    return false;
  }
  if (yes === true) return true;
  if (stderr.isTTY !== true)
    throw usage(`${question} — nobody is there to be asked`, `${again} --yes`);
  stderr.write(`  ${question} [y/N] `);
  for await (const chunk of stdin) {
    if (/^y(?:es)?$/i.test(String(chunk).trim())) return true;
    break;
  }
  talk.say([faint("  nothing was done")]);
  return false;
}

/** "c-00013  c-00891  c-01204  c-01377  … 57 more": what is selected, in a line. */
export function keysLine(keys: readonly string[], all: number, shown = 4): Line {
  const some = keys.slice(0, shown);
  const more = all - some.length;
  return [`  ${some.join("  ")}`, faint(more > 0 ? `  … ${count(more)} more` : "")];
}

export function did(what: string): Line {
  return ["  ", span("ok", symbols.done), ` ${what}`];
}

/** What --reason must be. Throws UsageError. */
export function reasonOf(reason: string | undefined, command: string): string {
  if (reason !== undefined && reason.trim() !== "") return reason;
  throw usage("say why: it is kept with the decision", `${command} --reason "…"`);
}
