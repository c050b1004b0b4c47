import type { Bench, Derived, Figure, Input, Subject } from "./harness.ts";
import { durable, fanfoldOnPostgres } from "./postgres.ts";

/** A warm-up, because a new process spends its first tens of thousands compiling. */
const common: Input = { slots: 1_000, warmup: 20_000, workers: 2, afterwards: "removed" };
const each: Figure = { key: "microseconds", unit: "µs a sub-job" };
const sizes: readonly Figure[] = [
  { key: "tableBytes", unit: "bytes a sub-job, tables" },
  { key: "indexBytes", unit: "bytes a sub-job, indexes" },
  { key: "leftKb", unit: "KB in all when the runs are removed" },
];

const runOf = (items: number, more: readonly Figure[] = []): Subject =>
  fanfoldOnPostgres(
    "fanOut",
    { ...common, items },
    [each, ...more, ...sizes],
    `${items.toLocaleString("en-US")} in one run`,
  );

const million = "1,000,000 in one run";
const many = "1,000 runs of 100";
const times = (of: string, to: string): Derived => ({
  name: `time a sub-job, ${of} ÷ ${to}`,
  unit: "×",
  target: { atMost: 1.25 },
  of: (value) => value(of, "microseconds") / value(to, "microseconds"),
});

export const bench: Bench = {
  name: "postgres-growth",
  question: "what does a sub-job cost on PostgreSQL as the work grows, in time and on the disk?",
  settings: { ...common, ...durable },
  subjects: [
    runOf(1_000),
    runOf(10_000),
    runOf(100_000),
    runOf(1_000_000, [{ key: "seconds", unit: "s", target: { atMost: 25 } }]),
    fanfoldOnPostgres("fanOut", { ...common, runs: 1_000, items: 100 }, [each, ...sizes], many),
  ],
  derived: [times(million, "10,000 in one run"), times(million, "100,000 in one run")],
};
