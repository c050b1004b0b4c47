/** What a torture found, as a table for people or one object for programs. */
import type { Machine } from "../bench/machine.ts";
import type { Found, Tally } from "./tally.ts";

/** One published run; docs/reliability/torture.json is one. */
export type Report = {
  readonly tool: "torture";
  readonly commit: string;
  readonly at: string;
  readonly seed: number;
  readonly seconds: number;
  readonly machine: Machine;
  readonly faults: Readonly<Record<string, number>>;
  readonly sums: Readonly<Record<string, number>>;
  readonly extraPerThousand: number;
  readonly recoveryMs: {
    readonly count: number;
    readonly median: number;
    readonly slowest: number;
  };
  readonly flips: Readonly<Record<string, number>>;
  readonly skipped: readonly string[];
  readonly notes: readonly string[];
  readonly violations: readonly Found[];
};

export type About = Pick<Report, "commit" | "at" | "seed" | "seconds" | "machine" | "skipped">;

export function reportOf(tally: Tally, about: About): Report {
  const times = tally.recoveriesMs.toSorted((a, b) => a - b);
  const { executions, "extra executions": extra } = tally.sums;
  return {
    tool: "torture",
    ...about,
    faults: byName(tally.faults),
    sums: tally.sums,
    extraPerThousand: executions === 0 ? 0 : Math.round((extra / executions) * 100_000) / 100,
    recoveryMs: {
      count: times.length,
      median: Math.round(times[times.length >> 1] ?? 0),
      slowest: Math.round(times.at(-1) ?? 0),
    },
    flips: byName(tally.flips),
    notes: tally.notes,
    violations: tally.violations,
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
  const { machine: on, recoveryMs, violations } = report;
  const seconds = Math.round(report.seconds);
  return [
    `torture: seed ${report.seed}, ${seconds} s, commit ${report.commit}\n`,
    `${on.cpu}, ${on.cores} cores · ${on.kernel} · Node ${on.node} · SQLite ${on.sqlite}\n\n`,
    block("faults injected", Object.entries(report.faults)),
    block("what came of it", Object.entries(report.sums)),
    block("back at work after a fault, from the start of the process", [
      ["restarts", recoveryMs.count],
      ["half of them within, ms", recoveryMs.median],
      ["slowest, ms", recoveryMs.slowest],
    ]),
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
