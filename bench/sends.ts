import { join } from "node:path";
import { app, job } from "../src/index.ts";
import { item, working } from "./fanfold.ts";
import { numberOf, sumBelow } from "./fan-out.ts";
import type { Bench, Figure, Input, Measure, Subject } from "./harness.ts";
import { alive } from "./memory.ts";

const atOnce = 1_000;
/** All are registered before the first is due: if not, there is no figure. */
const leadMs = (sends: number): number => 8_000 + sends / 4;

/** Registers all of them for one instant of the future, holds them until then, and runs them. */
export const delayed: Measure = async (input, folder) => {
  const sends = numberOf(input, "sends", 0);
  let done = 0;
  let sum = 0;
  const { promise: all, resolve } = Promise.withResolvers<number>();
  const mail = job("mail", {
    input: item,
    run({ n }) {
      sum += n;
      done += 1;
      if (done === sends) resolve(Date.now());
      return null;
    },
  });
  const url = `sqlite:${join(folder, "fanfold.db")}`;
  const fanfold = app({ name: "bench", url, parts: [mail] });
  const close = working(fanfold, { concurrency: numberOf(input, "slots", 1_000) });
  await fanfold.runs(); // Open before the clock runs.
  const before = alive();
  const dueAt = Date.now() + leadMs(sends);
  const from = performance.now();
  // oxlint-disable no-await-in-loop -- as many at once as a program would
  for (let first = 0; first < sends; first += atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, sends - first) }, (_, n) =>
        fanfold.send(mail, { n: first + n }, { id: `mail-${first + n}`, at: new Date(dueAt) }),
      ),
    );
  // oxlint-enable no-await-in-loop
  const seconds = (performance.now() - from) / 1_000;
  const held = alive() - before;
  if (done > 0) throw new Error(`${done} ran before all ${sends} were registered`);
  const over = await all;
  const last = await fanfold.run(`mail-${sends - 1}`);
  await last?.result();
  const peakMb = process.resourceUsage().maxRSS / 1024;
  await close();
  if (sum !== sumBelow(sends)) throw new Error(`wrong sum: ${sum} of ${sends}`);
  return {
    registered: sends / seconds,
    heldBytes: held / sends,
    perSecond: (sends * 1_000) / (over - dueAt),
    peakMb,
  };
};

const figures: readonly Figure[] = [
  { key: "registered", unit: "registered/s" },
  { key: "heldBytes", unit: "bytes, each that is held" },
  { key: "perSecond", unit: "done/s once they are due" },
  { key: "peakMb", unit: "MB peak" },
];
const smallYouth = "--max-semi-space-size=4";

const subject = (name: string, input: Input, nodeOptions: readonly string[] = []): Subject => ({
  name,
  role: "fanfold",
  module: new URL(import.meta.url),
  measure: "delayed",
  input: { ...input, slots: 1_000 },
  figures,
  nodeOptions: ["--expose-gc", ...nodeOptions],
});

export const bench: Bench = {
  name: "sends",
  question:
    "100,000 jobs sent for later: what do they take while they wait, and how fast are they done?",
  settings: { atOnce, slots: 1_000, due: "all at the same instant" },
  subjects: [
    subject("Fanfold, 20,000", { sends: 20_000 }),
    subject("Fanfold, 100,000", { sends: 100_000 }),
    subject(`Fanfold, 100,000, ${smallYouth}`, { sends: 100_000 }, [smallYouth]),
  ],
};
