/** A report as a table for people, or as one object a line for programs. */
import { isMet, type Bench, type Report, type Row, type Target } from "./harness.ts";
import type { Machine } from "./machine.ts";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** Three digits that matter; whole numbers from a hundred on. */
export function figure(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return `${value}`;
  const size = Math.floor(Math.log10(Math.abs(value)));
  return size >= 2 ? grouped.format(value) : value.toFixed(Math.min(6, Math.max(0, 2 - size)));
}

const targetText = (target: Target): string =>
  "atLeast" in target ? `≥ ${figure(target.atLeast)}` : `≤ ${figure(target.atMost)}`;

/** "31 % of raw appends": a figure of ours as a share of each limit's, where both have it. */
function shares(row: Row, rows: readonly Row[]): string {
  if (row.role !== "fanfold" || !row.limited) return "";
  return rows
    .filter((other) => other.role === "limit" && other.key === row.key)
    .map((limit) => `${figure((100 * row.range.value) / limit.range.value)} % of ${limit.subject}`)
    .join(", ");
}

function cells(row: Row, rows: readonly Row[]): readonly string[] {
  const { value, low, high } = row.range;
  const verdict = row.target === undefined ? "" : isMet(value, row.target) ? "met" : "MISSED";
  return [
    row.subject,
    figure(value),
    `${figure(low)} – ${figure(high)}`,
    row.unit,
    row.target === undefined ? "" : targetText(row.target),
    verdict,
    row.syncMs === undefined ? "" : figure(row.syncMs),
    shares(row, rows),
  ];
}

const heads = ["", "median", "low – high", "unit", "target", "", "sync ms", "share of the limit"];
const toTheRight = new Set([1, 2, 4, 6]);

export function table(bench: Bench, { rows, skipped }: Report, runs: number, on: Machine): string {
  const lines = [heads, ...rows.map((row) => cells(row, rows))];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const text = lines.map((line) =>
    line
      .map((cell, n) =>
        toTheRight.has(n) ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const settings = Object.entries(bench.settings).map(([name, value]) => `${name} ${value}`);
  return [
    `${bench.name}: ${bench.question}`,
    `${settings.join(" · ")} · ${runs} ${runs === 1 ? "run" : "runs"} each`,
    `${on.cpu}, ${on.cores} cores, ${on.memoryGib} GiB · ${on.kernel} · Node ${on.node} · SQLite ${on.sqlite}`,
    "",
    ...text,
    ...skipped,
    "",
  ].join("\n");
}

/** One JSON object a line: name, value, unit, low, high, target, met, settings. */
export function jsonLines(bench: Bench, { rows }: Report, on: Machine): string {
  return rows
    .map((row) => {
      const target = row.target === undefined ? null : Object.values(row.target)[0];
      const line = {
        name: [bench.name, row.subject, row.key].filter((part) => part !== "").join("/"),
        value: row.range.value,
        unit: row.unit,
        low: row.range.low,
        high: row.range.high,
        target,
        met: row.target === undefined ? null : isMet(row.range.value, row.target),
        settings: {
          ...bench.settings,
          ...row.input,
          runs: row.runs,
          syncMs: row.syncMs,
          machine: on,
        },
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join("");
}
