/** Who does harm next: each nemesis a round, on a store of its own, in turns, several of them at once. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { random } from "./random.ts";
import type { Tally } from "./tally.ts";
import type { Nemesis } from "./world.ts";

/** What one nemesis is to do, and has done: `before` of it in runs before this one. */
export type Plan = {
  readonly nemesis: Nemesis;
  readonly faults: number;
  readonly before: number;
  done: number;
  /** Of rounds that are under way. */
  promised: number;
  rounds: number;
};

export type TortureOptions = {
  readonly tally: Tally;
  readonly base: string;
  readonly seed: number;
  readonly isOver: () => boolean;
  /** So many rounds at once; those that mostly wait are done beside them. */
  readonly lanes: number;
  /** Faults of one round, at most. */
  readonly atOnce: number;
};

export function planOf(nemesis: Nemesis, faults: number, before: number): Plan {
  return { nemesis, faults, before, done: before, promised: 0, rounds: 0 };
}

export async function torture(plans: readonly Plan[], options: TortureOptions): Promise<void> {
  const slow = plans.filter(({ nemesis }) => nemesis.name === "pause");
  const quick = plans.filter((plan) => !slow.includes(plan));
  const lane = (of: readonly Plan[]): Promise<void> => inTurns(of, options);
  const lanes = Array.from({ length: options.lanes }, () => lane(quick));
  await Promise.all([...lanes, lane(slow)]);
}

/** The one with the fewest rounds comes next. */
async function inTurns(plans: readonly Plan[], options: TortureOptions): Promise<void> {
  while (!options.isOver()) {
    const [next] = plans
      .filter(({ done, promised, faults }) => done + promised < faults)
      .toSorted((a, b) => a.rounds - b.rounds);
    if (next === undefined) return;
    await oneRound(next, options);
  }
}

async function oneRound(plan: Plan, options: TortureOptions): Promise<void> {
  const { nemesis } = plan;
  const { tally, base, seed, isOver, atOnce } = options;
  plan.rounds += 1;
  const own = seed * 1_000 + plan.rounds;
  const folder = mkdtempSync(join(base, `${nemesis.name}-`));
  const before = plan.done + plan.promised;
  const faults = Math.min(plan.faults - before, nemesis.perStore, atOnce);
  plan.promised += faults;
  let begun = 0;
  const counting: Tally = {
    ...tally,
    fault(kind) {
      begun += 1;
      tally.fault(kind);
    },
  };
  const round = { seed: own, random: random(own), tally: counting, folder, isOver, before };
  try {
    await nemesis.round(round, faults);
  } catch (error) {
    // A process that cannot even start after a fault is what we look for.
    tally.found(`${nemesis.name}, seed ${own}`, {
      guarantee: "G12",
      where: "the round",
      expected: "to go on after a fault",
      got: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
  plan.promised -= faults;
  plan.done += Math.max(1, begun);
  rmSync(folder, { recursive: true, force: true });
}
