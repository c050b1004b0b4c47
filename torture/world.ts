/** One store and what is known about it from outside: begun, healed and judged the same way, whatever was done to it. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../src/check/check.ts";
import { ok } from "../src/check/model.ts";
import { begin, type Order, type Owner } from "./processes.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

export type World = {
  readonly order: Order;
  /** What the violations and notes of this round begin with. */
  readonly name: string;
  readonly begin: (env?: Readonly<Record<string, string>>, more?: Partial<Order>) => Owner;
  /** Looks at the store as it lies there: whatever happened, no promise may be broken. */
  readonly look: () => void;
  /** No more faults: everything that was begun must end. Then it is judged for the last time. */
  readonly heal: () => Promise<void>;
};

export type Round = {
  readonly seed: number;
  readonly random: Random;
  readonly tally: Tally;
  /** An empty folder of its own. */
  readonly folder: string;
  /** No further fault is worth beginning. */
  readonly isOver: () => boolean;
  /** How many of its nemesis came before this round's, so that what goes through points in order goes on. */
  readonly before: number;
};

/** A way to do harm. */
export type Nemesis = {
  readonly name: string;
  readonly about: string;
  /** Why this machine cannot do it; undefined if it can. */
  readonly whyNot?: () => string | undefined;
  /** Faults that one store stands before it is healed and judged. */
  readonly perStore: number;
  /** Does `faults` of it, on a store of its own. */
  readonly round: (round: Round, faults: number) => Promise<void>;
};

/** What is begun must end within this: two sweeps after the longest lease and timeout. */
const healMs = 180_000;

export function world(
  name: string,
  { tally, seed, folder }: Round,
  { store = join(folder, "torture.db"), ...more }: Partial<Order> = {},
): World {
  mkdirSync(folder, { recursive: true });
  const witness = join(folder, "witness.jsonl");
  writeFileSync(witness, "");
  const order: Order = { store, witness, seed, processes: 0, drain: false, ...more };
  const round = `${name}, seed ${seed}`;

  function look(isLast: boolean): void {
    const checked = check(order.store, order.witness);
    tally.add("checks");
    for (const violation of checked.violations) tally.found(round, violation);
    if (isLast) {
      countUp(tally, checked.counts);
      judgeRuns(on, tally, checked.runs);
    }
    // Whoever finds a violation wants to see the store.
    if (checked.violations.length > 0) keep(order, tally, round);
  }

  const on: World = {
    order,
    name: round,
    begin: (env, changed) => begin({ ...order, ...changed }, env),
    look: () => look(false),
    async heal() {
      const owner = begin({ ...order, drain: true });
      const { signal } = new AbortController();
      const exit = await Promise.race([
        owner.ended,
        sleep(healMs, undefined, { signal, ref: false }),
      ]);
      await owner.killAll();
      const open = openRuns(order.witness);
      for (const id of open)
        tally.found(round, {
          guarantee: "G12",
          where: `run ${id}`,
          expected: `an end within ${healMs / 1_000} s of the last fault`,
          got: exit === undefined ? "none" : `the process ended: ${owner.said()}`,
        });
      if (open.length === 0 && exit?.code !== 0)
        tally.note(
          `${round}: the last process ended with ${JSON.stringify(exit)}: ${owner.said()}`,
        );
      look(true);
      tally.add("stores");
    },
  };
  return on;
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

/** Runs whose start was acknowledged, and nobody was told of an end. */
export function openRuns(witness: string): readonly string[] {
  const open = new Set<string>();
  for (const [, what, id = ""] of readFileSync(witness, "utf8").matchAll(
    /"(started|ended)":"([^"]+)"/g,
  ))
    if (what === "started") open.add(id);
    else open.delete(id);
  return [...open];
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
function judgeRuns(on: World, tally: Tally, runs: ReturnType<typeof check>["runs"]): void {
  const db = new DatabaseSync(on.order.store, { readOnly: true });
  const rows = db.prepare("select value from state where key like 'run/%'").all();
  db.close();
  for (const { value: text } of rows) {
    const { run, state, because = "", results } = JSON.parse(String(text)) as Stored;
    const where = `run ${run}`;
    if (state === "failed" && because.includes("vanished"))
      tally.add("runs given up after many crashes");
    else if (state !== "done" && state !== "cancelled")
      tally.found(on.name, {
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
      tally.found(on.name, {
        guarantee: "G3",
        where,
        expected: JSON.stringify(expected),
        got: JSON.stringify({ ok: marks.ok, count, sum }),
      });
  }
}

let kept = 0;

/** A copy of the evidence, for people; of the first few only. */
function keep({ store, witness }: Order, tally: Tally, round: string): void {
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
  tally.note(`${round}: the store is kept in tmp/torture-evidence/${process.pid}-${kept}`);
}
