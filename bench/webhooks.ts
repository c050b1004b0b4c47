import { costOf, type Bench, type Figure } from "./harness.ts";
import { kinds, large, rounds, subject } from "./onlookers.ts";

const idle = { items: 10, slots: 1_000, repeats: 500 };
const latency: readonly Figure[] = [
  { key: "wholeMs", unit: "ms, start → end of a run of 10" },
  { key: "wholeP99Ms", unit: "ms, the same, p99" },
];
const down = "1,000 webhooks down";

export const bench: Bench = {
  name: "webhooks",
  question: "1,000 webhooks refuse every request: what does that cost sub-jobs?",
  settings: { ...large, small: "1,000 runs of 100 at once", webhooks: "each wants every event" },
  runs: rounds,
  subjects: [
    ...kinds.flatMap(([name, input]) => [
      subject(`${name}, no webhook`, "counted", input),
      subject(`${name}, ${down}`, "refused", input),
    ]),
    subject("one after another, no webhook", "latency", idle, latency),
    subject(`one after another, ${down}`, "latencyRefused", idle, latency),
  ],
  derived: kinds.flatMap(([name]) => costOf(name, "no webhook", down, { atMost: 5 })),
};
