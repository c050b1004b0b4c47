/** npm run torture -- [--engine postgres] [--minutes M] [--only kill,power] [--kills N] [--cuts N] [--seed S] [--json] [--publish] */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
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
import { nemesesOfPostgres, type Counts } from "./postgres/nemeses.ts";
import { power } from "./power.ts";
import { publish, published } from "./published.ts";
import { reportOf, table } from "./report.ts";
import { planOf, torture, type Plan } from "./rounds.ts";
import { tally as newTally, type Tally } from "./tally.ts";
import type { Nemesis } from "./world.ts";

/** With how many faults each is done with when nothing else is said. */
type Counted = readonly (readonly [Nemesis, Counts])[];

const nemesesOfSqlite: Counted = [
  [kill, { usual: 100, published: 1_000 }],
  [power, { usual: 20, published: 200 }],
  [io, { usual: 30, published: 200 }],
  [full, { usual: 3, published: 12 }],
  [clock, { usual: 8, published: 40 }],
  [flip, { usual: 50, published: 300 }],
  [pause, { usual: 2, published: 12 }],
];

const engines: Readonly<Record<string, Counted>> = {
  sqlite: nemesesOfSqlite,
  postgres: nemesesOfPostgres,
};

const named = (nemeses: Counted): string =>
  nemeses.map(([{ name, about }]) => `  ${name.padEnd(8)}${about}`).join("\n");

const usage = `npm run torture -- [options]

${named(nemesesOfSqlite)}

with --engine postgres, on a server of its own, which two managers and four workers share:

${named(nemesesOfPostgres)}

  --engine E    sqlite unless told, or postgres
  --minutes M   go on until the time is over, in turns; without it, until every count is reached
  --only A,B    these only
  --kills N     kills, 100 unless told
  --cuts N      power cuts, 20 unless told
  --seed S      for the choices; the moments are the machine's
  --first       ends with the first violation
  --json        one JSON object
  --lanes N     so many stores at once, 2 unless told
  --publish     adds to docs/reliability/torture.json (torture-postgres.json) what is missing there of 1,000 kills, 200 power cuts and so many of
                the others; with --minutes 8 and again until nothing is missing, a long run in parts. A run of
                other sources begins anew. npm run scoreboard shows it

Exit codes: 0 every promise was kept · 1 one was not · 2 wrong usage
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      engine: { type: "string" },
      minutes: { type: "string" },
      only: { type: "string" },
      kills: { type: "string" },
      cuts: { type: "string" },
      lanes: { type: "string" },
      seed: { type: "string" },
      first: { type: "boolean" },
      json: { type: "boolean" },
      publish: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const from = performance.now();
  const minutes = Number(values.minutes ?? "Infinity");
  const lanes = Number(values.lanes ?? Math.min(2, availableParallelism()));
  const seed = Number(values.seed ?? Math.floor(Date.now() / 1_000) % 1_000_000);
  const only = values.only?.split(",");
  const engine = values.engine ?? "sqlite";
  const nemeses = engines[engine];
  if (nemeses === undefined) {
    process.stderr.write(`unknown engine "${engine}"\n\n${usage}`);
    return 2;
  }
  const strange = only?.find((name) => !nemeses.some(([nemesis]) => nemesis.name === name));
  const counts = [Number(values.kills ?? 0), Number(values.cuts ?? 0)];
  const isWrong = [minutes, seed, lanes, ...counts].some((n) => !(n >= 0));
  if (values.help === true || strange !== undefined || isWrong) {
    process.stderr.write(strange === undefined ? usage : `unknown fault "${strange}"\n\n${usage}`);
    return values.help === true ? 0 : 2;
  }
  const origin = commit();
  const before = values.publish === true ? published(origin, engine) : undefined;
  if (before !== undefined && before.seeds.includes(seed)) {
    process.stderr.write(`seed ${seed} is in the published run already: choose another\n`);
    return 2;
  }

  const tally = newTally();
  const skipped: string[] = [];
  const plans: Plan[] = [];
  for (const [nemesis, { usual, published: many }] of nemeses) {
    if (only !== undefined && !only.includes(nemesis.name)) continue;
    const whyNot = nemesis.whyNot?.();
    if (whyNot !== undefined) {
      skipped.push(`${nemesis.name}: ${nemesis.about}: ${whyNot}`);
      continue;
    }
    const asked = { kill: values.kills, power: values.cuts }[nemesis.name];
    const otherwise = values.publish === true ? many : minutes === Infinity ? usual : Infinity;
    const done = before?.done[nemesis.name] ?? 0;
    plans.push(planOf(nemesis, asked === undefined ? otherwise : Number(asked), done));
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
    await torture(plans, { tally, base, seed, isOver, lanes, atOnce: minutes < 5 ? 4 : Infinity });
  } finally {
    clearInterval(progress);
    await sleep(0);
    removed(base);
  }

  const report = reportOf(tally, {
    commit: origin,
    engine,
    at: new Date().toISOString(),
    seeds: [seed],
    seconds: Math.round((performance.now() - from) / 100) / 10,
    machine: machine(),
    done: Object.fromEntries(
      plans.map(({ nemesis, done, before }) => [nemesis.name, done - before]),
    ),
    skipped,
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[2K");
  process.stdout.write(values.json === true ? `${JSON.stringify(report)}\n` : table(report));
  if (values.publish === true) publish(report, before, engine);
  const left = plans.filter(({ done, faults }) => done < faults && faults < Infinity);
  for (const { nemesis, done, faults } of left)
    process.stderr.write(`${nemesis.name}: ${done} of ${faults} are done\n`);
  return tally.violations.length === 0 ? 0 : 1;
}

/** After an error something may still be mounted there, until the process exits: the error is what is to be seen. */
function removed(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    process.stderr.write(`${folder} is left: ${String(error)}\n`);
  }
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
