/**
 * npm run mutate -- [--only NAME] [--seeds 200] [--json]
 *
 * Plants one bug after the other in a copy of the sources and runs every net over it: what no net catches is a hole in one of them.
 * NAME is a part of a bug's name. What was found stands in docs/reliability/mutations.json, a row per bug, with its commit.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { bugs, type Bug } from "./bugs.ts";
import { checkBugs, copyOfSources, plant } from "./copy.ts";
import { netNames, programs, run, type NetName, type Verdict } from "./nets.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string" },
    json: { type: "boolean" },
  },
});

/** Bugs that are looked at together. */
const atOnce = 2;

/** commit: of the sources it was planted in; a plus where they were not what was committed. */
type Result = {
  readonly bug: string;
  readonly commit: string;
  readonly seeds: number;
  readonly nets: Readonly<Partial<Record<NetName, Verdict>>>;
};

type Written = { readonly bugs: readonly Result[] };

const root = join(import.meta.dirname, "..");
const seeds = Number(values.seeds ?? 200);
const commit = commitOfSources();
process.exitCode = await mutate();

async function mutate(): Promise<number> {
  checkBugs(bugs);
  if (!(await isSound())) return 1;
  const left = bugs.filter(({ name }) => name.includes(values.only ?? ""));
  const results: Result[] = [];
  const next = async (): Promise<void> => {
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      const result = { bug: bug.name, commit, seeds, nets: await look(bug) };
      results.push(result);
      write(results);
      if (values.json !== true) console.log(rowOf(result));
    }
  };
  if (values.json !== true) console.log(header());
  await Promise.all(Array.from({ length: atOnce }, next));
  const holes = results.filter(({ nets }) => !Object.values(nets).some(({ caught }) => caught));
  const caught = results.length - holes.length;
  if (values.json === true) console.log(JSON.stringify({ caught, results }));
  else console.log(`\n${caught} of ${results.length} bugs are caught`);
  for (const { bug } of holes) console.error(`no net catches: ${bug}`);
  return holes.length === 0 ? 0 : 1;
}

/** Without a bug nothing is caught: what a net then says of one is about the bug. */
async function isSound(): Promise<boolean> {
  const nets = Object.entries(await look(undefined));
  for (const [net, { caught, by }] of nets)
    if (caught) console.error(`without a bug, ${net} says: ${by}`);
  return nets.every(([, { caught }]) => !caught);
}

async function look(bug: Bug | undefined): Promise<Result["nets"]> {
  using copy = copyOfSources();
  if (bug !== undefined) plant(copy.folder, bug);
  const nets: Partial<Record<NetName, Verdict>> = {};
  for (const program of programs)
    for (const [net, verdict] of await run(program, copy.folder, seeds)) nets[net] = verdict;
  return nets;
}

/** Puts these rows in the place of older ones of the same bugs. */
function write(results: readonly Result[]): void {
  const file = join(root, "docs/reliability/mutations.json");
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Written) : undefined;
  const known = new Map([...(before?.bugs ?? []), ...results].map((row) => [row.bug, row]));
  const rows = bugs.flatMap(({ name }) => known.get(name) ?? []);
  const caught = rows.filter(({ nets }) => Object.values(nets).some((net) => net.caught)).length;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify({ planted: rows.length, caught, bugs: rows }, null, 2)}\n`);
}

function commitOfSources(): string {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  const isChanged = git("status", "--porcelain", "--", "src", "test", "mutation") !== "";
  return `${git("rev-parse", "--short", "HEAD")}${isChanged ? "+" : ""}`;
}

function header(): string {
  return `| bug | ${netNames.join(" | ")} |\n| --- |${" --- |".repeat(netNames.length)}`;
}

/** Seconds, and of a simulator the seed. */
function rowOf({ bug, nets }: Result): string {
  const cells = netNames.map((name) => {
    const net = nets[name];
    if (net?.caught !== true) return "–";
    const hung = net.by === "it hangs" ? "hangs, " : "";
    const seed = net.seed === undefined ? "" : `seed ${net.seed}, `;
    return `${hung}${seed}${net.seconds.toFixed(1)} s`;
  });
  return `| ${bug} | ${cells.join(" | ")} |`;
}
