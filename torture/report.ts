/** What a torture found, as a table for people or one object for programs. */
import type { Machine } from "../bench/machine.ts";
import type { Found, Tally } from "./tally.ts";

/** One run, or several that were added up. */
export type Report = {
  readonly tool: "torture";
  /** The last that changed the sources. */
  readonly commit: string;
  /** Absent in runs on SQLite from before there was another. */
  readonly engine?: string;
  readonly at: string;
  readonly seeds: readonly number[];
  readonly seconds: number;
  readonly machine: Machine;
  readonly faults: Numbers;
  /** How many faults each nemesis has done. */
  readonly done: Numbers;
  readonly sums: Numbers;
  readonly slowestRecoveryMs: number;
  /** Restarts, by how long they took: the upper end of each class, in ms. */
  readonly recoveriesMs: Numbers;
  /** The same until they were ready; where several share a server. */
  readonly readyMs?: Numbers;
  readonly flips: Numbers;
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
  readonly violations: readonly Found[];
};

type Numbers = Readonly<Record<string, number>>;

export type About = Pick<
  Report,
  "commit" | "engine" | "at" | "seeds" | "seconds" | "machine" | "done" | "skipped"
>;

/** Width of a class of recoveries, in ms. */
const classMs = 20;

function classesOf(all: readonly number[]): Numbers {
  const classes = new Map<string, number>();
  for (const ms of all) {
    const upper = `${Math.ceil(ms / classMs) * classMs}`;
    classes.set(upper, (classes.get(upper) ?? 0) + 1);
  }
  return Object.fromEntries(classes);
}

export function reportOf(tally: Tally, about: About): Report {
  return {
    tool: "torture",
    ...about,
    faults: byName(tally.faults),
    sums: tally.sums,
    slowestRecoveryMs: Math.round(Math.max(0, ...tally.recoveriesMs)),
    recoveriesMs: classesOf(tally.recoveriesMs),
    ...(tally.readyMs.length === 0 ? {} : { readyMs: classesOf(tally.readyMs) }),
    flips: byName(tally.flips),
    notes: tally.notes,
    violations: tally.violations,
  };
}

/** Two runs of the same sources as one. */
export function added(before: Report, more: Report): Report {
  return {
    ...more,
    seeds: [...before.seeds, ...more.seeds],
    seconds: Math.round((before.seconds + more.seconds) * 10) / 10,
    faults: sum(before.faults, more.faults),
    done: sum(before.done, more.done),
    sums: sum(before.sums, more.sums),
    slowestRecoveryMs: Math.max(before.slowestRecoveryMs, more.slowestRecoveryMs),
    recoveriesMs: sum(before.recoveriesMs, more.recoveriesMs),
    readyMs: sum(before.readyMs ?? {}, more.readyMs ?? {}),
    flips: sum(before.flips, more.flips),
    skipped: [...new Set([...before.skipped, ...more.skipped])],
    notes: [...new Set([...before.notes, ...more.notes])],
    violations: [...before.violations, ...more.violations],
  };
}

function sum(a: Numbers, b: Numbers): Numbers {
  const all = new Map(Object.entries(a));
  for (const [name, n] of Object.entries(b)) all.set(name, (all.get(name) ?? 0) + n);
  return Object.fromEntries(all);
}

/** Extra executions of 1,000, with two decimals. */
export function extraPerThousand({ sums }: Report): number {
  const executions = sums["executions"] ?? 0;
  return Math.round(((sums["extra executions"] ?? 0) / Math.max(1, executions)) * 100_000) / 100;
}

/** How long it took until somebody worked again, as a few lines. */
export function recovery(report: Report): Numbers {
  const worked = spread(report.recoveriesMs);
  const wereReady = spread(report.readyMs ?? {});
  return {
    restarts: worked.count,
    "half of them within, ms": worked.within(0.5),
    "99 of 100 within, ms": worked.within(0.99),
    "slowest, ms": report.slowestRecoveryMs,
    ...(wereReady.count === 0
      ? {}
      : {
          "processes that were ready again": wereReady.count,
          "half of them ready within, ms": wereReady.within(0.5),
          "slowest to be ready, ms": wereReady.within(1),
        }),
  };
}

function spread(numbers: Numbers) {
  const classes = Object.entries(numbers)
    .map(([upper, count]) => [Number(upper), count] as const)
    .toSorted(([a], [b]) => a - b);
  const all = classes.reduce((sum, [, count]) => sum + count, 0);
  return {
    count: all,
    within(share: number): number {
      let seen = 0;
      for (const [upper, count] of classes) {
        seen += count;
        if (seen >= all * share) return upper;
      }
      return 0;
    },
  };
}

function byName(map: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const pairs = [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(pairs);
}

const grouped = new Intl.NumberFormat("en-US");

function block(title: string, rows: readonly (readonly [string, number])[], unit = ""): string {
  if (rows.length === 0) return "";
  const width = Math.max(...rows.map(([name]) => name.length));
  const numbers = rows.map(([, n]) => grouped.format(n));
  const digits = Math.max(...numbers.map((text) => text.length));
  const lines = rows.map(
    ([name], n) => `  ${name.padEnd(width)}  ${numbers[n]?.padStart(digits)}${unit}`,
  );
  return `${title}\n${lines.join("\n")}\n\n`;
}

export function table(report: Report): string {
  const { machine: on, violations } = report;
  const seconds = Math.round(report.seconds);
  return [
    `torture${report.engine === undefined ? "" : ` on ${report.engine}`}: seed ${report.seeds.join(", ")}, ${seconds} s, commit ${report.commit}\n`,
    `${on.cpu}, ${on.cores} cores · ${on.kernel} · Node ${on.node} · SQLite ${on.sqlite}\n\n`,
    block("faults injected", Object.entries(report.faults)),
    block("what came of it", Object.entries(report.sums)),
    block(
      "back at work after a fault, from the start of the process",
      Object.entries(recovery(report)),
    ),
    block("bits flipped", Object.entries(report.flips)),
    ...report.skipped.map((line) => `NOT INJECTED  ${line}\n`),
    ...report.notes.map((line) => `note  ${line}\n`),
    ...violations
      .slice(0, 20)
      .map(
        ({ round, guarantee, where, expected, got }) =>
          `${guarantee}  ${round}: ${where}: expected ${expected}, got ${got}\n`,
      ),
    violations.length === 0
      ? "no violation\n"
      : `${violations.length} VIOLATION${violations.length === 1 ? "" : "S"}\n`,
  ].join("");
}
