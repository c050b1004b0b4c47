import type { Bench, Figure } from "./harness.ts";
import { durable, fanfoldOnPostgres, peersOnPostgres } from "./postgres.ts";

const input = { items: 10, slots: 10, repeats: 100 };
const start: Figure = { key: "startMs", unit: "ms, start → first step" };
const next: Figure = { key: "nextMs", unit: "ms, last outcome → next step" };
const whole: Figure = { key: "wholeMs", unit: "ms, a whole run of 10" };

export const bench: Bench = {
  name: "postgres-latency",
  question:
    "how long does one small run wait on PostgreSQL, on an idle machine? (medians of 100, one after another)",
  settings: { ...input, ...durable },
  subjects: [
    fanfoldOnPostgres("latency", input, [
      { ...start, target: { atMost: 6 } },
      { ...next, target: { atMost: 6 } },
      whole,
    ]),
    ...peersOnPostgres("latency", input, [start, next, whole]),
  ],
};
