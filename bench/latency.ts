import { fanfold, peers } from "./contestants.ts";
import type { Bench, Figure } from "./harness.ts";

const input = { items: 10, slots: 10, repeats: 200 };
const start: Figure = { key: "startMs", unit: "ms, start → first step", limited: true };
const next: Figure = { key: "nextMs", unit: "ms, last outcome → next step", limited: true };
const whole: Figure = { key: "wholeMs", unit: "ms, a whole run of 10" };

export const bench: Bench = {
  name: "latency",
  question:
    "how long does one small run wait, on an idle machine? (medians of 200, one after another)",
  settings: input,
  subjects: [
    fanfold("latency", input, [
      { ...start, target: { atMost: 1 } },
      { ...next, target: { atMost: 1 } },
      whole,
    ]),
    {
      name: "one commit",
      role: "limit",
      module: new URL("limits.ts", import.meta.url),
      measure: "oneCommit",
      input,
      figures: [start, next],
    },
    ...peers("latency", input, [start, next, whole]),
  ],
};
