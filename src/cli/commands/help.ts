import { Command } from "commander";

import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { usage } from "../failure.ts";
import { topics } from "../topics.ts";

/** `program` is the whole of the command line: whose commands it helps with. */
export function helpCommand(
  act: (act: Act<object>) => () => Promise<void>,
  program: () => Command,
): Command {
  return new Command("help")
    .summary("help with a command, or on a topic")
    .description("Says the same as  fanfold <command> --help,  or what several commands share.")
    .argument("[topic]", `a command, or one of ${Object.keys(topics).join(", ")}`)
    .addHelpText(
      "after",
      `
Topics:
${topicLines()}

Examples:
  fanfold help redrive
  fanfold help exit-codes`,
    )
    .action(act(help(program)));
}

/** "exit-codes   what a script can tell from the code alone" */
export function topicLines(): string {
  return Object.entries(topics)
    .map(([name, { about }]) => `  ${name.padEnd(12)}  ${about}`)
    .join("\n");
}

const help =
  (program: () => Command): Act<object> =>
  async ({ data }, _options, asked) => {
    const verb = program().commands.find((command) => command.name() === asked);
    const topic = Object.hasOwn(topics, asked ?? "") ? topics[asked ?? ""] : undefined;
    if (asked === undefined) program().outputHelp();
    else if (verb !== undefined) verb.outputHelp();
    else if (topic !== undefined) data.write(`${topic.text}\n`);
    else
      throw usage(
        `there is no command and no topic "${asked}"; topics are ${Object.keys(topics).join(", ")}`,
        "fanfold --help",
      );
    return exitCodes.ok;
  };
