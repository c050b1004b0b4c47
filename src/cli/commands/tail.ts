import { Command } from "commander";

import type { RunEvent } from "../../core/run-event.ts";
import type { Flow } from "../../define/flow.ts";
import { interruptible } from "../context.ts";
import type { Act } from "../context.ts";
import { story } from "../dev/story.ts";
import { exitCodes } from "../exit.ts";
import { iso } from "../format.ts";
import { jsonLine } from "../json.ts";
import { openToRead } from "../load.ts";
import { faint } from "../style.ts";

type TailOptions = { readonly json?: boolean };

export function tailCommand(act: (act: Act<TailOptions>) => () => Promise<void>): Command {
  return new Command("tail")
    .summary("events of runs and steps as they happen")
    .description(
      "Prints what happens to runs and steps from now on, a line each, until Ctrl-C. What sub-jobs do is not among it: a million of " +
        "them would be a million lines.",
    )
    .argument("[pattern]", "of these only: part of a type, a run's id, a flow or a step")
    .option("--json", "print one JSON object a line")
    .addHelpText(
      "after",
      `
Examples:
  fanfold tail
  fanfold tail invoices-2026-10
  fanfold tail run.held --json | jq -r .run`,
    )
    .action(act(tail));
}

const tail: Act<TailOptions> = async (context, { json, ...options }, pattern = "") => {
  const { data, talk } = context;
  const { app } = await openToRead(context, options);
  const flows = new Map(
    app.parts.filter((part): part is Flow => part.kind === "flow").map((flow) => [flow.name, flow]),
  );
  const tell = story(flows);
  try {
    app.on("*", (event) => {
      if (!isMeant(event, pattern)) return;
      if (json === true) return data.write(jsonLine("event", { ...event, at: iso(event.at) }));
      const line = tell(event);
      if (line !== undefined) data.say(line);
    });
    return await interruptible(
      context,
      () => undefined,
      async (signal) => {
        await app.standing(); // Opens it: from here on, nothing is missed.
        talk.say([faint("  listening; Ctrl-C ends it")]);
        await context.clock.sleep(forever, signal);
        return exitCodes.interrupted;
      },
    );
  } finally {
    await app.close();
  }
};

/** The longest that a timer of Node's can be: 24 days. */
const forever = 2 ** 31 - 1;

function isMeant(event: RunEvent, pattern: string): boolean {
  const step = "step" in event ? event.step : "";
  return [event.type, event.run, event.flow, step].some((text) => text.includes(pattern));
}
