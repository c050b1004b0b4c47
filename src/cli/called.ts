/**
 * How people call this program, so that a hint can be typed as it stands: `fanfold` where it is installed for all, `npx fanfold` (or
 * `pnpm fanfold`, …) where it is a dependency of a project and no shell finds it by its name.
 */
import { delimiter, dirname, join, sep } from "node:path";
import type { Terminal } from "./print.ts";
import type { Line } from "./style.ts";

const plainName = "fanfold";

/** By the name that a package manager gives itself in npm_config_user_agent. */
const runners: Readonly<Record<string, string>> = {
  npm: "npx fanfold",
  pnpm: "pnpm fanfold",
  yarn: "yarn fanfold",
  bun: "bunx fanfold",
};

/** `script` is what Node runs: the link in node_modules/.bin, or the file itself. */
export function calledAs(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const modules = script.lastIndexOf(`${sep}node_modules${sep}`);
  const project = modules === -1 ? undefined : script.slice(0, modules);
  // The modules of a project that one is in, or what npx has fetched for the moment; others are those of the machine.
  const isLocal =
    project !== undefined &&
    (`${cwd}${sep}`.startsWith(`${project}${sep}`) || dirname(project).endsWith("_npx"));
  if (!isLocal) return plainName;
  const [agent = ""] = (env["npm_config_user_agent"] ?? "").split("/");
  // Only for what a package manager runs, it puts the project's programs on the path.
  const paths = agent === "" ? (env["PATH"] ?? "").split(delimiter) : [];
  if (paths.includes(join(project, "node_modules", ".bin"))) return plainName;
  return runners[agent] ?? "npx fanfold";
}

/** What may follow in a hint; a message of somebody's error that begins with the name is none. */
export const verbs: readonly string[] = [
  "demo",
  "init",
  "dev",
  "start",
  "send",
  "worker",
  "serve",
  "show",
  "watch",
  "tail",
  "why",
  "failures",
  "dead",
  "export",
  "statistics",
  "runs",
  "workers",
  "queues",
  "log",
  "schedules",
  "webhooks",
  "doctor",
  "check",
  "redrive",
  "skip",
  "release",
  "close",
  "cancel",
  "reopen",
  "pause",
  "resume",
  "set",
  "completion",
  "help",
];

/** At the beginning of a line or of a piece of it, or behind a gap. */
const hint = new RegExp(`(^|\\s{2,})fanfold (?=(?:${verbs.join("|")}|--help|…)(?:\\s|$))`, "gm");

export function asCalled(text: string, called: string): string {
  return called === plainName ? text : text.replaceAll(hint, `$1${called} `);
}

/** The same terminal, on which hints can be typed as they stand. What is written as it is stays as it is. */
export function hinting(terminal: Terminal, called: string): Terminal {
  if (called === plainName) return terminal;
  const named = (line: Line): Line =>
    line.map((piece) =>
      typeof piece === "string"
        ? asCalled(piece, called)
        : { ...piece, text: asCalled(piece.text, called) },
    );
  return {
    ...terminal,
    say: (...lines) => terminal.say(...lines.map(named)),
    show: (lines) => terminal.show(lines.map(named)),
  };
}
