import { costOf, type Bench, type Figure, type Input, type Subject } from "./harness.ts";

const large = { items: 100_000, slots: 1_000, warmup: 20_000 };
const small = { runs: 1_000, items: 100, slots: 1_000, warmup: 20_000 };
const throughput: readonly Figure[] = [
  { key: "perSecond", unit: "sub-jobs/s" },
  { key: "processorUs", unit: "µs of the main thread a sub-job" },
];

const subject = (
  name: string,
  measure: "alone" | "counted" | "watched" | "crowded",
  input: Input,
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("watched-run.ts", import.meta.url),
  measure,
  input,
  figures: throughput,
});

const kinds = [
  ["100,000", large],
  ["1,000 × 100", small],
] as const;

export const bench: Bench = {
  name: "watched",
  question: "what do statistics and durable listeners cost?",
  settings: { ...large, small: "1,000 runs of 100 at once", process: "after a run of 20,000" },
  subjects: kinds.flatMap(([name, input]) => [
    subject(`${name}, nobody looks on`, "alone", input),
    subject(`${name}, statistics`, "counted", input),
    subject(`${name}, and a listener`, "watched", input),
    subject(`${name}, and ten listeners`, "crowded", input),
  ]),
  derived: kinds.flatMap(([name]) =>
    ["statistics", "and a listener", "and ten listeners"].flatMap((what) =>
      costOf(
        name,
        "nobody looks on",
        what,
        what === "and ten listeners" ? undefined : { atMost: 5 },
      ),
    ),
  ),
};
