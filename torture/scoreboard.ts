/**
 * npm run scoreboard: writes docs/reliability.md from the last published runs in docs/reliability/, and from nothing else.
 *
 *   npm run torture -- --publish --minutes 8                                          until nothing is missing
 *   npm run torture -- --engine postgres --publish --minutes 8                        the same
 *   npm run -s sim -- --from 1 --seeds 30000 --json | npm run scoreboard -- --take sim     and on: --from 30001
 *   npm run mutate -- --rest --minutes 8                                              until nothing is left
 *   npm run scoreboard -- --check      is the page what its runs say?
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine } from "../bench/machine.ts";
import { commit } from "./commit.ts";
import { rendered, type Published, type Simulated } from "./page.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "docs", "reliability");
const page = join(root, "docs", "reliability.md");

function read(name: keyof Published): unknown {
  const file = join(folder, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

function published(): Published {
  const all: unknown = {
    torture: read("torture"),
    "torture-postgres": read("torture-postgres"),
    sim: read("sim"),
    mutations: read("mutations"),
  };
  return all as Published;
}

/** Two runs of the simulator over seeds that follow each other, of the same sources, are one. */
function joined(before: Simulated | undefined, more: Simulated): Simulated {
  if (before?.commit !== more.commit || before.from + before.seeds !== more.from) return more;
  const faults = new Map(Object.entries(before.faults));
  for (const [kind, n] of Object.entries(more.faults))
    faults.set(kind, (faults.get(kind) ?? 0) + n);
  return {
    ...more,
    from: before.from,
    seeds: before.seeds + more.seeds,
    seconds: before.seconds + more.seconds,
    runs: before.runs + more.runs,
    joins: before.joins + more.joins,
    folds: before.folds + more.folds,
    executions: before.executions + more.executions,
    virtualHours: before.virtualHours + more.virtualHours,
    faults: Object.fromEntries(faults),
    violations: [...before.violations, ...more.violations],
  };
}

async function take(): Promise<void> {
  const said = (await text(process.stdin)).trim().split("\n").at(-1) ?? "";
  const told = JSON.parse(said) as Simulated;
  const run = { ...told, commit: commit(), at: new Date().toISOString(), machine: machine() };
  const all = { tool: "sim", ...joined(published().sim, run) };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "sim.json"), `${JSON.stringify(all, undefined, 2)}\n`);
}

const { values } = parseArgs({
  options: { take: { type: "string" }, check: { type: "boolean" } },
});
if (values.check === true) {
  if (readFileSync(page, "utf8") !== rendered(published()))
    throw new Error("docs/reliability.md is not what its runs say: npm run scoreboard");
} else {
  if (values.take !== undefined && values.take !== "sim")
    throw new Error(
      `--take knows sim, got ${values.take}: the other tools write down what they found`,
    );
  if (values.take === "sim") await take();
  writeFileSync(page, rendered(published()));
  process.stdout.write("docs/reliability.md\n");
}
