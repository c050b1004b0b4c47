import { Command } from "commander";

import type { Tailing } from "../../app/events.ts";
import type { RunEvent } from "../../core/run-event.ts";
import type { Flow } from "../../define/flow.ts";
import { interruptible } from "../context.ts";
import type { Act, Context } from "../context.ts";
import { story } from "../dev/story.ts";
import { exitCodes } from "../exit.ts";
import { usage } from "../failure.ts";
import { day, iso } from "../format.ts";
import { jsonLine } from "../json.ts";
import { openToRead } from "../load.ts";
import * as options from "../options.ts";
import { faint, textOfLine } from "../style.ts";
import type { Line } from "../style.ts";

type TailOptions = {
  readonly from?: number | Date;
  readonly since?: string;
  readonly grep?: string;
  readonly follow: boolean;
  readonly json?: boolean;
};

export function tailCommand(act: (act: Act<TailOptions>) => () => Promise<void>): Command {
  return new Command("tail")
    .summary("events of runs and steps as they happen")
    .description(
      "Prints what happens to runs and steps from now on, or from before, a line each, until Ctrl-C. What sub-jobs do is not among it: a " +
        "million of them would be a million lines. Of what retention has removed, the flow and the tags are no longer known.",
    )
    .argument("[pattern]", "of these only: part of a type, a run's id, a flow or a step")
    .option(
      "--from <place>",
      "from this offset on, as in `fanfold log`, or this date and time",
      options.offsetOrDate,
    )
    .option("--since <duration>", 'from so long ago on: "2h"', options.duration)
    .option("--grep <text>", "those that have this text, in capitals or not: an error, a reason")
    .option("--no-follow", "end with what there is, instead of waiting for more")
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold tail
  fanfold tail invoices-2026-10
  fanfold tail --since 2h --grep "mailbox busy" --no-follow
  fanfold tail run.held --from 2026-11-21T02:00+01:00 --json | jq -r .run`,
    )
    .action(act(tail));
}

const tail: Act<TailOptions> = async (context, { json, grep, ...wanted }, pattern = "") => {
  const { data, talk } = context;
  const from = begins(context, wanted);
  const { app } = await openToRead(context, { ...wanted, watch: wanted.follow });
  const flows = new Map(
    app.parts.filter((part): part is Flow => part.kind === "flow").map((flow) => [flow.name, flow]),
  );
  const tell = story(flows);
  let printed = 0;
  let shownDay = day(context.clock.now());

  function print(event: RunEvent): void {
    const line = tell(event); // In any case: it remembers what began.
    if (!isMeant(event, pattern) || !has(event, line, grep)) return;
    printed += 1;
    if (json === true) return data.write(jsonLine("event", { ...event, at: iso(event.at) }));
    if (line === undefined) return;
    if (day(event.at) !== shownDay) {
      shownDay = day(event.at);
      data.say([faint(`  ${shownDay}`)]);
    }
    data.say(line);
  }

  const listens = (): void => talk.say([faint("  listening; Ctrl-C ends it")]);
  const onReady = wanted.follow ? listens : () => undefined;
  try {
    return await interruptible(
      context,
      () => undefined,
      async (signal) => {
        const tailing = { ...from, follow: wanted.follow, signal, onReady };
        for await (const event of app.events(tailing)) print(event);
        if (printed === 0 && !signal.aborted) talk.say(["  nothing matches"], ["    fanfold runs"]);
        return signal.aborted ? exitCodes.interrupted : exitCodes.ok;
      },
    );
  } finally {
    await app.close();
  }
};

/** Without following, all there is, unless somebody said from when on. */
function begins({ clock }: Context, { from, since, follow }: TailOptions): Tailing {
  if (from !== undefined && since !== undefined)
    throw usage("--from and --since both say where to begin: say one", "fanfold tail --help");
  if (since !== undefined) return { since: new Date(options.instantBefore(since, clock.now())) };
  if (from === undefined) return follow ? {} : { from: 0 };
  return typeof from === "number" ? { from } : { since: from };
}

function isMeant(event: RunEvent, pattern: string): boolean {
  const step = "step" in event ? event.step : "";
  return [event.type, event.run, event.flow, step].some((text) => text.includes(pattern));
}

/** In its line, or in what is known of it besides; names of fields are in every event, and do not count. */
function has(event: RunEvent, line: Line | undefined, text: string | undefined): boolean {
  if (text === undefined) return true;
  const known = Object.values(event).map((value) =>
    typeof value === "object" ? JSON.stringify(value) : String(value),
  );
  const all = [...known, textOfLine(line ?? [])].join("\n");
  return all.toLowerCase().includes(text.toLowerCase());
}
