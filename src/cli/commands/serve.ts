import { Command } from "commander";

import { interruptible } from "../context.ts";
import type { Act, Signal } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { open } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { span, symbols } from "../style.ts";

type ServeOptions = { readonly port: number };

export function serveCommand(act: (act: Act<ServeOptions>) => () => Promise<void>): Command {
  return new Command("serve")
    .summary("own the file and answer others, without working")
    .description(
      "Keeps the file, decides what comes next in its runs, and answers other processes of this machine over HTTP; works on nothing " +
        "itself. With FANFOLD_TOKEN set, who asks must say the same.",
    )
    .argument("[app]", "the app file (default: app.ts)")
    .option(
      "--port <n>",
      "where it answers, or the next free one",
      options.wholeNumber(0, 65_535),
      4_400,
    )
    .addHelpText(
      "after",
      `
Examples:
  fanfold serve
  fanfold serve ./billing/app.ts --port 4410
  fanfold worker --url http://127.0.0.1:4400     in another terminal, works for it`,
    )
    .action(act(serve));
}

const serve: Act<ServeOptions> = async (context, { port, ...wanted }, file) => {
  const { app } = await open(context, { ...wanted, ...given({ app: file }) });
  const { talk } = context;
  let stoppedBy: Signal | undefined;
  const say = (text: string): void =>
    talk.say(["  ", span("running", symbols.running), ` ${text}`]);
  try {
    await interruptible(
      context,
      (by) => (stoppedBy = by),
      (signal) =>
        app.work({
          queues: [], // It takes nothing, as it serves no queue.
          concurrency: 1,
          listen: port,
          signal,
          onReady: ({ url }) =>
            say(url === undefined ? "serves beside others" : `answers other processes at ${url}`),
        }),
    );
    say("stopped: runs go on with the next who serves");
    return stoppedBy === "SIGINT" ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    await app.close();
  }
};
