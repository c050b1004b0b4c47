/** What came of a store, held against what our runs must come to. */
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Checked } from "../src/check/check.ts";
import { ok } from "../src/check/model.ts";
import type { Violation } from "../src/check/store.ts";
import type { Tally } from "./tally.ts";

export type Judging = {
  /** What its violations and notes begin with. */
  readonly name: string;
  /** The file that was checked. */
  readonly store: string;
  readonly witness: string;
  readonly tally: Tally;
  /** Everything has ended: what came of it counts. */
  readonly isLast: boolean;
};

export function judge(checked: Checked, judging: Judging): void {
  const { name, tally, isLast } = judging;
  tally.add("checks");
  for (const violation of checked.violations) tally.found(name, violation);
  if (isLast) {
    countUp(tally, checked.counts);
    judgeRuns(judging, checked.runs);
  }
  // Whoever finds a violation wants to see the store.
  if (checked.violations.length > 0) keep(judging);
}

/** Violations of G12, of runs whose start was acknowledged, and nobody was told of an end; `got` says what came instead. */
export function neverEnded(witness: string, withinMs: number, got: string): readonly Violation[] {
  const expected = `an end within ${withinMs / 1_000} s of the last fault`;
  return openRuns(witness).map((id) => ({ guarantee: "G12", where: `run ${id}`, expected, got }));
}

function openRuns(witness: string): readonly string[] {
  const open = new Set<string>();
  for (const [, what, id = ""] of readFileSync(witness, "utf8").matchAll(
    /"(started|ended)":"([^"]+)"/g,
  ))
    if (what === "started") open.add(id);
    else open.delete(id);
  return [...open];
}

function countUp(tally: Tally, counts: Readonly<Record<string, number>>): void {
  const of = (what: string): number => counts[what] ?? 0;
  tally.add(
    "acknowledged facts",
    of("acknowledged starts") + of("acknowledged cancels") + of("acknowledged ends"),
  );
  tally.add("runs", of("runs"));
  tally.add("sub-jobs", of("sub-jobs"));
  tally.add("joins", of("joins"));
  tally.add("executions", of("executions"));
  tally.add("extra executions", of("extra executions"));
}

type Stored = {
  readonly run: string;
  readonly state: string;
  readonly because?: string;
  readonly results: { readonly marks?: Marks };
};

type Marks = {
  readonly ok: number;
  readonly value: { readonly count: number; readonly sum: number };
};

/**
 * What must come of our runs: each is done, unless it lost its worker again and again. And the value of a join is the sum over
 * what succeeded: a result folded twice, or not at all, shows in it.
 */
function judgeRuns({ name, store, tally }: Judging, runs: Checked["runs"]): void {
  const db = new DatabaseSync(store, { readOnly: true });
  const rows = db.prepare("select value from state where key like 'run/%'").all();
  db.close();
  for (const { value: text } of rows) {
    const { run, state, because = "", results } = JSON.parse(String(text)) as Stored;
    const where = `run ${run}`;
    if (state === "failed" && because.includes("vanished"))
      tally.add("runs given up after many crashes");
    else if (state !== "done" && state !== "cancelled")
      tally.found(name, {
        guarantee: "G12",
        where,
        expected: "done",
        got: `${state} ${because}`,
      });
    const masks = runs.get(run)?.steps.get("marks")?.masks ?? [];
    const expected = { count: 0, sum: 0 };
    for (const [index, mask] of masks.entries())
      if (mask === ok) {
        expected.count += 1;
        expected.sum += index + 1;
      }
    const { marks } = results;
    if (marks === undefined) continue;
    const { count, sum } = marks.value;
    if (count !== expected.count || sum !== expected.sum || marks.ok !== expected.count)
      tally.found(name, {
        guarantee: "G3",
        where,
        expected: JSON.stringify(expected),
        got: JSON.stringify({ ok: marks.ok, count, sum }),
      });
  }
}

let kept = 0;

/** A copy of the evidence, for people; of the first few only. */
function keep({ name, store, witness, tally }: Judging): void {
  kept += 1;
  if (kept > 3) return;
  const folder = join(
    import.meta.dirname,
    "..",
    "tmp",
    "torture-evidence",
    `${process.pid}-${kept}`,
  );
  mkdirSync(folder, { recursive: true });
  copyFileSync(witness, join(folder, "witness.jsonl"));
  for (const end of ["", "-wal"])
    try {
      copyFileSync(`${store}${end}`, join(folder, `torture.db${end}`));
    } catch {
      // There may be no WAL.
    }
  tally.note(`${name}: the store is kept in tmp/torture-evidence/${process.pid}-${kept}`);
}
