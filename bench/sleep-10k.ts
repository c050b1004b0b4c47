import { fanfold, loopLimit, peers } from "./contestants.ts";
import type { Bench, Figure } from "./harness.ts";

/** Warm-ups, because the question is the slots, and not how a process starts: as in postgres-sleep. */
const input = { items: 10_000, slots: 120, sleepMs: 60, warmup: 1_200, warmups: 8 };
const efficiency: Figure = { key: "efficiency", unit: "of 1", limited: true };
const seconds: Figure = { key: "seconds", unit: "s" };

export const bench: Bench = {
  name: "sleep-10k",
  question: "how well are 120 slots kept busy? the invoice run at a thousandth of its time",
  settings: { ...input, ideal: "5.00 s; 84 rounds of 60 ms are 5.04 s" },
  subjects: [
    fanfold("fanOut", input, [{ ...efficiency, target: { atLeast: 0.99 } }, seconds]),
    loopLimit(input, [efficiency, seconds]),
    ...peers("fanOut", input, [efficiency, seconds]),
  ],
  derived: [
    {
      // 10,000 do not divide by 120: this is what is Fanfold's.
      name: "efficiency, Fanfold ÷ plain loop",
      unit: "×",
      target: { atLeast: 0.99 },
      of: (value) => value("Fanfold", "efficiency") / value("plain loop", "efficiency"),
    },
  ],
};
