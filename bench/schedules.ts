import { join } from "node:path";
import { app, job, schedule, type App } from "../src/index.ts";
import { item } from "./fanfold.ts";
import { numberOf } from "./fan-out.ts";
import type { Bench, Figure, Input, Measure, Subject } from "./harness.ts";
import { alive } from "./memory.ts";

/** Opened, and all schedules met: ms. */
async function opened(fanfold: App, schedules: number): Promise<number> {
  const from = performance.now();
  const known = await fanfold.schedules();
  const ms = performance.now() - from;
  if (known.length !== schedules)
    throw new Error(`${known.length} schedules are known, expected ${schedules}`);
  return ms;
}

/** A program with so many schedules starts on a new file, and again on the file it has left. */
export const starts: Measure = async (input, folder) => {
  const count = numberOf(input, "schedules", 0);
  const mail = job("mail", { input: item, run: () => null });
  const before = alive();
  const from = performance.now();
  // Each at a minute and an hour of its own, in three time zones.
  const all = Array.from({ length: count }, (_, n) =>
    schedule(`s${n}`, {
      cron: `${n % 60} ${n % 24} ${1 + (n % 28)} * *`,
      timezone: ["UTC", "Europe/Berlin", "America/New_York"][n % 3] ?? "UTC",
      run: mail,
      input: () => ({ n }),
    }),
  );
  const defineMs = performance.now() - from;
  const url = `sqlite:${join(folder, "fanfold.db")}`;
  const first = app({ name: "bench", url, parts: [mail, ...all] });
  const firstMs = await opened(first, count);
  const bytes = alive() - before;
  await first.close();
  const second = app({ name: "bench", url, parts: [mail, ...all] });
  const secondMs = await opened(second, count);
  await second.close();
  return { defineMs, firstMs, secondMs, megabytes: bytes / 1e6 };
};

const figures: readonly Figure[] = [
  { key: "defineMs", unit: "ms to define them" },
  { key: "firstMs", unit: "ms until they stand, on a new file" },
  { key: "secondMs", unit: "ms, on the file of the last start" },
  { key: "megabytes", unit: "MB in memory", target: { atMost: 50 } },
];

const subject = (name: string, input: Input): Subject => ({
  name,
  role: "fanfold",
  module: new URL(import.meta.url),
  measure: "starts",
  input,
  figures,
  nodeOptions: ["--expose-gc"],
});

export const bench: Bench = {
  name: "schedules",
  question: "10,000 schedules: how long does a program take to start, and how much memory?",
  settings: { cron: "monthly, each at its own minute", timezones: 3 },
  subjects: [
    subject("Fanfold, 1,000", { schedules: 1_000 }),
    subject("Fanfold, 10,000", { schedules: 10_000 }),
  ],
};
