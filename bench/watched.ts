import { costOf, type Bench } from "./harness.ts";
import { kinds, large, rounds, subject } from "./onlookers.ts";

export const bench: Bench = {
  name: "watched",
  question: "what do statistics and durable listeners cost?",
  settings: { ...large, small: "1,000 runs of 100 at once", process: "after a run of 20,000" },
  runs: rounds,
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
