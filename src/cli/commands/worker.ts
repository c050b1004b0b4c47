import { Command } from "commander";

import type { Duration } from "../../define/duration.ts";
import { interruptible } from "../context.ts";
import type { Act, Context, Signal } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { isChild, open } from "../load.ts";
import { insteadOf } from "../format.ts";
import * as options from "../options.ts";
import { faint, span, symbols } from "../style.ts";

type WorkerOptions = {
  readonly concurrency?: number;
  readonly queues?: readonly string[];
  readonly drain?: Duration;
  readonly processes?: number;
  readonly port?: number;
  readonly healthPort?: number;
  readonly healthHost?: string;
};

export function workerCommand(act: (act: Act<WorkerOptions>) => () => Promise<void>): Command {
  return new Command("worker")
    .summary("work on what there is to do")
    .description(
      "Works until it is stopped. The first Ctrl-C (or SIGTERM) takes nothing new and finishes what runs, the second stops.",
    )
    .argument("[app]", "the app file (default: app.ts)")
    .option(
      "--concurrency <n>",
      "sub-jobs at once, in each process",
      options.wholeNumber(1, 100_000),
    )
    .option("--queues <names>", "only these, with commas between them", options.list)
    .option("--drain <duration>", "how long a stop waits for what runs", options.duration)
    .option(
      "--processes <n>",
      "processes on this machine, for work that needs more than one core",
      options.wholeNumber(1, 1_000),
    )
    .option(
      "--port <n>",
      "where other processes reach the owner of the file",
      options.wholeNumber(0, 65_535),
    )
    .option(
      "--health-port <n>",
      "answer /healthz, /readyz and /metrics there",
      options.wholeNumber(0, 65_535),
    )
    .option("--health-host <host>", "and on this address (default: 127.0.0.1)")
    .addHelpText(
      "after",
      `
Examples:
  fanfold worker --concurrency 50
  fanfold worker ./billing/app.ts --queues mail,default --drain 30s
  fanfold worker --processes 4                       all cores
  fanfold worker --url http://127.0.0.1:4400         helps a process that owns the file`,
    )
    .action(act(worker));
}

const worker: Act<WorkerOptions> = async (context, wanted, file) => {
  const { app } = await open(context, { ...wanted, ...(file === undefined ? {} : { app: file }) });
  const { concurrency, queues, drain, processes, healthPort: port, healthHost: host } = wanted;
  let stoppedBy: Signal | undefined;
  const stopping = (signal: Signal): void => {
    stoppedBy = signal;
    say(context, "drains: takes nothing new, finishes what runs. Ctrl-C again stops at once");
  };
  try {
    const flows = app.parts.filter((part) => part.kind === "flow").map((flow) => flow.name);
    const onReady = ({ url }: { readonly url: string | undefined }): void => {
      if (url !== undefined)
        say(context, `answers other processes at ${url}${insteadOf(wanted.port, url)}`);
    };
    const which = queues === undefined ? "all queues" : `queues ${queues.join(", ")}`;
    say(context, `works on ${which}`, flows.join(" · "));
    await interruptible(context, stopping, (signal) =>
      app.work({
        ...options.given({ concurrency, queues, drain, processes, listen: wanted.port }),
        ...(port === undefined ? {} : { health: { port, ...options.given({ host }) } }),
        signal,
        onReady,
      }),
    );
    say(context, "stopped: nothing is lost, runs go on with the next worker");
    return stoppedBy === "SIGINT" ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    await app.close();
  }
};

function say({ talk, env }: Context, text: string, more = ""): void {
  if (isChild(env)) return;
  talk.say([
    "  ",
    span("running", symbols.running),
    ` ${text}`,
    faint(more === "" ? "" : `   ${more}`),
  ]);
}
