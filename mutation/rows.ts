/** What was found, a row per bug: docs/reliability/mutations.json, from which the scoreboard makes its table. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { netNames, type Verdict } from "./nets.ts";

/** commit: the last that changed the sources it was planted in; a plus where they were not what was committed. */
export type Row = {
  readonly bug: string;
  readonly commit: string;
  readonly seeds: number;
  /** By name; a net that did not look at it has none. */
  readonly nets: Readonly<Record<string, Verdict>>;
};

export type Written = {
  readonly tool: "mutate";
  readonly at: string;
  readonly bugs: readonly Row[];
};

const root = join(import.meta.dirname, "..");
const file = join(root, "docs/reliability/mutations.json");
const sources = ["src", "test", "mutation", "torture"];

export function isCaught({ nets }: Row): boolean {
  return Object.values(nets).some(({ caught }) => caught);
}

export function rows(): readonly Row[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Written).bugs : [];
}

/** Puts these rows in the place of older ones of the same bugs; of bugs that are no more, none is kept. */
export function write(found: readonly Row[], names: readonly string[]): void {
  const known = new Map([...rows(), ...found].map((row) => [row.bug, row]));
  const written: Written = {
    tool: "mutate",
    at: new Date().toISOString(),
    bugs: names.flatMap((name) => known.get(name) ?? []),
  };
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(written, null, 2)}\n`);
}

export function commitOfSources(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const isChanged = git("status", "--porcelain", "--", ...sources) !== "";
  return `${git("log", "-1", "--format=%h", "--", ...sources)}${isChanged ? "+" : ""}`;
}

/** A line of the table: seconds, and of a simulator the seed. */
export function rowOf({ bug, nets }: Row): string {
  const cells = netNames.map((name) => {
    const net = nets[name];
    if (net === undefined) return "";
    if (!net.caught) return "–";
    const hung = net.by === "it hangs" ? "hangs, " : "";
    const seed = net.seed === undefined ? "" : `seed ${net.seed}, `;
    return `${hung}${seed}${net.seconds.toFixed(1)} s`;
  });
  return `| ${bug} | ${cells.join(" | ")} |`;
}
