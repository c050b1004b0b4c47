/** Processes that a test starts, listens to and kills. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until } from "../until.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-faults-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

let files = 0;
export function newFile(): string {
  files += 1;
  return join(folder, `${files}`, "test.db");
}

export type Child = {
  readonly pid: number;
  readonly lines: readonly string[];
  readonly errors: readonly string[];
  /** The rest of the first line that begins with this word. */
  readonly said: (word: string, withinMs?: number) => Promise<string>;
  /** Of the last line that begins with this word, so far. */
  readonly last: (word: string) => string | undefined;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** "9", or "SIGKILL"; rejects if it does not end in time. */
  readonly ended: (withinMs?: number) => Promise<string>;
  readonly isOver: () => boolean;
};

const running = new Set<() => void>();
process.once("exit", () => {
  for (const kill of running) kill();
});

export type ChildOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
};

/** `node test/faults/program.ts SCENARIO FILE COUNT`, or another program of this folder. */
export function start(args: readonly string[], { env = {}, uid }: ChildOptions = {}): Child {
  const [first = ""] = args;
  const [program, rest] = first.endsWith(".ts") ? [first, args.slice(1)] : ["program.ts", args];
  const child = spawn(process.execPath, [join(import.meta.dirname, program), ...rest], {
    env: { ...process.env, NODE_NO_WARNINGS: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const lines: string[] = [];
  const errors: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  createInterface(child.stderr).on("line", (line) => errors.push(line));
  let end: string | undefined;
  const kill = () => void child.kill("SIGKILL");
  running.add(kill);
  child.once("close", (code, signal) => {
    end = signal ?? String(code);
    running.delete(kill);
  });
  const restOf = (line: string | undefined, word: string) => line?.slice(word.length + 1);
  const isOf = (word: string) => (line: string) => line === word || line.startsWith(`${word} `);
  return {
    pid: child.pid ?? 0,
    lines,
    errors,
    said: (word, withinMs = 60_000) =>
      until(
        () => {
          const line = lines.find(isOf(word));
          if (line === undefined && end !== undefined)
            throw new Error(
              `ended with ${end} before it said ${word}: ${[...lines, ...errors].slice(-20).join("\n")}`,
            );
          return restOf(line, word);
        },
        { withinMs, what: `a line that begins with "${word}"` },
      ),
    last: (word) => restOf(lines.findLast(isOf(word)), word),
    kill: (signal) => void child.kill(signal),
    ended: (withinMs = 60_000) => until(() => end, { withinMs, what: "the end of the child" }),
    isOver: () => end !== undefined,
  };
}
