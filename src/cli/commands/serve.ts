import { Command } from "commander";

import { interruptible } from "../context.ts";
import type { Act, Signal } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { insteadOf } from "../format.ts";
import { open, openToRead } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { faint, span, symbols } from "../style.ts";

type ServeOptions = {
  readonly host?: string;
  readonly port: number;
  readonly readOnly?: boolean;
  readonly token?: string;
};

export function serveCommand(act: (act: Act<ServeOptions>) => () => Promise<void>): Command {
  return new Command("serve")
    .summary("own the file and answer others, without working")
    .description(
      "Keeps the file, decides what comes next in its runs, and answers other processes of this machine over HTTP; works on nothing " +
        "itself. With --read-only it answers questions and refuses the rest with 403; a file is then read beside its owner, who goes on. " +
        "With a token, who asks must say the same (FANFOLD_TOKEN); an address that other machines reach needs one. Nothing is encrypted: " +
        "keep it within a network that you trust, or behind something that encrypts.",
    )
    .argument("[app]", "the app file (default: app.ts)")
    .option("--host <address>", "where it listens; 0.0.0.0: on all addresses (default: 127.0.0.1)")
    .option(
      "--port <n>",
      "where it answers, or the next free one",
      options.wholeNumber(0, 65_535),
      4_400,
    )
    .option("--read-only", "others may look, and change nothing")
    .option(
      "--token <token>",
      "who asks must say it; better FANFOLD_TOKEN, which no list of processes shows",
    )
    .addHelpText(
      "after",
      `
Examples:
  fanfold serve
  fanfold serve ./billing/app.ts --port 4410
  fanfold worker --url http://127.0.0.1:4400     in another terminal, works for it
  fanfold serve --read-only --host 0.0.0.0     with FANFOLD_TOKEN set, here and where it is asked`,
    )
    .action(act(serve));
}

const serve: Act<ServeOptions> = async (context, asked, file) => {
  const { host, port, readOnly, token, ...wanted } = asked;
  const begin = readOnly === true ? openToRead : open;
  const { app } = await begin(context, { ...wanted, ...given({ app: file }) });
  const { talk } = context;
  let stoppedBy: Signal | undefined;
  const say = (text: string): void =>
    talk.say(["  ", span("running", symbols.running), ` ${text}`]);
  const tell = (url: string | undefined): void => {
    if (url === undefined) return say("serves beside others");
    say(
      `answers other processes at ${url}${readOnly === true ? ", questions only" : ""}${insteadOf(port, url)}`,
    );
    if (host !== undefined && !url.includes(host))
      talk.say([faint(`    and on ${host}; nothing is encrypted`)]);
  };
  try {
    await interruptible(
      context,
      (by) => (stoppedBy = by),
      (signal) =>
        app.work({
          queues: [], // It takes nothing, as it serves no queue.
          concurrency: 1,
          listen: { port, ...given({ host, token, readOnly }) },
          signal,
          onReady: ({ url }) => tell(url),
        }),
    );
    say(readOnly === true ? "stopped" : "stopped: runs go on with the next who serves");
    return stoppedBy === "SIGINT" ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    await app.close();
  }
};
