import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { ScheduleStatus } from "../../app/schedules.ts";
import type { Act, Context, GlobalOptions } from "../context.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { count, instant, iso } from "../format.ts";
import { list, watchOption, type Listed, type ListOptions } from "../listing.ts";
import { open, openToRead } from "../load.ts";
import { faint, span, stated, symbols, table } from "../style.ts";
import type { Cell } from "../style.ts";
import { quoted } from "../view.ts";

type SchedulesOptions = ListOptions & { readonly reason?: string };

export function schedulesCommand(
  act: (act: Act<SchedulesOptions>) => () => Promise<void>,
): Command {
  return new Command("schedules")
    .summary("list schedules; fire, pause or resume one")
    .description(
      "Lists schedules: when each comes next, and what came of its last tick. Fires, pauses or resumes one.",
    )
    .argument("[action]", "fire, pause or resume")
    .argument("[schedule]", "name of a schedule of the app")
    .option("--reason <text>", "why; pause and resume want one")
    .option(...watchOption)
    .option("--json", "print one JSON object a line; with --watch, one for the whole list")
    .addHelpText(
      "after",
      `
Examples:
  fanfold schedules
  fanfold schedules --watch
  fanfold schedules fire month-end     starts a run now, and prints its id
  fanfold schedules pause month-end --reason "audit until Friday"`,
    )
    .action(act(schedules));
}

const schedules: Act<SchedulesOptions> = async (context, options, action, name) => {
  if (action !== undefined) return decide(context, options, action, name);
  const { app } = await openToRead(context, options);
  try {
    return await list(context, options, async () =>
      listed(await app.schedules(), context.clock.now()),
    );
  } finally {
    await app.close();
  }
};

async function decide(
  context: Context,
  options: SchedulesOptions & GlobalOptions,
  action: string,
  name: string | undefined,
): Promise<ExitCode> {
  const next = `fanfold schedules ${action} <schedule>`;
  if (action !== "fire" && action !== "pause" && action !== "resume")
    throw usage(
      `unknown action "${action}": expected fire, pause or resume`,
      "fanfold schedules --help",
    );
  if (options.watch === true)
    throw usage(`--watch is of the list: there is none of ${action}`, "fanfold schedules --watch");
  if (name === undefined) throw usage(`say which schedule to ${action}`, next);
  const { app } = await open(context, options);
  try {
    await carryOut(context, app, action, name, options);
    return exitCodes.ok;
  } finally {
    await app.close();
  }
}

async function carryOut(
  { data, talk }: Context,
  app: App,
  action: "fire" | "pause" | "resume",
  name: string,
  { reason }: SchedulesOptions,
): Promise<void> {
  const schedule = app.schedule(name);
  if (action === "fire") {
    const { run } = await schedule.fire(reason === undefined ? {} : { reason });
    data.write(`${run}\n`);
    talk.say(["  ", span("ok", symbols.done), " started", faint(`   fanfold show ${quoted(run)}`)]);
    return;
  }
  if (reason === undefined)
    throw usage(
      `${action} wants a reason: others will ask`,
      `fanfold schedules ${action} ${name} --reason "…"`,
    );
  await schedule[action](reason);
  const how = action === "pause" ? "paused" : "goes on with its next tick";
  talk.say(["  ", span("ok", symbols.done), ` ${name} ${how}`, faint("   fanfold schedules")]);
}

function listed(all: readonly ScheduleStatus[], now: number): Listed {
  const none = "  no schedules: define one with schedule(…) and put it among the app's parts";
  const rows = all.map((one) => cells(one, now));
  return {
    of: "schedules",
    lines: all.length === 0 ? [] : table(columns, rows),
    hints: all.length === 0 ? [[none]] : [],
    rows: all.map((one) => ["schedule", fieldsOf(one)]),
  };
}

const columns = [
  { title: "schedule" },
  { title: "rule" },
  { title: "starts" },
  { title: "next" },
  { title: "last" },
  { title: "state" },
  { title: "skipped", align: "right" },
] as const;

function cells(one: ScheduleStatus, now: number): readonly Cell[] {
  const { last, skipped } = one;
  return [
    one.schedule,
    one.rule,
    one.starts ?? faint("not in this program"),
    nextOf(one, now),
    last === undefined ? "" : instant(last.at, now),
    last === undefined ? "" : last.state === undefined ? (last.because ?? "") : stated(last.state),
    skipped === 0 ? "" : count(skipped),
  ];
}

function nextOf({ paused, nextAt }: ScheduleStatus, now: number): Cell {
  if (paused !== undefined)
    return span("held", `paused${paused.reason === undefined ? "" : `: ${paused.reason}`}`);
  return nextAt === undefined ? "" : instant(nextAt, now);
}

function fieldsOf({
  nextAt,
  last,
  paused,
  ...rest
}: ScheduleStatus): Readonly<Record<string, unknown>> {
  return {
    ...rest,
    nextAt: nextAt === undefined ? null : iso(nextAt),
    last: last === undefined ? null : { ...last, at: iso(last.at) },
    paused: paused === undefined ? null : { ...paused, at: iso(paused.at) },
  };
}
