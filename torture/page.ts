/** docs/reliability.md: what is promised, what was done to break it, and what came of it, in figures that runs have written down. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { netNames, type NetName } from "../mutation/nets.ts";
import { isCaught, type Row } from "../mutation/rows.ts";
import { promises, type Promise as Promised } from "./promises.ts";
import { extraPerThousand, recovery, type Report } from "./report.ts";

const root = join(import.meta.dirname, "..");

type Numbers = Readonly<Record<string, number>>;

/** A published run of the simulator; as `npm run sim -- --json` says it, with where it was run. */
export type Simulated = Pick<Report, "commit" | "at" | "machine"> & {
  readonly from: number;
  readonly seeds: number;
  readonly seconds: number;
  readonly runs: number;
  readonly joins: number;
  readonly folds: number;
  readonly executions: number;
  readonly virtualHours: number;
  readonly faults: Numbers;
  readonly violations: readonly unknown[];
};

/** What was published; what was not is not there. */
export type Published = {
  readonly torture: Report | undefined;
  readonly "torture-postgres": Report | undefined;
  readonly sim: Simulated | undefined;
  readonly mutations: { readonly at: string; readonly bugs: readonly Row[] } | undefined;
};

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const none = "without a bug";

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function numbers(of: Numbers, names: readonly [string, string]): string {
  const rows = Object.entries(of).map(([name, value]) => [name, grouped.format(value)]);
  return rows.length === 0 ? "" : table(names, rows);
}

const sum = (of: Numbers): number => Object.values(of).reduce((a, b) => a + b, 0);

function linked(promise: Promised): string {
  for (const test of promise.tests)
    if (!existsSync(join(root, test)))
      throw new Error(`${promise.id} names ${test}, which does not exist: see promises.ts`);
  const tests = promise.tests.map((test) => `[${test.split("/").at(-1)}](../${test})`);
  const harm = promise.harm === undefined ? "" : ` (${promise.harm.join(", ")})`;
  const nets = promise.nets.map((net) => (net === "torture" ? `torture${harm}` : net));
  return [...nets, ...tests].join(", ") || "–";
}

function origin({ commit, at, machine: on }: Pick<Report, "commit" | "at" | "machine">): string {
  return `Sources of \`${commit}\`, ${at.slice(0, 10)}. ${on.cpu}, ${on.cores} cores, ${on.kernel}, Node ${on.node}, SQLite ${on.sqlite}.`;
}

/** `0 of 12,345`: a zero without its denominator says nothing. */
function share(bad: number, all: number): string {
  return `**${grouped.format(bad)}** of ${grouped.format(all)}`;
}

/** What real faults on an engine came to. */
function harmed({ sums, done, slowestRecoveryMs }: Report): readonly (readonly string[])[] {
  const of = (name: string): number => sums[name] ?? 0;
  const joins = of("joins too early") + of("joins twice") + of("joins missing");
  const cuts = done["power"];
  return [
    ["faults done on purpose", grouped.format(sum(done))],
    ["of these, processes killed with SIGKILL", grouped.format(done["kill"] ?? 0)],
    ...(cuts === undefined ? [] : [["of these, power cuts", grouped.format(cuts)]]),
    [
      "facts that somebody was told of, and lost",
      share(of("acknowledged facts lost"), of("acknowledged facts")),
    ],
    [
      "sub-jobs folded twice, or wrongly",
      share(of("sub-jobs folded twice, or wrongly"), of("sub-jobs")),
    ],
    ["joins too early, twice, or missing", share(joins, of("joins"))],
    ["runs that never ended", share(of("runs that never ended"), of("runs"))],
    ["back at work after a kill or a cut, the slowest", `${grouped.format(slowestRecoveryMs)} ms`],
  ];
}

/** The answer in twenty lines, for who reads no further. */
function summary(published: Published): string {
  const { torture, sim, mutations } = published;
  const onPostgres = published["torture-postgres"];
  const rows: (readonly string[])[] = [];
  if (torture !== undefined) rows.push(["**on SQLite**", ""], ...harmed(torture));
  if (onPostgres !== undefined) rows.push(["**on PostgreSQL**", ""], ...harmed(onPostgres));
  if (sim !== undefined || mutations !== undefined) rows.push(["**without a machine**", ""]);
  if (sim !== undefined)
    rows.push(
      ["simulated worlds with something wrong", share(sim.violations.length, sim.seeds)],
      ["faults in them", grouped.format(sum(sim.faults))],
    );
  if (mutations !== undefined) {
    const bugs = mutations.bugs.filter(({ bug }) => bug !== none);
    rows.push([
      "bugs planted on purpose that nothing caught",
      share(bugs.filter((row) => !isCaught(row)).length, bugs.length),
    ]);
  }
  return rows.length === 0 ? "No run has been published yet." : table(["", ""], rows);
}

const onFile = {
  title: "## Real faults, real processes (`npm run torture`)",
  text: "Processes that own a real file are killed, stopped, starved of disk, given wrong clocks and failing syncs, and unplugged: a file system image in memory is copied while its writer stands still, so what was never synced is gone. Meanwhile clients start runs and write down, outside, what they were told; every handler writes down that it ran. After each fault the checker reads the store; at the end everything must have ended.",
};

const onServer = {
  title: "## Real faults on PostgreSQL (`npm run torture -- --engine postgres`)",
  text: "Two processes that manage and start runs and four that manage and work share a server. They are killed and stopped past their claims and leases, their backends ended in the middle of commits, their network cut or silent; the server ends at once and recovers, and a failover takes its last commits away. What is told, written down and judged is the same as above; the checker reads a snapshot of the database. Who lives through a failover tells the new log of work that only the lost one had given out: of an issue, an attempt or a sub-job that is not there. That alone is forgiven, and only where there was a failover; what came of it is judged like everything else ([by which rule](adr/0040-a-store-may-go-back.md)). How soon a process that takes the place of another is ready, the machine says: six of them and a server share two cores, with whoever else works there. Its first sub-job is later where there is none to do: what a killed or a stopped worker had in hand comes back with its lease, 10 s after its last sign of life.",
};

function tortured(report: Report, { title, text }: typeof onFile): string {
  return [
    title,
    text,
    origin(report),
    `Seeds ${report.seeds.join(", ")}; ${grouped.format(report.seconds / 60)} minutes in all. Violations: **${report.violations.length}**. Extra executions: ${extraPerThousand(report)} of 1,000; at least once is what is promised, and here is how often it is more.`,
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

function simulated(run: Simulated): string {
  const worlds = {
    worlds: run.seeds,
    "hours that passed in them": run.virtualHours,
    runs: run.runs,
    joins: run.joins,
    "sub-jobs folded": run.folds,
    executions: run.executions,
    "worlds a minute": Math.round((run.seeds / run.seconds) * 60),
  };
  return [
    "## Simulated worlds (`npm run sim`)",
    "The real core and roles on virtual time, several processes, everything between them going wrong; each world is drawn from its number, so that each can be repeated. A second set of rules, the checker, and what was really done outside judge it. [How](internals/simulation.md).",
    origin(run),
    `Seeds ${run.from} to ${run.from + run.seeds - 1}. Worlds with something wrong: **${run.violations.length}**.`,
    numbers(worlds, ["figure", ""]),
    numbers(run.faults, ["fault", "times"]),
  ].join("\n\n");
}

function planted({ at, bugs }: NonNullable<Published["mutations"]>): string {
  const rows = bugs.filter(({ bug }) => bug !== none);
  const commits = [...new Set(rows.map(({ commit }) => `\`${commit}\``))].join(", ");
  const cell = ({ nets }: Row, name: NetName): string => {
    const net = nets[name];
    if (net === undefined) return "";
    if (!net.caught) return "–";
    return `${net.seed === undefined ? "" : `seed ${net.seed}, `}${grouped.format(net.seconds)} s`;
  };
  return [
    "## Planted bugs (`npm run mutate`)",
    "Who catches nothing has shown nothing: so bugs are planted in a copy of the sources, one at a time, and the quick nets are asked each time. A time is how long it took to say so, of a simulator with the first seed that did; – means that it saw nothing; empty, that it was not asked (slow nets look at the bugs that are aimed at them, and at what the quick ones have missed). A bug that no net catches is a hole, and is mended.",
    `Sources of ${commits}, ${at.slice(0, 10)}. Caught: **${rows.filter(isCaught).length}** of ${rows.length}.`,
    table(
      ["bug", ...netNames],
      rows.map((row) => [row.bug, ...netNames.map((name) => cell(row, name))]),
    ),
  ].join("\n\n");
}

export function rendered(published: Published): string {
  const { torture, sim, mutations } = published;
  const onPostgres = published["torture-postgres"];
  const parts = [
    torture === undefined ? "" : tortured(torture, onFile),
    onPostgres === undefined ? "" : tortured(onPostgres, onServer),
    sim === undefined ? "" : simulated(sim),
    mutations === undefined ? "" : planted(mutations),
  ];
  return `# Reliability

<!-- Written by npm run scoreboard, from docs/reliability/*.json. Not by hand. -->

Whether you can trust Fanfold with your invoices: what it promises, what was done to break it, and what came of it. Every figure
here was written by the run that made it; a zero has its denominator beside it, and what was not tried is named.

${summary(published)}

## Where the promises end

- **Work is done at least once.** A process that dies between your effect and our record of it leaves us the choice to lose or to
  repeat; we repeat. \`ctx.key\` is the same on every attempt: hand it to whoever you call, and once is what comes of it.
- **SQLite keeps what it synced.** Where a disk says that it has synced and has not, no program can help you. Pages have no
  checksum: a flipped bit may go unnoticed; how often is below.
- **What was not tried:** disks that tear a page in two, machines other than Linux, months of one process, and an audit by somebody else.

## The promises

- **check** is \`fanfold check\`: it reads a raw store, imports nothing of Fanfold, and folds the log by rules of its own. [What it evaluates](internals/checker.md).
- **sim** runs the real core and roles on virtual time, with a seed; **torture** kills, stops, starves and unplugs real processes.
- **contract** is the suite that every engine must pass.

${table(
  ["", "promise", "looked at by", "but"],
  promises.map((promise) => [promise.id, promise.text, linked(promise), promise.but ?? ""]),
)}

${parts.filter((part) => part !== "").join("\n\n") || "No run has been published yet."}
`;
}
