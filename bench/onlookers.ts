/** What the benches share that ask what those cost who look on at a run. */
import type { Figure, Input, Subject } from "./harness.ts";
import type * as measures from "./watched-run.ts";

export const large = { items: 100_000, slots: 1_000, warmup: 20_000 };
const small = { runs: 1_000, items: 100, slots: 1_000, warmup: 20_000 };

/** Rounds differ by 10 %, and 5 % are the question. */
export const rounds = 15;

/** What is run, under the name that its rows begin with. */
export const kinds: readonly (readonly [string, Input])[] = [
  ["100,000", large],
  ["1,000 × 100", small],
];

export const throughput: readonly Figure[] = [
  { key: "perSecond", unit: "sub-jobs/s" },
  { key: "processorUs", unit: "µs of the main thread a sub-job" },
];

export const subject = (
  name: string,
  measure: keyof typeof measures,
  input: Input,
  figures: readonly Figure[] = throughput,
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("watched-run.ts", import.meta.url),
  measure,
  input,
  figures,
});
