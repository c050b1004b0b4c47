import { Command } from "commander";

import type { App } from "../../app/app.ts";
import type { Job } from "../../define/job.ts";
import type { Act } from "../context.ts";
import { usage } from "../failure.ts";
import { readInput } from "../input.ts";
import { open } from "../load.ts";
import * as options from "../options.ts";
import { afterwards, startOf, type StartOptions } from "./start.ts";

export function sendCommand(act: (act: Act<StartOptions>) => () => Promise<void>): Command {
  return new Command("send")
    .summary("run one job by itself, now or later")
    .description(
      "Runs one job by itself: durable, tried again, shown and redriven as any run. The same id and input again " +
        "joins it, the same id with another input is refused.",
    )
    .argument("<job>", "name of a job of the app")
    .argument("[input]", "JSON, @file, or - for stdin (default: {})")
    .option("--id <id>", "id of its run (default: one nobody had before)")
    .option("--in <duration>", "so long from now", options.duration)
    .option("--at <when>", "then: a date and time", options.date)
    .option("--deadline <when>", "duration or date and time", options.durationOrDate)
    .option("--customer <name>", "for fairness between customers, and to filter by")
    .option("--priority <priority>", "low, normal, high or urgent", options.priority)
    .option("--tag <name=value>", "may be repeated", options.tag)
    .option("--if-exists <what>", "join (default) or reject", options.ifExists)
    .option("--watch", "follow it to its end; the exit code tells the outcome")
    .option("--json", "print the run as JSON; with --watch one object a line as it goes on")
    .addHelpText(
      "after",
      `
Examples:
  fanfold send send-invoice '{"id":"c-7","email":"c7@example.com"}' --id late-c-7 --in 3d
  fanfold send send-invoice @input.json --at 2026-12-01T08:00+01:00
  fanfold show late-c-7     when it is to begin, or what came of it`,
    )
    .action(act(send));
}

const send: Act<StartOptions> = async (context, wanted, jobName = "", inputText) => {
  const opened = await open(context, wanted);
  const { app } = opened;
  try {
    const job = jobNamed(app, jobName);
    const input = await readInput(context, inputText, `fanfold send ${jobName} '{"…": …}'`);
    const run = await app.send(job, input, startOf(wanted, jobName));
    return await afterwards(context, opened, run, jobName, wanted);
  } finally {
    await app.close();
  }
};

function jobNamed(app: App, name: string): Job {
  const jobs = app.parts.filter((part): part is Job => part.kind === "job");
  const found = jobs.find((job) => job.name === name);
  if (found !== undefined) return found;
  const known = jobs.map((job) => `"${job.name}"`).join(", ");
  throw usage(
    `unknown job "${name}": ${known === "" ? "this app has no jobs in its parts" : `this app knows ${known}`}`,
    jobs[0] === undefined
      ? "fanfold init example     writes one"
      : `fanfold send ${jobs[0].name} '{}'`,
  );
}
