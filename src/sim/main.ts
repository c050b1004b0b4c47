/** One seed is told in full; of many, the sums, and each failing one as small as it can be made. */
import { parseArgs } from "node:util";
import { simulateMany, type Many } from "./many.ts";
import { argumentsFor, shrink } from "./shrink.ts";
import { faultKinds, type FaultKind } from "./weather.ts";
import { simulate, type Smaller } from "./world.ts";

const usage = `npm run sim -- [--seeds N | --minutes N | --seed N]

  --seeds N     so many worlds, 2,000 unless told, from seed 1 on
  --minutes N   as many as there is time for, from a fresh seed on
  --from N      the first seed
  --fresh       the first seed is of the time
  --seed N      one world, told in full
  --log         with its log
  --nodes, --runs, --items, --commands N   at most so many of them in it
  --without KINDS   faults that do not happen: ${faultKinds.join(", ")}
  --json        one object
`;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    minutes: { type: "string" },
    from: { type: "string" },
    fresh: { type: "boolean" },
    json: { type: "boolean" },
    log: { type: "boolean" },
    nodes: { type: "string" },
    runs: { type: "string" },
    items: { type: "string" },
    commands: { type: "string" },
    without: { type: "string" },
    help: { type: "boolean" },
  },
});

/** At most so many failing seeds are shrunk and told. */
const tellAtMost = 5;

process.exitCode = await main();

async function main(): Promise<number> {
  if (values.help !== true) return values.seed === undefined ? many() : one(numberOf("seed") ?? 1);
  console.log(usage);
  return 0;
}

function numberOf(
  name: "seed" | "seeds" | "minutes" | "from" | "nodes" | "runs" | "items" | "commands",
): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new TypeError(`--${name} must be a number, got ${JSON.stringify(text)}`);
}

function smallerAsGiven(): Smaller {
  const given = (["nodes", "runs", "items", "commands"] as const).map((name) => [
    name,
    numberOf(name),
  ]);
  const without = (values.without ?? "")
    .split(",")
    .filter((kind): kind is FaultKind => faultKinds.some((one) => one === kind));
  return { ...Object.fromEntries(given.filter(([, value]) => value !== undefined)), without };
}

async function one(seed: number): Promise<number> {
  const { report, history } = await simulate(seed, smallerAsGiven());
  if (values.log === true)
    for (const [partition, { entries }] of history.partitions.entries())
      for (const { offset, at, text } of entries)
        console.log(
          `${partition}/${offset} ${new Date(at).toISOString().slice(11, 23)} ${text.split("\n", 1)[0]}`,
        );
  console.log(JSON.stringify(report, undefined, values.json === true ? undefined : 2));
  return report.violations.length === 0 ? 0 : 1;
}

async function many(): Promise<number> {
  const minutes = numberOf("minutes");
  const isFresh = values.fresh === true || (minutes !== undefined && values.from === undefined);
  const isTerminal = process.stderr.isTTY && values.json !== true;
  const sums = await simulateMany({
    from: numberOf("from") ?? (isFresh ? Math.floor(Date.now() / 1_000) : 1),
    ...(minutes === undefined
      ? { seeds: numberOf("seeds") ?? 2_000 }
      : { milliseconds: minutes * 60_000 }),
    onProgress: (done, failed) => {
      if (isTerminal) process.stderr.write(`\r${done} seeds, ${failed} failed `);
    },
  });
  if (isTerminal) process.stderr.write("\r");
  if (values.json === true) console.log(JSON.stringify(toldOf(sums)));
  else tell(sums);
  for (const { seed } of sums.failed.slice(0, tellAtMost)) await tellFailed(seed);
  return sums.failed.length === 0 ? 0 : 1;
}

function toldOf({ failed, ...sums }: Many) {
  const violations = failed.map(({ seed, violations }) => ({ seed, violations }));
  return { ...sums, violations };
}

function tell(sums: Many): void {
  const n = (value: number): string => Math.round(value).toLocaleString("en");
  const faults = Object.values(sums.faults).reduce((a, b) => a + b, 0);
  console.log(
    `seeds        ${n(sums.seeds)}, from ${sums.from} on, in ${sums.seconds.toFixed(1)} s: ${n(sums.seedsPerMinute)} a minute`,
  );
  console.log(
    `worlds       ${n(sums.runs)} runs, ${n(sums.joins)} joins, ${n(sums.folds)} sub-jobs folded, ${n(sums.executions)} executions, ${n(sums.swept)} put again by the sweep`,
  );
  console.log(
    `time         ${sums.virtualHours.toFixed(1)} hours of it, ${n(sums.steps)} things that happened`,
  );
  console.log(
    `faults       ${n(faults)}: ${Object.entries(sums.faults)
      .map(([kind, count]) => `${n(count)} ${kind}`)
      .join(", ")}`,
  );
  console.log(`violations   ${n(sums.failed.length)} seeds`);
}

async function tellFailed(seed: number): Promise<void> {
  const { smaller, violations } = await shrink(seed);
  const say = values.json === true ? console.error : console.log;
  say(`\nseed ${seed}, shrunk:  npm run sim -- ${argumentsFor(seed, smaller)} --log`);
  for (const violation of violations) say(`  ${violation}`);
}
