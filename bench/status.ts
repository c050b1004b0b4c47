import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { app, flow, job } from "../src/index.ts";
import { item, numbers, size, working } from "./fanfold.ts";
import { numberOf } from "./fan-out.ts";
import type { Bench, Measure } from "./harness.ts";
import { median, quantile } from "./statistics.ts";

async function timesOf(times: number, once: (n: number) => Promise<void>): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const from = performance.now();
    await once(n); // oxlint-disable-line no-await-in-loop -- one at a time is the question
    took.push(performance.now() - from);
  }
  return took;
}

/** A run that is held, because one of its sub-jobs failed, is asked about: itself, and sub-jobs all over it. */
export const ask: Measure = async (input, folder) => {
  const items = numberOf(input, "items", 0);
  const one = job("one", {
    input: item,
    run: ({ n }, ctx) => (n === 0 ? ctx.fatal("so that the run is held") : n),
  });
  const asked = flow("asked", { input: size }).fanOut("all", one, {
    over: (state) => numbers(state.input.items),
    key: ({ n }) => `${n}`,
    fold: (folds) => ({ sum: folds.sum((n) => n) }),
  });
  const url = `sqlite:${join(folder, "fanfold.db")}`;
  const fanfold = app({ name: "bench", url, parts: [asked, one] });
  const close = working(fanfold, { concurrency: numberOf(input, "slots", 1_000) });
  const run = await fanfold.start(asked, { items }, { id: "run-0" });
  while ((await run.status()).state !== "held") await pause(20); // oxlint-disable-line no-await-in-loop -- until it is
  const { total, done, failed } = await run.status();
  if (total !== items || failed !== 1)
    throw new Error(`${done} of ${total} done and ${failed} failed, expected ${items} and 1`);

  const statuses = await timesOf(1_000, async () => void (await run.status()));
  const records = await timesOf(300, async (n) => {
    const key = `${(n * 7_919 * 131 + 1) % items}`; // All over the run, the same in each measurement.
    const record = await run.subJob("all", key);
    if (record?.key !== key) throw new Error(`asked for "${key}", got "${record?.key}"`);
  });
  await close();
  return {
    statusMs: median(statuses),
    statusP99Ms: quantile(statuses, 0.99),
    recordMs: median(records),
    recordP99Ms: quantile(records, 0.99),
  };
};

export const bench: Bench = {
  name: "status",
  question: "how long does it take to know how a run of 1,000,000 stands, and one of its sub-jobs?",
  settings: { slots: 1_000, state: "held, all settled but one failed" },
  subjects: [
    {
      name: "Fanfold, 1,000,000",
      role: "fanfold",
      module: new URL(import.meta.url),
      measure: "ask",
      input: { items: 1_000_000, slots: 1_000 },
      figures: [
        { key: "statusMs", unit: "ms, status", target: { atMost: 0.1 } },
        { key: "statusP99Ms", unit: "ms, status, p99" },
        { key: "recordMs", unit: "ms, record of a sub-job", target: { atMost: 2 } },
        { key: "recordP99Ms", unit: "ms, record of a sub-job, p99" },
      ],
    },
    {
      name: "Fanfold, 10,000",
      role: "fanfold",
      module: new URL(import.meta.url),
      measure: "ask",
      input: { items: 10_000, slots: 1_000 },
      figures: [
        { key: "statusMs", unit: "ms, status" },
        { key: "recordMs", unit: "ms, record of a sub-job" },
      ],
    },
  ],
};
