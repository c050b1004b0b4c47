/** What a verb is given: two terminals, the time, and the signals of the one who started it. */
import type { Clock } from "../ports/clock.ts";
import { exitCodes } from "./exit.ts";
import type { ExitCode } from "./exit.ts";
import type { Stream, Terminal, Wishes } from "./print.ts";

export type Signal = "SIGINT" | "SIGTERM";

/** The part of a stream that is used; process.stdin is one. `setRawMode` makes single keys come without Enter. */
export type Input = AsyncIterable<Uint8Array | string> & {
  readonly isTTY?: boolean;
  readonly setRawMode?: (isRaw: boolean) => unknown;
};

/** The world around the program, so that a test can be one. */
export type Io = {
  readonly stdin: Input;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  /** How people call this program: "npx fanfold" where it is a project's own. */
  readonly called: string;
  readonly clock: Clock;
  /** Calls back on every signal until the returned function is called; until then signals do not end the process. */
  readonly onSignal: (listener: (signal: Signal) => void) => () => void;
  /** Ends the process now, whatever runs. */
  readonly quit: (code: number) => void;
};

export type Context = Io & {
  /** stdout: what the command was asked for. */
  readonly data: Terminal;
  /** stderr: everything else. */
  readonly talk: Terminal;
};

export type GlobalOptions = Wishes & { readonly url?: string; readonly app?: string };

/** What a command does. Commander's options come as text, parsed where the option is declared. */
export type Act<O> = (
  context: Context,
  options: O & GlobalOptions,
  ...args: readonly string[]
) => Promise<ExitCode>;

/**
 * Runs `body` with a signal that fires on the first Ctrl-C (or SIGTERM); a second one ends the process at once.
 *
 * `onFirst` tells the user what happens now.
 */
export async function interruptible<T>(
  io: Io,
  onFirst: (signal: Signal) => void,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = io.onSignal((signal) => {
    if (controller.signal.aborted) return io.quit(exitCodes.interrupted);
    onFirst(signal);
    controller.abort();
  });
  try {
    return await body(controller.signal);
  } finally {
    stop();
  }
}
