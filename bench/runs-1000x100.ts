import { fanfold, loopLimit, peers, storeLimit } from "./contestants.ts";
import type { Bench, Figure } from "./harness.ts";

const input = { runs: 1_000, items: 100, slots: 1_000 };
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s", limited: true };
const peak: Figure = { key: "peakMb", unit: "MB peak" };

export const bench: Bench = {
  name: "runs-1000x100",
  question: "how fast are a thousand runs of 100 sub-jobs, all started at once?",
  settings: { ...input, process: "new, nothing compiled yet", "plainjob FULL": "200 runs" },
  subjects: [
    fanfold("fanOut", input, [{ ...perSecond, target: { atLeast: 50_000 } }, peak, storeLimit]),
    loopLimit(input, [perSecond]),
    ...peers("fanOut", input, [perSecond, peak], { runs: 200 }),
  ],
};
