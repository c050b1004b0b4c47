/** npm run torture -- [--minutes M] [--only kill,power] [--kills N] [--cuts N] [--seed S] [--json] [--publish] */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { machine } from "../bench/machine.ts";
import { clock } from "./clock.ts";
import { commit } from "./commit.ts";
import { io } from "./failing.ts";
import { flip } from "./flip.ts";
import { full } from "./full.ts";
import { kill } from "./kill.ts";
import { pause } from "./pause.ts";
import { power } from "./power.ts";
import { random } from "./random.ts";
import { reportOf, table } from "./report.ts";
import { tally as newTally, type Tally } from "./tally.ts";
import type { Nemesis } from "./world.ts";

/** With how many faults each is done with when nothing else is said. */
const nemeses: readonly (readonly [Nemesis, faults: number])[] = [
  [kill, 100],
  [power, 20],
  [io, 30],
  [full, 3],
  [clock, 8],
  [flip, 50],
  [pause, 2],
];

const usage = `npm run torture -- [options]

${nemeses.map(([{ name, about }]) => `  ${name.padEnd(8)}${about}`).join("\n")}

  --minutes M   go on until the time is over, in turns; without it, until every count is reached
  --only A,B    these only
  --kills N     kills, 100 unless told
  --cuts N      power cuts, 20 unless told
  --seed S      for the choices; the moments are the machine's
  --first       ends with the first violation
  --json        one JSON object
  --publish     writes docs/reliability/torture.json, for npm run scoreboard

Exit codes: 0 every promise was kept · 1 one was not · 2 wrong usage
`;

type Plan = { readonly nemesis: Nemesis; readonly faults: number; done: number; rounds: number };

/** Faults so far of one nemesis: what its own rounds have counted. */
async function oneRound(
  plan: Plan,
  tally: Tally,
  base: string,
  seed: number,
  isOver: () => boolean,
  atOnce: number,
): Promise<void> {
  const { nemesis } = plan;
  plan.rounds += 1;
  const own = seed * 1_000 + plan.rounds;
  const folder = mkdtempSync(join(base, `${nemesis.name}-`));
  let begun = 0;
  const counting: Tally = {
    ...tally,
    fault(kind) {
      begun += 1;
      tally.fault(kind);
    },
  };
  const round = { seed: own, random: random(own), tally: counting, folder, isOver };
  try {
    await nemesis.round(round, Math.min(plan.faults - plan.done, atOnce));
  } catch (error) {
    // A process that cannot even start after a fault is what we look for.
    tally.found(`${nemesis.name}, seed ${own}`, {
      guarantee: "G12",
      where: "the round",
      expected: "to go on after a fault",
      got: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  plan.done += Math.max(1, begun);
  rmSync(folder, { recursive: true, force: true });
}

/** Pauses are mostly waiting: they are done beside the others. */
async function inTurns(
  plans: readonly Plan[],
  isOver: () => boolean,
  one: (plan: Plan) => Promise<void>,
): Promise<void> {
  for (;;) {
    let left = 0;
    for (const plan of plans) {
      if (plan.done >= plan.faults || isOver()) continue;
      left += 1;
      await one(plan);
    }
    if (left === 0) return;
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string" },
      only: { type: "string" },
      kills: { type: "string" },
      cuts: { type: "string" },
      seed: { type: "string" },
      first: { type: "boolean" },
      json: { type: "boolean" },
      publish: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const from = performance.now();
  const minutes = Number(values.minutes ?? "Infinity");
  const seed = Number(values.seed ?? Math.floor(Date.now() / 1_000) % 1_000_000);
  const only = values.only?.split(",");
  const strange = only?.find((name) => !nemeses.some(([nemesis]) => nemesis.name === name));
  const numbers = [minutes, seed, Number(values.kills ?? 0), Number(values.cuts ?? 0)];
  if (values.help === true || strange !== undefined || numbers.some((n) => !(n >= 0))) {
    process.stderr.write(strange === undefined ? usage : `unknown fault "${strange}"\n\n${usage}`);
    return values.help === true ? 0 : 2;
  }

  const tally = newTally();
  const skipped: string[] = [];
  const plans: Plan[] = [];
  for (const [nemesis, usual] of nemeses) {
    if (only !== undefined && !only.includes(nemesis.name)) continue;
    const whyNot = nemesis.whyNot?.();
    if (whyNot !== undefined) skipped.push(`${nemesis.name}: ${nemesis.about}: ${whyNot}`);
    const asked = new Map([
      [kill, values.kills],
      [power, values.cuts],
    ]).get(nemesis);
    const faults = asked === undefined ? (minutes === Infinity ? usual : Infinity) : Number(asked);
    if (whyNot === undefined) plans.push({ nemesis, faults, done: 0, rounds: 0 });
  }
  for (const line of skipped) process.stderr.write(`NOT INJECTED  ${line}\n`);

  const base = mkdtempSync(join(tmpdir(), "fanfold-torture-"));
  process.env["NODE_COMPILE_CACHE"] ??= join(base, "cache");
  process.env["TORTURE_FOLDER"] = base;
  const isOver = (): boolean =>
    performance.now() - from > minutes * 60_000 ||
    (values.first === true && tally.violations.length > 0);
  const progress = setInterval(() => say(tally), 1_000);
  try {
    // Where there is little time, everybody gets a turn.
    const atOnce = minutes < 5 ? 4 : Infinity;
    const one = (plan: Plan): Promise<void> => oneRound(plan, tally, base, seed, isOver, atOnce);
    const isSlow = ({ nemesis }: Plan): boolean => nemesis === pause;
    await Promise.all([
      inTurns(
        plans.filter((plan) => !isSlow(plan)),
        isOver,
        one,
      ),
      inTurns(plans.filter(isSlow), isOver, one),
    ]);
  } finally {
    clearInterval(progress);
    await sleep(0);
    rmSync(base, { recursive: true, force: true });
  }

  const report = reportOf(tally, {
    commit: commit(),
    at: new Date().toISOString(),
    seed,
    seconds: Math.round((performance.now() - from) / 100) / 10,
    machine: machine(),
    skipped,
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[2K");
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : table(report));
  if (values.publish === true) {
    const folder = join(import.meta.dirname, "..", "docs", "reliability");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "torture.json"), `${JSON.stringify(report, undefined, 2)}\n`);
  }
  return tally.violations.length === 0 ? 0 : 1;
}

/** Says on one line how far it is, where somebody watches. */
function say({ faults, sums, violations }: Tally): void {
  if (!process.stderr.isTTY) return;
  const done = [...faults].map(([kind, n]) => `${n} ${kind}`).join(", ");
  process.stderr.write(
    `\r\u001B[2K${done} · ${sums["acknowledged facts"]} facts, ${violations.length} violations`,
  );
}

process.exitCode = await main();
