/** release, close and cancel: how a person ends what a run is at; reopen takes a cancel back. Each needs a reason, and says first what it is about. */
import { Command } from "commander";

import type { Run } from "../../app/run.ts";
import type { State } from "../../define/flow.ts";
import type { Status, StepStatus } from "../../views/status.ts";
import { runNamed } from "../address.ts";
import { byUser, did, isMeant, reasonOf, type Caution } from "../asking.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { count } from "../format.ts";
import { open } from "../load.ts";
import { settled } from "../view.ts";
import { quoted } from "../view.ts";

type EndingOptions = Caution & { readonly reason?: string };
type Make = (act: Act<EndingOptions>) => () => Promise<void>;
type Verb = "release" | "close" | "cancel" | "reopen";

const texts: Readonly<Record<Verb, { readonly summary: string; readonly description: string }>> = {
  release: {
    summary: "let a held run go on with the failures it has",
    description: "Lets a held run go on with the failures it has. A reason is needed.",
  },
  close: {
    summary: "fold what there is, cancel the rest, go on",
    description:
      "Ends the fan-out that a run is at: folds what there is, cancels what is open, and goes on. A reason is needed.",
  },
  cancel: {
    summary: "end a run",
    description:
      "Ends a run. Nothing more is begun; what runs is told to stop, and what it still says is counted as late. fanfold reopen takes it back. A reason is needed.",
  },
  reopen: {
    summary: "take a cancel back",
    description:
      "Takes a cancel back, as long as the run is kept: what was cancelled is open again, and the run goes on where it was. What was under way is done again. Not of a run that had not begun, nor where a deadline that has passed would cancel it again. A reason is needed.",
  },
};

function ending(verb: Verb, act: Make): Command {
  const { summary, description } = texts[verb];
  return new Command(verb)
    .summary(summary)
    .description(description)
    .argument("<run>", "its id")
    .option("--reason <text>", "why; kept with the decision")
    .option("--dry-run", "say what it would do, and stop there")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      `
Examples:
  fanfold ${verb} invoices-2026-10 --reason "${reasons[verb]}"
  fanfold ${verb} invoices-2026-10 --reason "${reasons[verb]}" --yes

Exit codes: 0 done · 5 the run is not in a state for it`,
    )
    .action(act(end(verb)));
}

const reasons: Readonly<Record<Verb, string>> = {
  release: "the rest goes by post",
  close: "the month must be over",
  cancel: "wrong month",
  reopen: "it was the right month",
};

export const releaseCommand = (act: Make): Command => ending("release", act);
export const closeCommand = (act: Make): Command => ending("close", act);
export const cancelCommand = (act: Make): Command => ending("cancel", act);
export const reopenCommand = (act: Make): Command => ending("reopen", act);

const end =
  (verb: Verb): Act<EndingOptions> =>
  async (context, wanted, id = "") => {
    const { app } = await open(context, wanted);
    try {
      const command = `fanfold ${verb} ${quoted(id)}`;
      const reason = reasonOf(wanted.reason, command);
      const run: Run<State> = await runNamed(app, id);
      const status = await run.status();
      const about = [[`  would ${verb} ${id}: ${consequence(verb, status)}`]];
      const question = `${verb} ${id}?`;
      const again = `${command} --reason "…"`;
      if (!(await isMeant(context, wanted, { about, question, again }))) return exitCodes.ok;
      await run[verb](reason, byUser());
      context.talk.say(did(`${done[verb]}   fanfold show ${quoted(id)}`));
      return exitCodes.ok;
    } finally {
      await app.close();
    }
  };

const done: Readonly<Record<Verb, string>> = {
  release: "released",
  close: "closed",
  cancel: "cancelled",
  reopen: "reopened",
};

/** In numbers: nothing destructive without one. */
function consequence(verb: Verb, status: Status): string {
  const step = status.steps.find(({ name }) => name === status.step);
  if (verb === "reopen") {
    const cancelled = status.steps.reduce((sum, one) => sum + one.cancelled, 0);
    return `it is ${status.state}, ${count(cancelled)} cancelled sub-jobs are open again`;
  }
  if (verb === "cancel") {
    const open = status.steps.reduce((sum, one) => sum + openOf(one), 0);
    return `it is ${status.state}, ${count(open)} open sub-jobs are cancelled`;
  }
  if (step === undefined || step.kind === "step") return `it is ${status.state}`;
  if (verb === "release")
    return `it goes on with ${count(step.failed)} failed of ${count(step.size)}`;
  return `${count(settled(step))} of ${count(step.total ?? step.size)} of ${step.name} are in, ${count(openOf(step))} are cancelled`;
}

function openOf({ kind, waiting, inFlight, retrying }: StepStatus): number {
  return kind === "step" ? 0 : waiting + inFlight + retrying;
}
