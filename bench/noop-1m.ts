import { fanfold, loopLimit, storeLimit } from "./contestants.ts";
import type { Bench, Figure, Input } from "./harness.ts";

/** A warm-up, because a new process spends the first 10,000 compiling: beside that, a million would look too good. */
const common = { slots: 1_000, warmup: 10_000 };
const million: Input = { ...common, items: 1_000_000 };
const each: Figure = { key: "microseconds", unit: "µs a sub-job" };
const seconds: Figure = { key: "seconds", unit: "s" };
const peak: Figure = { key: "peakMb", unit: "MB peak", target: { atMost: 300 } };
/** As Node comes, 134 MB are space for young objects, which V8 makes large because there is room. */
const smallYouth = "--max-semi-space-size=16";
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s", limited: true };
const name = (items: string) => `Fanfold, ${items}`;

export const bench: Bench = {
  name: "noop-1m",
  question: "what do a million sub-jobs in one run take in time and memory, and is it linear?",
  settings: { ...common, peers: "see noop-100k" },
  subjects: [
    fanfold("fanOut", { ...common, items: 10_000 }, [each], name("10,000")),
    fanfold("fanOut", { ...common, items: 100_000 }, [each], name("100,000")),
    fanfold(
      "fanOut",
      million,
      [each, { ...seconds, target: { atMost: 8 } }, perSecond, peak, storeLimit],
      name("1,000,000"),
    ),
    {
      ...fanfold("fanOut", million, [seconds, peak], name(`1,000,000, ${smallYouth}`)),
      nodeOptions: [smallYouth],
    },
    loopLimit(million, [perSecond]),
  ],
  derived: [
    {
      name: "time a sub-job at 1,000,000 ÷ at 10,000",
      unit: "×",
      target: { atMost: 1.2 },
      of: (value) =>
        value(name("1,000,000"), "microseconds") / value(name("10,000"), "microseconds"),
    },
  ],
};
