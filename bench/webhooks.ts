import { costOf, type Bench, type Figure, type Input, type Subject } from "./harness.ts";

const large = { items: 100_000, slots: 1_000, warmup: 20_000 };
const small = { runs: 1_000, items: 100, slots: 1_000, warmup: 20_000 };
const idle = { items: 10, slots: 1_000, repeats: 500 };
const throughput: readonly Figure[] = [
  { key: "perSecond", unit: "sub-jobs/s" },
  { key: "processorUs", unit: "µs of the main thread a sub-job" },
];
const latency: readonly Figure[] = [
  { key: "wholeMs", unit: "ms, start → end of a run of 10" },
  { key: "wholeP99Ms", unit: "ms, the same, p99" },
];

const subject = (
  name: string,
  measure: "counted" | "refused" | "latency" | "latencyRefused",
  input: Input,
  figures: readonly Figure[],
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("watched-run.ts", import.meta.url),
  measure,
  input,
  figures,
});

const kinds = [
  ["100,000", large],
  ["1,000 × 100", small],
] as const;
const down = "1,000 webhooks down";

export const bench: Bench = {
  name: "webhooks",
  question: "1,000 webhooks refuse every request: what does that cost sub-jobs?",
  settings: { ...large, small: "1,000 runs of 100 at once", webhooks: "each wants every event" },
  subjects: [
    ...kinds.flatMap(([name, input]) => [
      subject(`${name}, no webhook`, "counted", input, throughput),
      subject(`${name}, ${down}`, "refused", input, throughput),
    ]),
    subject("one after another, no webhook", "latency", idle, latency),
    subject(`one after another, ${down}`, "latencyRefused", idle, latency),
  ],
  derived: kinds.flatMap(([name]) => costOf(name, "no webhook", down, { atMost: 5 })),
};
