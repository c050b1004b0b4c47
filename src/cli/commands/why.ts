import { Command } from "commander";

import type { Cause, Why } from "../../views/why.ts";
import { addressOf, noSubJob, runNamed, stepNamed } from "../address.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { duration, instant } from "../format.ts";
import { jsonLine, whyFields } from "../json.ts";
import { openToRead } from "../load.ts";
import { faint, stated, strong } from "../style.ts";
import type { Line } from "../style.ts";
import { quoted } from "../view.ts";

type WhyOptions = { readonly json?: boolean };

export function whyCommand(act: (act: Act<WhyOptions>) => () => Promise<void>): Command {
  return new Command("why")
    .summary("say what a run, a step or one sub-job waits for")
    .description(
      "Says what a run, one of its steps or one sub-job waits for: a line for each cause, and the command that would change it.",
    )
    .argument("<run[/step[/key]]>", "what to ask about; what fanfold prints can be pasted here")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  fanfold why invoices-2026-10
  fanfold why invoices-2026-10/report
  fanfold why invoices-2026-10/invoices/c-00013`,
    )
    .action(act(why));
}

const why: Act<WhyOptions> = async (context, { json, ...options }, text = "") => {
  const { app } = await openToRead(context, options);
  try {
    const address = addressOf(text);
    const { id, step, key } = address;
    const run = await runNamed(app, id);
    if (step !== undefined) stepNamed(await run.status(), step);
    if (step !== undefined && key !== undefined && (await run.subJob(step, key)) === undefined)
      throw noSubJob(address);
    const answer = await run.why(step, key);
    if (json === true) context.data.write(jsonLine("why", whyFields(answer)));
    else context.data.say(...whyLines(answer));
    return exitCodes.ok;
  } finally {
    await app.close();
  }
};

function whyLines({ run, step, key, state, causes, at }: Why): Line[] {
  const address = [run, step, key].filter((part) => part !== undefined).join("/");
  return [
    ["  ", strong(address), "   ", ...stated(state)],
    [],
    ...(causes.length === 0
      ? [[faint("  nothing in particular: it goes on by itself")]]
      : causes.flatMap((cause) => causeLines(cause, at))),
  ];
}

export function causeLines(cause: Cause, now: number): Line[] {
  const { because, command } = cause;
  return [
    [`  ${because}`, faint(whenText(cause, now))],
    ...(command === undefined ? [] : [[`      fanfold ${command.map(quoted).join(" ")}`]]),
  ];
}

/** Of what lies ahead, when; of what began, for how long; of what ended, when. */
function whenText({ cause, at }: Cause, now: number): string {
  if (at === undefined) return "";
  if (cause === "ended") return `   ${instant(at, now)}`;
  return at > now
    ? `   at ${instant(at, now)}, in ${duration(at - now)}`
    : `   for ${duration(now - at)}`;
}
