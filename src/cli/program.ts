/** The command line: verbs, help that teaches, and one place where everything ends in an exit code. */
import { Command, CommanderError } from "commander";

import { asCalled, hinting } from "./called.ts";
import { redriveCommand, skipCommand } from "./commands/bulk.ts";
import { checkCommand } from "./commands/check.ts";
import { completionCommand } from "./commands/completion.ts";
import { deadCommand } from "./commands/dead.ts";
import { demoCommand } from "./commands/demo.ts";
import { devCommand } from "./commands/dev.ts";
import { cancelCommand, closeCommand, releaseCommand, reopenCommand } from "./commands/ending.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { exportCommand } from "./commands/export.ts";
import { failuresCommand } from "./commands/failures.ts";
import { helpCommand, topicLines } from "./commands/help.ts";
import { initCommand } from "./commands/init.ts";
import { logCommand } from "./commands/log.ts";
import { queuesCommand } from "./commands/queues.ts";
import { pauseCommand, resumeCommand } from "./commands/pausing.ts";
import { runsCommand } from "./commands/runs.ts";
import { schedulesCommand } from "./commands/schedules.ts";
import { sendCommand } from "./commands/send.ts";
import { serveCommand } from "./commands/serve.ts";
import { setCommand } from "./commands/set.ts";
import { showCommand } from "./commands/show.ts";
import { startCommand } from "./commands/start.ts";
import { statisticsCommand } from "./commands/statistics.ts";
import { tailCommand } from "./commands/tail.ts";
import { watchCommand } from "./commands/watch.ts";
import { webhooksCommand } from "./commands/webhooks.ts";
import { whyCommand } from "./commands/why.ts";
import { workerCommand } from "./commands/worker.ts";
import { workersCommand } from "./commands/workers.ts";
import type { Act, Context, GlobalOptions, Io } from "./context.ts";
import { exitCodes, exitOfError } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import { failureLines } from "./failure.ts";
import { laterVerb } from "./later.ts";
import { terminal } from "./print.ts";
import type { Wishes } from "./print.ts";
import { processIo } from "./process.ts";
import { span, symbols } from "./style.ts";
import type { Line } from "./style.ts";
import { version } from "./version.ts";

const examples = `
Look first, nothing is written:
  fanfold demo

Then yours:
  fanfold init invoices && cd invoices && npm install && npm run dev

Every day:
  fanfold start monthly-invoices '{"month":"2026-10"}' --id invoices-2026-10 --deadline 90m --watch
  fanfold worker --concurrency 50
  fanfold runs --state held
  fanfold show invoices-2026-10/invoices/c-00013 --payload

Every command has examples:  fanfold <command> --help.  What they share:  fanfold help <topic>
${topicLines()}`;

/** Runs one command and resolves to its exit code; prints everything, throws nothing. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const program = commands(io, (ended) => {
    code = ended;
  });
  try {
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    return refused(error, argv, io, program);
  }
}

/**
 * What nobody caught ends the process: an engine that cannot go on (a full disk) says so and what to do, as any error.
 *
 * Of code of the app's that throws where nobody waits for it, Node's own words say where.
 */
export function uncaught(error: unknown, argv: readonly string[], io: Io): number {
  const code = exitOfError(error);
  if (code !== exitCodes.bug)
    return refused(
      error,
      argv,
      io,
      commands(io, () => undefined),
    );
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { talk } = contextOf(io, {});
  talk.say(
    [
      "  ",
      span("failed", symbols.failed),
      " thrown where nothing catches it, which ends the process:",
    ],
    ...said.split("\n").map((line): Line => [`    ${line}`]),
    ["    what it had in hand is done again:   the same command goes on"],
  );
  return 1; // As Node does.
}

/** Makes the action of a verb from what the verb does. */
type Wrap = <O>(act: Act<O>) => () => Promise<void>;

/** All commands; what a verb ends with goes to `end`. */
export function commands(io: Io, end: (code: ExitCode) => void): Command {
  const program = new Command("fanfold");
  program
    .description("Fan out, fold in: durable, event-driven business processes for TypeScript.")
    .version(version(), "-V, --version", "print the version")
    .option("--url <url>", "connection, instead of FANFOLD_URL and the app file's")
    .option("--app <file>", "the app file (default: app.ts); file.ts#name if it exports several")
    .option("--plain", "lines only, nothing is repainted")
    .option("--color", "colours, also where there is no terminal")
    .option("--no-color", "no colours")
    .addHelpText("after", examples)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(asCalled(text, io.called)),
      writeErr: () => undefined, // Said by refused(), with the next command to type.
    });

  /** Wraps what a verb does: options and arguments as the command line had them, and the exit code out. */
  const wrap =
    (command: () => Command): Wrap =>
    <O>(act: Act<O>) =>
    async () => {
      const self = command();
      const options = self.optsWithGlobals<O & GlobalOptions>();
      end(await act(contextOf(io, wishesOf(program)), options, ...self.args));
    };
  const makers = [
    demoCommand,
    initCommand,
    devCommand,
    startCommand,
    sendCommand,
    workerCommand,
    serveCommand,
    showCommand,
    watchCommand,
    tailCommand,
    whyCommand,
    failuresCommand,
    deadCommand,
    exportCommand,
    statisticsCommand,
    runsCommand,
    workersCommand,
    queuesCommand,
    logCommand,
    schedulesCommand,
    webhooksCommand,
    doctorCommand,
    checkCommand,
    redriveCommand,
    skipCommand,
    releaseCommand,
    closeCommand,
    cancelCommand,
    reopenCommand,
    pauseCommand,
    resumeCommand,
    setCommand,
    (act: Wrap) => completionCommand(act, () => program),
    (act: Wrap) => helpCommand(act, () => program),
  ];
  for (const make of makers) {
    const command: Command = make(wrap(() => command));
    program.addCommand(command.copyInheritedSettings(program));
  }
  return program;
}

/** Commander says `color: true` when nobody said anything. */
function wishesOf(program: Command): Wishes {
  const { plain, color } = program.opts<Wishes>();
  const isSaid = program.getOptionValueSource("color") === "cli";
  return {
    ...(plain === undefined ? {} : { plain }),
    ...(isSaid && color !== undefined ? { color } : {}),
  };
}

function contextOf(io: Io, wishes: Wishes): Context {
  const screen = [io.stdout, io.stderr];
  return {
    ...io,
    data: hinting(terminal(io.stdout, io.env, wishes, screen), io.called),
    talk: hinting(terminal(io.stderr, io.env, wishes, screen), io.called),
  };
}

function refused(error: unknown, argv: readonly string[], io: Io, program: Command): ExitCode {
  const { talk } = contextOf(io, wishesOf(program));
  // The first such word: a reason may say another.
  const verb = argv.find((word) => program.commands.some((command) => command.name() === word));
  const problem = error instanceof CommanderError ? misuse(error, verb) : error;
  talk.say(...failureLines(problem, { argv, verb, version: version() }));
  return exitOfError(problem);
}

/** What commander says, in our words: lower case, no "error:", and with the help that answers it. */
function misuse(error: CommanderError, verb: string | undefined): unknown {
  const said = error.message.replace(/^error: /, "").replace(/\.$/, "");
  const unknown = /^unknown command '([^']+)'/.exec(said)?.[1];
  return laterVerb(said, unknown, verb);
}

/** Runs the command of this process and ends it. */
export async function main(argv: readonly string[]): Promise<void> {
  // `fanfold runs | head` closes the pipe: nobody wants the rest.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.bug);
  });
  const io = processIo();
  process.on("uncaughtException", (error) => process.exit(uncaught(error, argv, io)));
  const code = await run(argv, io);
  // What the app file opened (a pool of connections, say) must not keep a finished command alive.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}
