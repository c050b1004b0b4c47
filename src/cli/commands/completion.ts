import { Command } from "commander";

import type { App } from "../../app/app.ts";
import { bash } from "../completion/bash.ts";
import { fish } from "../completion/fish.ts";
import { nameKinds, wordsOf, type Names, type Words } from "../completion/words.ts";
import { zsh } from "../completion/zsh.ts";
import type { Act } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { openToRead } from "../load.ts";
import { choice } from "../options.ts";

const shells: Readonly<Record<Shell, (words: Words) => string>> = { bash, zsh, fish };
type Shell = "bash" | "zsh" | "fish";
const what = choice("bash", "zsh", "fish", ...nameKinds);

/** `program` is the whole of the command line: asked when the script is made, as it holds this command too. */
export function completionCommand(
  act: (act: Act<object>) => () => Promise<void>,
  program: () => Command,
): Command {
  return new Command("completion")
    .summary("let the shell complete commands, options and names")
    .description(
      "Prints a script that lets bash, zsh or fish complete commands, options and what they take. " +
        "For the names of flows, jobs, schedules and runs, the script asks fanfold again, which lists them a line each.",
    )
    .argument("<shell>", "bash, zsh or fish; or flows, jobs, schedules, runs: their names", what)
    .addHelpText(
      "after",
      `
Examples:
  eval "$(fanfold completion bash)"     in ~/.bashrc
  eval "$(fanfold completion zsh)"     in ~/.zshrc, behind compinit
  fanfold completion fish > ~/.config/fish/completions/fanfold.fish
  fanfold completion runs`,
    )
    .action(act(print(program)));
}

const print =
  (program: () => Command): Act<object> =>
  async (context, options, asked = "") => {
    const wanted = what(asked);
    if (wanted === "bash" || wanted === "zsh" || wanted === "fish") {
      context.data.write(shells[wanted](wordsOf(program())));
      return exitCodes.ok;
    }
    const { app } = await openToRead(context, options);
    try {
      for (const name of await namesOf(app, wanted)) context.data.write(`${name}\n`);
      return exitCodes.ok;
    } finally {
      await app.close();
    }
  };

/** More than that, nobody reads in a list. */
const mostRuns = 100;

async function namesOf(app: App, wanted: Names): Promise<readonly string[]> {
  if (wanted === "runs") return (await app.runs({ limit: mostRuns })).map(({ run }) => run);
  const kind = wanted === "flows" ? "flow" : wanted === "jobs" ? "job" : "schedule";
  return app.parts.filter((part) => part.kind === kind).map(({ name }) => name);
}
