/** Runs a command in this process, as from a pipe. */
import { Writable } from "node:stream";
import type { Io } from "../../src/cli/context.ts";
import type { Stream } from "../../src/cli/print.ts";
import { run } from "../../src/cli/program.ts";
import { systemClock } from "../../src/engines/system.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { until } from "../until.ts";

export type Said = { readonly code: number; readonly stdout: string; readonly stderr: string };

export async function fanfold(...args: readonly string[]): Promise<Said> {
  return fanfoldAt(systemClock(), ...args);
}

/** The same, at another time. */
export async function fanfoldAt(clock: Clock, ...args: readonly string[]): Promise<Said> {
  const stdout = sink();
  const stderr = sink();
  const code = await run(args, { ...ioTo(stdout.stream, stderr.stream), clock });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

/** A world in which nobody types and no signal comes. */
export function ioTo(stdout: Stream = sink().stream, stderr: Stream = sink().stream): Io {
  return {
    stdin: empty(),
    stdout,
    stderr,
    env: { TZ: "UTC" },
    cwd: import.meta.dirname,
    called: "fanfold",
    clock: systemClock(),
    onSignal: () => () => undefined,
    quit: () => undefined,
  };
}

/** So that what begins later is newer, however fast the machine is. */
export async function inItsOwnMs<T>(start: () => Promise<T>): Promise<T> {
  const started = await start();
  const now = Date.now();
  await until(() => Date.now() > now);
  return started;
}

export function sink(): { readonly stream: Writable; readonly text: () => string } {
  let text = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  return { stream, text: () => text };
}

async function* empty(): AsyncGenerator<string> {}

/** The same output at any time: instants and durations by their kind. */
export function timeless(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "yyyy-mm-ddThh:mmZ")
    .replaceAll(/\b(?:\w{3} \d+ \w{3} )?\d\d:\d\d(?::\d\d)?\b/g, "hh:mm")
    .replaceAll(/hh:mm(?: – hh:mm)? {2,}/g, "hh:mm  ") // As wide as it happens to be.
    .replaceAll(/\b\d+(?:\.\d+)? (?:ms|s|m \d\d s|h \d\d m)(?!\w)/g, "1 s")
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}
