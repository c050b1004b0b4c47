import type { Bench, Figure, Subject } from "./harness.ts";

const input = { items: 100_000, slots: 1_000 };
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s" };

const subject = (name: string, measure: "none" | "api" | "share" | "all"): Subject => ({
  name,
  role: "fanfold",
  module: new URL("traced-run.ts", import.meta.url),
  measure,
  input,
  figures: [perSecond],
});

export const bench: Bench = {
  name: "traced",
  question: "what do spans cost, of 100,000 sub-jobs that do nothing?",
  settings: { ...input, process: "new, nothing compiled yet" },
  subjects: [
    subject("without", "none"),
    subject("tracing, no SDK", "api"),
    subject("an SDK, 1 % of the sub-jobs", "share"),
    subject("an SDK, all of them", "all"),
  ],
};
