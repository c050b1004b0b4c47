import { fanfold, loopLimit, peers, storeLimit } from "./contestants.ts";
import type { Bench, Figure } from "./harness.ts";

const input = { items: 100_000, slots: 1_000 };
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s", limited: true };
const peak: Figure = { key: "peakMb", unit: "MB peak" };
const server: Figure = { key: "serverMb", unit: "MB peak, its server" };

export const bench: Bench = {
  name: "noop-100k",
  question: "how fast is one run of 100,000 sub-jobs that do nothing, from start to join?",
  settings: { ...input, process: "new, nothing compiled yet", "plainjob FULL": "20,000" },
  subjects: [
    fanfold("fanOut", input, [{ ...perSecond, target: { atLeast: 150_000 } }, peak, storeLimit]),
    loopLimit(input, [perSecond]),
    ...peers("fanOut", input, [perSecond, peak, server], { items: 20_000 }),
  ],
};
