import { loopLimit } from "./contestants.ts";
import type { Bench, Figure, Input } from "./harness.ts";
import { durable, fanfoldOnPostgres, peersOnPostgres } from "./postgres.ts";

/** Warmed up by several runs, peers alike, for the reason that postgres-noop gives: any process may be the one that manages a run. */
const input: Input = { items: 10_000, slots: 120, sleepMs: 60, warmup: 1_200, warmups: 8 };
const inFour: Input = { ...input, workers: 4 };
const efficiency: Figure = { key: "efficiency", unit: "of 1", limited: true };

export const bench: Bench = {
  name: "postgres-sleep",
  question: "how well are 120 slots in four processes kept busy, on PostgreSQL?",
  settings: { ...inFour, ideal: "5.00 s; 84 rounds of 60 ms are 5.04 s", ...durable },
  subjects: [
    fanfoldOnPostgres("fanOut", inFour, [{ ...efficiency, target: { atLeast: 0.97 } }]),
    loopLimit(input, [efficiency]),
    ...peersOnPostgres("fanOut", inFour, [efficiency]),
  ],
};
