import { existsSync, renameSync } from "node:fs";
import { relative, resolve } from "node:path";

import { Command } from "commander";

import { durationMs, type Duration } from "../../define/duration.ts";
import type { Act, Context, GlobalOptions, Signal } from "../context.ts";
import type { Order } from "../dev/messages.ts";
import { supervisor, type Supervisor } from "../dev/supervisor.ts";
import { exitCodes } from "../exit.ts";
import type { ExitCode } from "../exit.ts";
import { usage } from "../failure.ts";
import { filePath, find } from "../load.ts";
import * as options from "../options.ts";
import { given } from "../options.ts";
import { faint } from "../style.ts";

type DevOptions = {
  readonly port: number;
  readonly concurrency?: number;
  readonly workers?: number;
  readonly drain: Duration;
  readonly fresh?: boolean;
};

export function devCommand(act: (act: Act<DevOptions>) => () => Promise<void>): Command {
  return new Command("dev")
    .summary("work while the code is edited: reloads on save")
    .description(
      "Works on what there is to do and says what happens. When a file of the app is saved, new attempts use the new code; what " +
        "runs finishes on the old. A file that cannot be loaded changes nothing. Runs are kept from one time to the next. " +
        "Schedules start nothing by themselves. Ctrl-C or q finishes what runs, a second one stops at once.",
    )
    .argument("[app]", "the app file (default: app.ts)")
    .option(
      "--port <n>",
      "where other commands and processes reach it, or the next free one",
      options.wholeNumber(0, 65_535),
      4_400,
    )
    .option("--workers <n>", "processes that work (default: 1)", options.wholeNumber(1, 256))
    .option(
      "--concurrency <n>",
      "sub-jobs at once, in each process (default: 50)",
      options.wholeNumber(1, 100_000),
    )
    .option(
      "--drain <duration>",
      "how long a stop or a reload waits for what runs",
      options.duration,
      "30s",
    )
    .option("--fresh", "begin with no runs; those of before are set aside")
    .addHelpText(
      "after",
      `
Examples:
  fanfold dev
  fanfold dev ./billing/app.ts --port 4410
  fanfold dev --fresh
  fanfold start monthly-invoices '{"month":"2026-10"}'     in another terminal`,
    )
    .action(act(dev));
}

const dev: Act<DevOptions> = async (context, wanted, file) => {
  const app = file ?? wanted.app;
  if (wanted.fresh === true) await setAside(context, { ...wanted, ...given({ app }) });
  const { stdin, talk } = context;
  const hasKeys = stdin.isTTY === true && stdin.setRawMode !== undefined && talk.isLive;
  const order: Order = {
    ...given({ app, url: wanted.url, concurrency: wanted.concurrency, workers: wanted.workers }),
    port: wanted.port,
    drain: wanted.drain,
    hasKeys,
    wishes: given({ plain: wanted.plain, color: wanted.color }),
  };
  const at = supervisor(context, order, durationMs(wanted.drain, "--drain"));
  const stopping = stopOn(context, at);
  if (hasKeys) void keys(context, at, stopping.onSignal);
  try {
    const code = await at.ended;
    return stopping.by() === "SIGINT" ? exitCodes.interrupted : known(code);
  } finally {
    stopping.forget();
    if (hasKeys) stdin.setRawMode?.(false);
  }
};

function known(code: number): ExitCode {
  return Object.values(exitCodes).find((one) => one === code) ?? exitCodes.bug;
}

/** The first signal drains, the second ends at once. */
function stopOn({ talk, quit, onSignal: on }: Context, at: Supervisor) {
  let by: Signal | "q" | undefined;
  const onSignal = (signal: Signal | "q"): void => {
    if (by !== undefined) {
      at.kill();
      return quit(exitCodes.interrupted);
    }
    by = signal;
    talk.say([faint("  drains: takes nothing new, finishes what runs. Again stops at once")]);
    at.stop();
  };
  return { onSignal, by: () => by, forget: on(onSignal) };
}

/** A key is a command, without Enter; in this mode Ctrl-C is one, too. */
async function keys(
  { stdin }: Context,
  at: Supervisor,
  onSignal: (signal: Signal | "q") => void,
): Promise<void> {
  stdin.setRawMode?.(true);
  for await (const chunk of stdin)
    for (const key of String(chunk)) {
      if (key === "\u0003") onSignal("SIGINT");
      if (key === "q") onSignal("q");
      if (key === "r") at.tell("runs");
      if (key === "s") at.tell("fire");
    }
}

/** What fanfold's file consists of: nobody has it open, so they can be renamed one by one. */
const parts = ["", "-wal", "-shm"];

/** The file of the runs gets another name: nothing is deleted. Throws UsageError where there is no file to set aside. */
async function setAside(context: Context, options: GlobalOptions): Promise<void> {
  const { known: url = "" } = await find(context, options);
  const name = filePath(url);
  if (name === undefined)
    throw usage(`--fresh is for a file, and ${url} is none`, "fanfold dev     keeps what is there");
  const path = resolve(context.cwd, name);
  if (!existsSync(path)) return;
  const { ownerOf } = await import("../../engines/sqlite/owner.ts");
  const owner = ownerOf(path);
  if (owner !== undefined)
    throw usage(`${name} is in use by process ${owner.pid} ("${owner.name}")`, `kill ${owner.pid}`);
  const stamp = new Date(context.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const kept = path.replace(/(\.[^./]*)?$/, `-${stamp}$1`);
  for (const part of parts) if (existsSync(path + part)) renameSync(path + part, kept + part);
  const shown = relative(context.cwd, kept);
  context.talk.say([faint(`  earlier runs are kept:   fanfold runs --url sqlite:${shown}`)]);
}
