import { Command } from "commander";

import type { App, Start } from "../../app/app.ts";
import type { Run } from "../../app/run.ts";
import type { Priority } from "../../core/event.ts";
import type { Duration } from "../../define/duration.ts";
import type { Flow } from "../../define/flow.ts";
import { unique } from "../../define/unique.ts";
import type { Status } from "../../views/status.ts";
import { interruptible } from "../context.ts";
import type { Act, Context } from "../context.ts";
import { exitCodes, exitOfRun } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { instant } from "../format.ts";
import { beside, follow, isStill } from "../follow.ts";
import { readInput } from "../input.ts";
import { jsonLine, statusFields } from "../json.ts";
import { open } from "../load.ts";
import type { Opened } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { shownResult } from "../redact.ts";
import { jsonProgress, progress } from "../progress.ts";
import { faint, span, symbols } from "../style.ts";
import type { Line } from "../style.ts";
import { quoted, title, verdict } from "../view.ts";

export type StartOptions = {
  readonly in?: Duration;
  readonly at?: Date;
  readonly id?: string;
  readonly customer?: string;
  readonly priority?: Priority;
  readonly deadline?: Duration | Date;
  readonly tag?: Readonly<Record<string, string>>;
  readonly ifExists?: "join" | "reject";
  readonly watch?: boolean;
  readonly concurrency?: number;
  readonly json?: boolean;
};

export function startCommand(act: (act: Act<StartOptions>) => () => Promise<void>): Command {
  return new Command("start")
    .summary("start a run")
    .description(
      "Starts a run. Its id says what makes it this run: the same id and input again joins it, " +
        "the same id with another input is refused.",
    )
    .argument("<flow>", "name of a flow of the app")
    .argument("[input]", "JSON, @file, or - for stdin (default: {})")
    .option("--id <id>", "id of the run (default: one nobody had before)")
    .option("--deadline <when>", "duration or date and time", options.durationOrDate)
    .option("--in <duration>", "begin it so long from now", options.duration)
    .option("--at <when>", "begin it then: a date and time", options.date)
    .option("--customer <name>", "for fairness between customers, and to filter by")
    .option("--priority <priority>", "low, normal, high or urgent", options.priority)
    .option("--tag <name=value>", "may be repeated", options.tag)
    .option("--if-exists <what>", "join (default) or reject", options.ifExists)
    .option("--watch", "follow it to its end; the exit code tells the outcome")
    .option(
      "--concurrency <n>",
      "sub-jobs at once, if this process works too",
      options.wholeNumber(1, 100_000),
    )
    .option("--json", "print the run as JSON; with --watch one object a line as it goes on")
    .addHelpText(
      "after",
      `
Examples:
  fanfold start monthly-invoices '{"month":"2026-10"}' --id invoices-2026-10 --deadline 90m --watch
  fanfold start monthly-invoices @input.json --id invoices-2026-10 --customer acme --tag trigger=cron
  generate-input | fanfold start contact-import - --id import-8841

Exit codes with --watch: 0 done · 1 failed or cancelled · 3 held, a person must decide · 4 done, but late`,
    )
    .action(act(start));
}

const start: Act<StartOptions> = async (context, options, flowName = "", inputText) => {
  const opened = await open(context, options);
  const { app } = opened;
  try {
    const flow = flowNamed(app, flowName);
    const input = await readInput(context, inputText, `fanfold start ${flowName} '{"…": …}'`);
    const run = await app.start(flow, input, startOf(options, flowName));
    return await afterwards(context, opened, run, flowName, options);
  } finally {
    await app.close();
  }
};

/** What the options say about a run; of this name, if it has no id of its own. */
export function startOf(options: StartOptions, name: string): Start {
  const { id = unique(name), customer, priority, deadline, ifExists, tag: tags, at } = options;
  return { id, ...given({ customer, priority, deadline, ifExists, tags, at, in: options.in }) };
}

/** Follows the run if that was asked for, and says in any case what came of it. */
export async function afterwards(
  context: Context,
  opened: Opened,
  run: Run,
  name: string,
  options: StartOptions,
): Promise<ExitCode> {
  if (options.watch === true) return watch(context, opened, run, name, options);
  await announce(context, opened, run, options);
  return exitCodes.ok;
}

function flowNamed(app: App, name: string): Flow {
  const flows = app.parts.filter((part): part is Flow => part.kind === "flow");
  const found = flows.find((flow) => flow.name === name);
  if (found !== undefined) return found;
  const known = flows.map((flow) => `"${flow.name}"`).join(", ");
  throw usage(
    `unknown flow "${name}": ${known === "" ? "this app has no flows in its parts" : `this app knows ${known}`}`,
    flows[0] === undefined
      ? "fanfold init example     writes one"
      : `fanfold start ${flows[0].name} '{}'`,
  );
}

/** Its id is what a script wants to have; the rest is talk. */
async function announce(
  { data, talk, clock }: Context,
  { isEmbedded }: Opened,
  run: Run,
  { json }: StartOptions,
): Promise<void> {
  if (json === true) data.write(jsonLine("run", statusFields(await run.status())));
  else data.write(`${run.id}\n`);
  const { state, startedAt } = await run.status();
  const created =
    state === "waiting" ? `waits until ${instant(startedAt, clock.now())}` : "started";
  const how = run.created ? created : "already there, joined";
  talk.say(["  ", span("ok", symbols.done), ` ${how}`, faint(`   fanfold show ${quoted(run.id)}`)]);
  if (isEmbedded) talk.say([faint("    nobody works on it yet:   "), "fanfold worker"]);
}

async function watch(
  context: Context,
  { app, isEmbedded, connection }: Opened,
  run: Run,
  flow: string,
  options: StartOptions,
): Promise<ExitCode> {
  const { data, talk } = context;
  talk.say(title({ id: run.id, flow, customer: options.customer }));
  if (!run.created) talk.say([faint("  it was there already: joined")]);
  if (isEmbedded)
    talk.say([faint(`  nobody else works on ${connection}: this process does it itself`)]);
  talk.say([]);
  const shown = options.json === true ? jsonProgress(data) : progress(talk);
  const leave = (): void => {
    shown.end();
    talk.say([], ["  ", span("running", "stopped watching"), ...(isEmbedded ? leaving : staying)]);
    if (isEmbedded) talk.say([faint("    finishing what runs; Ctrl-C again stops at once")]);
    talk.say([`    fanfold show ${quoted(run.id)}`]);
  };
  const work = (signal: AbortSignal): Promise<void> =>
    app.work({ ...given({ concurrency: options.concurrency }), listen: false, signal });
  return interruptible(context, leave, (signal) =>
    beside(isEmbedded ? work : undefined, async () => {
      const last = await follow(run.watch(), shown, signal);
      if (last === undefined || !isStill(last)) return exitCodes.interrupted;
      return conclude(context, app, run, last, options);
    }),
  );
}

const staying: Line = ["; the run goes on"];
const leaving: Line = ["; the run goes on with the next   fanfold worker"];

/** Says how it ended; its result is what stdout gets. */
export async function conclude(
  { data, talk }: Context,
  app: App,
  run: Run,
  last: Status,
  { json }: Pick<StartOptions, "json">,
): Promise<ExitCode> {
  talk.say([], ...verdict(last));
  if (last.state === "held") talk.say(...heldAdvice(run.id));
  if (last.state === "done" && json !== true) {
    const result = shownResult(app, last.flow, await run.result());
    if (result !== undefined && result !== null) data.write(`${JSON.stringify(result, null, 2)}\n`);
  }
  return exitOfRun(last);
}

/** What a person may do about a run that waits for him. */
export function heldAdvice(id: string): [string][] {
  const run = quoted(id);
  return [
    ["    it waits for you: retry a group, skip it, or go on as it is"],
    [`    fanfold redrive ${run} --group 1`],
    [`    fanfold release ${run} --reason "…"`],
  ];
}
