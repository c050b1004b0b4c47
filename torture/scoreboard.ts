/**
 * npm run scoreboard: writes docs/reliability.md from the last published runs in docs/reliability/, and from nothing else.
 *
 *   npm run torture -- --kills 1000 --cuts 200 --publish
 *   npm run -s sim -- --seeds 100000 --json | npm run scoreboard -- --take sim
 *   npm run scoreboard -- --check      is the page what its runs say?
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine } from "../bench/machine.ts";
import { commit } from "./commit.ts";
import { promises, type Promise as Promised } from "./promises.ts";
import { extraPerThousand, recovery, type Report } from "./report.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "docs", "reliability");
const page = join(root, "docs", "reliability.md");

type Fields = Readonly<Record<string, unknown>>;

const grouped = new Intl.NumberFormat("en-US");

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function numbers(of: Fields, names: readonly [string, string]): string {
  const rows = Object.entries(of).flatMap(([name, value]) =>
    typeof value === "number" ? [[name, grouped.format(value)]] : [],
  );
  return rows.length === 0 ? "" : table(names, rows);
}

function linked(promise: Promised): string {
  for (const test of promise.tests)
    if (!existsSync(join(root, test)))
      throw new Error(`${promise.id} names ${test}, which does not exist: see promises.ts`);
  const tests = promise.tests.map((test) => `[${test.split("/").at(-1)}](../${test})`);
  const harm = promise.harm === undefined ? "" : ` (${promise.harm.join(", ")})`;
  const nets = promise.nets.map((net) => (net === "torture" ? `torture${harm}` : net));
  return [...nets, ...tests].join(", ") || "–";
}

function promised(): string {
  return table(
    ["", "promise", "looked at by", "but"],
    promises.map((promise) => [promise.id, promise.text, linked(promise), promise.but ?? ""]),
  );
}

function origin(run: Fields): string {
  const { cpu, cores, kernel, node, sqlite } = (run["machine"] ?? {}) as Partial<Report["machine"]>;
  const seeds = run["seed"] === undefined ? "" : `, seed ${String(run["seed"])}`;
  const took =
    typeof run["seconds"] === "number" ? `, ${grouped.format(Math.round(run["seconds"]))} s` : "";
  return `Commit \`${String(run["commit"])}\`${seeds}, ${String(run["at"]).slice(0, 10)}${took}. ${cpu}, ${cores} cores, ${kernel}, Node ${node}, SQLite ${sqlite}.`;
}

function tortured(report: Report): string {
  return [
    "## Real faults, real processes (`npm run torture`)",
    origin(report),
    `Violations: **${report.violations.length}**. Extra executions: ${extraPerThousand(report)} of 1,000; they are allowed, and counted.`,
    numbers(report.faults, ["fault", "times"]),
    numbers(report.sums, ["what came of it", ""]),
    numbers(recovery(report), ["from the start of a process to its first sub-job", ""]),
    numbers(report.flips, ["one bit of a store flipped", "times"]),
    ...report.skipped.map((line) => `Not injected: ${line}.`),
    ...report.notes.map((line) => `Note: ${line}.`),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Any other tool: its numbers, as it named them. */
function told(name: string, run: Fields): string {
  const groups = Object.entries(run).filter(
    ([key, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value) && key !== "machine",
  );
  const { violations } = run;
  return [
    `## \`npm run ${name}\``,
    origin(run),
    Array.isArray(violations) ? `Violations: **${violations.length}**.` : "",
    numbers(run, ["figure", ""]),
    ...groups.map(([group, of]) => numbers(of as Fields, [group, "times"])),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function read(file: string): Fields {
  return JSON.parse(readFileSync(join(folder, file), "utf8")) as Fields;
}

function rendered(): string {
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith(".json"))
        .toSorted((a, b) => (a < b ? 1 : -1))
    : [];
  const runs = files.map((file) => {
    const run = read(file);
    return run["tool"] === "torture"
      ? tortured(run as Fields & Report)
      : told(file.replace(/\.json$/, ""), run);
  });
  return `# Reliability

<!-- Written by npm run scoreboard, from docs/reliability/*.json. Not by hand. -->

What Fanfold promises, what looks whether it holds, and the figures of the last published run of each tool. A zero has its
denominator beside it; faults that were not injected are named; a figure without its run is not here.

- **check** is \`fanfold check\`: it reads a raw store, imports nothing of Fanfold, and folds the log by rules of its own.
- **sim** runs the real core and roles on virtual time, with a seed; **torture** kills, stops, starves and unplugs real processes.
- **contract** is the suite that every engine must pass.

## The promises

${promised()}

${runs.length === 0 ? "No run has been published yet." : runs.join("\n\n")}
`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { take: { type: "string" }, check: { type: "boolean" } },
  });
  if (values.check === true) {
    if (readFileSync(page, "utf8") !== rendered())
      throw new Error("docs/reliability.md is not what its runs say: npm run scoreboard");
    return;
  }
  mkdirSync(folder, { recursive: true });
  if (values.take !== undefined) {
    const said = (await text(process.stdin)).trim().split("\n").at(-1) ?? "";
    const run = {
      tool: values.take,
      commit: commit(),
      at: new Date().toISOString(),
      machine: machine(),
      ...(JSON.parse(said) as Fields),
    };
    writeFileSync(join(folder, `${values.take}.json`), `${JSON.stringify(run, undefined, 2)}\n`);
  }
  writeFileSync(page, rendered());
  process.stdout.write("docs/reliability.md\n");
}

await main();
