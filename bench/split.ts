import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import { app, flow, job } from "../src/index.ts";
import { item, size, working } from "./fanfold.ts";
import { numberOf } from "./fan-out.ts";
import type { Bench, Derived, Figure, Input, Measure, Subject, Target } from "./harness.ts";
import { secondsToAppendAgain } from "./limits.ts";
import { alive } from "./memory.ts";

async function* source(items: number): AsyncGenerator<{ readonly n: number }> {
  for (let n = 0; n < items; n += 1) yield { n };
}

/** Above all numbers of items here, and prime: multiplied and taken by it, each number becomes another one. */
const scatter = { by: 7_368_787, within: 10_000_019 };

/** From start to seal. Nobody works on the sub-jobs: they are for a queue that has no worker. */
export const split: Measure = async (input, folder) => {
  const items = numberOf(input, "items", 0);
  const isScattered = input["keys"] === "scattered";
  const path = join(folder, "fanfold.db");
  const never = job("never", { input: item, queue: "nobody", run: ({ n }) => n });
  const splitting = flow("splitting", { input: size }).fanOut("all", never, {
    over: ({ input: { items: all } }) => source(all),
    key: ({ n }) => `${isScattered ? (n * scatter.by) % scatter.within : n}`,
  });
  const fanfold = app({ name: "bench", url: `sqlite:${path}`, parts: [splitting, never] });
  const close = working(fanfold, { concurrency: 1, queues: ["default"] });
  const from = performance.now();
  const run = await fanfold.start(splitting, { items }, { id: "run-0" });
  let total: number | undefined;
  // oxlint-disable no-await-in-loop -- until it is sealed
  while (total === undefined) {
    await pause(5);
    total = (await run.status()).total;
  }
  // oxlint-enable no-await-in-loop
  const seconds = (performance.now() - from) / 1_000;
  if (total !== items) throw new Error(`sealed at ${total} items, expected ${items}`);
  const peakMb = process.resourceUsage().maxRSS / 1024;
  const measured = { perSecond: items / seconds, peakMb, aliveMb: alive() / 2 ** 20 };
  await close();
  if (items > 1_000_000) return measured;
  const store = secondsToAppendAgain(path, join(folder, "limit.db"));
  return { ...measured, storePerSecond: items / store };
};

/** The generator alone. */
export const drain: Measure = async (input) => {
  const items = numberOf(input, "items", 0);
  const from = performance.now();
  let sum = 0;
  for await (const { n } of source(items)) sum += n;
  const seconds = (performance.now() - from) / 1_000;
  if (sum !== (items * (items - 1)) / 2) throw new Error(`wrong sum: ${sum}`);
  return { perSecond: items / seconds };
};

const perSecond: Figure = { key: "perSecond", unit: "items/s", limited: true };
const peak: Figure = { key: "peakMb", unit: "MB peak" };
const living: Figure = { key: "aliveMb", unit: "MB alive once it is split" };
const here = new URL(import.meta.url);

const fanfold = (name: string, input: Input, figures: readonly Figure[] = []): Subject => ({
  name,
  role: "fanfold",
  module: here,
  measure: "split",
  input,
  figures: [{ ...perSecond, target: { atLeast: 300_000 } }, peak, living, ...figures],
  nodeOptions: ["--expose-gc"],
});

/** As Node comes, V8's space for young objects grows to some 115 MB, and that for old ones lets 40 to 60 MB of garbage stand: at a million they have not, at five they have. */
const smallYouth = "--max-semi-space-size=16";
const young = (name: string, input: Input): Subject => ({
  ...fanfold(`${name}, ${smallYouth}`, input),
  nodeOptions: ["--expose-gc", smallYouth],
});
const million: Input = { items: 1_000_000 };
const fiveMillion: Input = { items: 5_000_000 };
const tenMillion: Input = { items: 10_000_000 };

const ratio = (than: string, ending = "", target?: Target): Derived => ({
  name: `peak memory at 10,000,000 ÷ at ${than}${ending}`,
  unit: "×",
  ...(target === undefined ? {} : { target }),
  of: (value) =>
    value(`Fanfold, 10,000,000${ending}`, "peakMb") / value(`Fanfold, ${than}${ending}`, "peakMb"),
});

export const bench: Bench = {
  name: "split",
  question: "how fast is an async generator split into sub-jobs, and does memory stay flat?",
  settings: { workers: "none on the sub-jobs' queue", keys: "rising", rawAppends: "at 1,000,000" },
  subjects: [
    fanfold("Fanfold, 100,000", { items: 100_000 }),
    fanfold("Fanfold, 1,000,000", million, [
      {
        key: "storePerSecond",
        unit: "items/s",
        isLimit: { name: "raw appends, same bytes", key: "perSecond" },
      },
    ]),
    fanfold("Fanfold, 5,000,000", fiveMillion),
    fanfold("Fanfold, 10,000,000", tenMillion),
    fanfold("Fanfold, 10,000,000, keys in no order", { ...tenMillion, keys: "scattered" }),
    young("Fanfold, 1,000,000", million),
    young("Fanfold, 10,000,000", tenMillion),
    {
      name: "for await alone",
      role: "limit",
      module: here,
      measure: "drain",
      input: million,
      figures: [perSecond],
    },
  ],
  derived: [
    ratio("5,000,000", "", { atMost: 1.05 }),
    ratio("1,000,000"),
    ratio("1,000,000", `, ${smallYouth}`),
    {
      name: "alive for each item from 1,000,000 to 10,000,000",
      unit: "bytes",
      target: { atMost: 1 },
      of: (value) =>
        ((value("Fanfold, 10,000,000", "aliveMb") - value("Fanfold, 1,000,000", "aliveMb")) *
          2 ** 20) /
        9_000_000,
    },
  ],
};
