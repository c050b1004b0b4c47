import { Command } from "commander";

import type { Adjust } from "../../app/run.ts";
import type { Priority } from "../../core/event.ts";
import type { Duration, Percent, RateText } from "../../define/duration.ts";
import { addressOf, runNamed, stepNamed } from "../address.ts";
import { byUser, did, reasonOf } from "../asking.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { open } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { quoted } from "../view.ts";

type SetOptions = {
  readonly concurrency?: number | "none";
  readonly rate?: RateText | "none";
  readonly tolerate?: number | Percent;
  readonly deadline?: Duration | Date | "none";
  readonly priority?: Priority;
  readonly reason?: string;
};

export function setCommand(act: (act: Act<SetOptions>) => () => Promise<void>): Command {
  return new Command("set")
    .summary("change a run while it runs")
    .description(
      "Changes what a run goes by, at once and for good. Concurrency, rate and tolerance are of a fan-out: the one named, or the one the run is at or comes to next. A reason is needed.",
    )
    .argument("<run[/step]>", "its id")
    .option("--concurrency <n>", 'sub-jobs at once, or "none" for no limit', options.countOrNone)
    .option("--rate <rate>", 'sub-jobs begun per time: 10/s, 100/m, or "none"', options.rateOrNone)
    .option("--tolerate <share>", "how many may fail: 3, or 1%", options.tolerated)
    .option("--deadline <when>", 'duration or date and time, or "none"', options.whenOrNone)
    .option("--priority <priority>", "low, normal, high or urgent", options.priority)
    .option("--reason <text>", "why; kept with the decision")
    .addHelpText(
      "after",
      `
Examples:
  fanfold set invoices-2026-10 --concurrency 200 --reason "the mail server can take more"
  fanfold set invoices-2026-10 --rate 10/s --reason "it is month-end for others, too"
  fanfold set invoices-2026-10 --tolerate 2% --reason "they are known"     lets a held run go on
  fanfold set invoices-2026-10 --deadline 2h --priority urgent --reason "month-end"

Exit codes: 0 done · 5 the run has ended, or comes to no such step`,
    )
    .action(act(set));
}

const set: Act<SetOptions> = async (context, wanted, address = "") => {
  const { app } = await open(context, wanted);
  try {
    const { concurrency, rate, tolerate, deadline, priority } = wanted;
    const command = `fanfold set ${quoted(address)} …`;
    const reason = reasonOf(wanted.reason, command);
    const { id, step } = addressOf(address);
    const run = await runNamed(app, id);
    if (step !== undefined) stepNamed(await run.status(), step);
    const to: Adjust = given({ concurrency, rate, tolerate, deadline, priority });
    await run.adjust(to, reason, { ...byUser(), ...given({ step }) });
    context.talk.say(did(`set   fanfold show ${quoted(id)}`));
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};
