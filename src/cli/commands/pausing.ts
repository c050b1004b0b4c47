/** pause and resume: a run, a step of it; a customer, a job, a flow or a queue everywhere; a schedule. Nothing is lost by either, so nobody is asked. */
import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { Everywhere } from "../../app/deciding.ts";
import { everywhere, type PauseEverywhere } from "../../core/pauses.ts";
import { addressOf, runNamed, stepNamed } from "../address.ts";
import { byUser, did, reasonOf } from "../asking.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { usage } from "../failure.ts";
import { open } from "../load.ts";
import { given } from "../options.ts";
import { quoted } from "../view.ts";

type PausingOptions = { readonly [K in PauseEverywhere]?: string } & {
  readonly schedule?: string;
  readonly reason?: string;
};
type Make = (act: Act<PausingOptions>) => () => Promise<void>;
type Verb = "pause" | "resume";

function pausing(verb: Verb): Command {
  return new Command(verb)
    .argument("[run[/step]]", "a run, or one step of it")
    .option("--customer <name>", "a customer, in all runs")
    .option("--job <name>", "a job, in all runs")
    .option("--flow <name>", "a flow: all of its runs")
    .option("--queue <name>", "a queue: all that goes through it")
    .option("--schedule <name>", "a schedule: its ticks start nothing");
}

export function pauseCommand(act: Make): Command {
  return pausing("pause")
    .summary("begin nothing more of a run, step, customer, job, flow, queue or schedule")
    .description(
      "Begins nothing more of a run, a step, a customer, a job, a flow, a queue or a schedule, until it is resumed. What runs may finish; runs can be started, and wait. A reason is needed.",
    )
    .option("--reason <text>", "why; shown with the run")
    .addHelpText(
      "after",
      `
Examples:
  fanfold pause invoices-2026-10 --reason "wrong letterhead"
  fanfold pause invoices-2026-10/report --reason "the printer is broken"
  fanfold pause --customer acme --reason "has not paid"
  fanfold pause --job send-invoice --reason "the mail server is down"
  fanfold pause --flow monthly-invoices --reason "the template is wrong"
  fanfold pause --queue mail --reason "the mail server moves"
  fanfold pause --schedule month-end --reason "audit until Friday"

Exit codes: 0 done · 5 it is paused already, or has ended`,
    )
    .action(act(change("pause")));
}

export function resumeCommand(act: Make): Command {
  return pausing("resume")
    .summary("let what is paused go on")
    .description(
      "Lets a run, a step, a customer, a job, a flow, a queue or a schedule go on that was paused. Of a schedule, a reason is needed.",
    )
    .option("--reason <text>", "why; kept with the decision")
    .addHelpText(
      "after",
      `
Examples:
  fanfold resume invoices-2026-10
  fanfold resume --customer acme --reason "has paid"

Exit codes: 0 done · 5 it is not paused`,
    )
    .action(act(change("resume")));
}

const change =
  (verb: Verb): Act<PausingOptions> =>
  async (context, wanted, address) => {
    const what = whatOf(verb, wanted, address);
    const { app } = await open(context, wanted);
    try {
      const reason =
        verb === "pause" || what.schedule !== undefined
          ? reasonOf(wanted.reason, `fanfold ${verb} ${what.text}`)
          : wanted.reason;
      if (what.schedule !== undefined)
        await app.schedule(what.schedule)[verb](reason ?? "", byUser());
      else if (what.all === undefined) await changeRun(app, verb, address ?? "", reason);
      else if (verb === "pause") await app.pause(what.all, reason ?? "", byUser());
      else await app.resume(what.all, reason, byUser());
      const list = what.schedule === undefined ? "fanfold runs" : "fanfold schedules";
      const next = verb === "pause" ? `fanfold resume ${what.text}` : list;
      context.talk.say(did(`${verb}d   ${next}`));
      return exitCodes.ok;
    } finally {
      await app.close();
    }
  };

async function changeRun(
  app: App,
  verb: Verb,
  address: string,
  reason: string | undefined,
): Promise<void> {
  const { id, step } = addressOf(address);
  const run = await runNamed(app, id);
  if (step !== undefined) stepNamed(await run.status(), step);
  const by = { ...byUser(), ...given({ step }) };
  if (verb === "pause") await run.pause(reason ?? "", by);
  else await run.resume(reason, by);
}

type What = {
  readonly all?: Everywhere;
  readonly schedule?: string;
  /** As it is said on the command line. */
  readonly text: string;
};

/** Exactly one of them. Throws UsageError. */
function whatOf(verb: Verb, wanted: PausingOptions, address: string | undefined): What {
  const { schedule } = wanted;
  const all = everywhere.filter((of) => wanted[of] !== undefined);
  const said = [address, schedule, ...all].filter((one) => one !== undefined);
  if (said.length !== 1)
    throw usage(
      `say one of a run, --customer, --job, --flow, --queue and --schedule, got ${said.length === 0 ? "none" : "several"}`,
      `fanfold ${verb} --help`,
    );
  const [of] = all;
  if (of !== undefined) {
    const name = wanted[of] ?? "";
    return { all: { [of]: name } as Everywhere, text: `--${of} ${quoted(name)}` }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one of the words it may have
  }
  if (schedule !== undefined) return { schedule, text: `--schedule ${quoted(schedule)}` };
  return { text: quoted(address ?? "") };
}
