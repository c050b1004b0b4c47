/** Plants one bug after the other in a copy of the sources and runs the nets over it: what no net catches is a hole in one of them. */
import { parseArgs } from "node:util";
import type { Bug } from "./bug.ts";
import { bugs } from "./bugs.ts";
import { copyOfSources, lostTexts, plant } from "./copy.ts";
import { netNames, quick, run, slow, type Program } from "./nets.ts";
import { commitOfSources, isCaught, rowOf, rows, write, type Row } from "./rows.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    rest: { type: "boolean" },
    any: { type: "boolean" },
    minutes: { type: "string" },
    seeds: { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean" },
  },
});

const usage = `npm run mutate -- [--only TEXT] [--rest] [--minutes N] [--any] [--seeds N] [--json]

Plants one bug after the other in a copy of the sources, and says which net catches it. What was found stands in
docs/reliability/mutations.json, a row per bug, with its commit.

  --only TEXT   bugs whose name contains it
  --rest        bugs that have no row of these sources yet
  --minutes N   begins none after so long: with --rest, a long run in parts
  --any         looks for holes only: the first net that catches a bug is enough, and nothing is written down
  --seeds N     worlds that each simulator looks at, 500 unless told
  --json        one object
`;

/** Bugs that are looked at together. */
const atOnce = 2;
/** The row of the sources without a bug: nothing may be caught there. */
const none = "without a bug";

const names = [none, ...bugs.map(({ name }) => name)];

const began = performance.now();
const untilMs = Number(values.minutes ?? "Infinity") * 60_000;
const seeds = Number(values.seeds ?? 500);
const commit = commitOfSources();
process.exitCode = await mutate();

async function mutate(): Promise<number> {
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const lost = lostTexts(bugs);
  if (lost.length > 0) throw new Error(lost.join("\n"));
  const isDone = new Set(rows().flatMap((row) => (row.commit === commit ? [row.bug] : [])));
  const isLeft = (name: string): boolean => values.rest !== true || !isDone.has(name);
  if (values.any !== true && isLeft(none)) {
    const row = await look(none, undefined);
    for (const [net, { caught, by }] of Object.entries(row.nets))
      if (caught) console.error(`${none}, ${net} says: ${by}`);
    if (isCaught(row)) return 1;
    write([row], names);
  }
  const left = bugs.filter(({ name }) => name.includes(values.only ?? "") && isLeft(name));
  const results: Row[] = [];
  const next = async (): Promise<void> => {
    while (performance.now() - began < untilMs) {
      const bug = left.shift();
      if (bug === undefined) return;
      const row = await look(bug.name, bug);
      results.push(row);
      if (values.any !== true) write([row], names);
      if (values.json !== true) console.log(rowOf(row));
    }
  };
  if (values.json !== true)
    console.log(`| bug | ${netNames.join(" | ")} |\n| --- |${" --- |".repeat(netNames.length)}`);
  await Promise.all(Array.from({ length: atOnce }, next));
  const holes = results.filter((row) => !isCaught(row));
  const caught = results.length - holes.length;
  if (values.json === true) console.log(JSON.stringify({ caught, results, left: left.length }));
  else console.log(`\n${caught} of ${results.length} bugs are caught, ${left.length} are left`);
  for (const { bug } of holes) console.error(`no net catches: ${bug}`);
  return holes.length === 0 ? 0 : 1;
}

/** Quick nets look at every bug; slow ones at those that are aimed at them, and at what slipped through, one after the other. */
async function look(name: string, bug: Bug | undefined): Promise<Row> {
  using copy = copyOfSources();
  if (bug !== undefined) plant(copy.folder, bug);
  const nets: Record<string, Row["nets"][string]> = {};
  const row = { bug: name, commit, seeds, nets };
  const over = async (program: Program): Promise<void> => {
    for (const [net, verdict] of await run(program, copy.folder, seeds)) nets[net] = verdict;
  };
  const isEnough = (): boolean => values.any === true && isCaught(row);
  for (const program of quick) if (!isEnough()) await over(program);
  for (const program of slow) {
    const isAimed = program.nets.some((net) => bug?.aimedAt.includes(net) === true);
    if (!isCaught(row) || (isAimed && !isEnough())) await over(program);
  }
  return row;
}
