/** One store and what is known about it from outside: begun, healed and judged the same way, whatever was done to it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { check } from "../src/check/check.ts";
import { judge, neverEnded } from "./judge.ts";
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
export const healMs = 180_000;

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
    judge(check(order.store, order.witness), { name: round, ...order, tally, isLast });
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
      const got = exit === undefined ? "none" : `the process ended: ${owner.said()}`;
      const open = neverEnded(order.witness, healMs, got);
      for (const violation of open) tally.found(round, violation);
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
