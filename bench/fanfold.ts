/** Fanfold in the race, as a program would use it: on one SQLite file with synchronous=FULL, or on PostgreSQL with several processes. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import {
  app,
  type App,
  type Duration,
  flow,
  job,
  type Tracing,
  type WorkOptions,
} from "../src/index.ts";
import {
  latencies,
  numberOf,
  textOf,
  throughput,
  work,
  type Contestant,
  type Lap,
  type Setup,
} from "./fan-out.ts";
import type { Measure, Measured } from "./harness.ts";
import { secondsToAppendAgain } from "./limits.ts";
import { sizesAfterRemoval, sizesPer } from "./postgres-sizes.ts";

/** Items 0 to `items` − 1, made when they are asked for. */
export function* numbers(items: number): Generator<{ readonly n: number }> {
  for (let n = 0; n < items; n += 1) yield { n };
}

export const item: z.ZodObject<{ n: z.ZodNumber }> = z.object({ n: z.number() });
export const size: z.ZodObject<{ items: z.ZodNumber }> = z.object({ items: z.number() });

/** Lets an app work; call what it returns to stop that and close the app. */
export function working(fanfold: App, options: WorkOptions): () => Promise<void> {
  const stop = new AbortController();
  const work = fanfold.work({ ...options, signal: stop.signal });
  return async () => {
    stop.abort();
    await work;
    await fanfold.close();
  };
}

export type Racing = { readonly fanfold: App; readonly run: Contestant["run"] };

export type Apart = {
  readonly tracing?: Tracing | undefined;
  readonly retention?: Duration;
};

/** The program that everybody is measured with, as an app on this engine; `apart` is what only some measurements ask for. */
export function fanfoldOn(url: string, sleepMs: number, apart: Apart = {}): Racing {
  const { retention, tracing } = apart;
  const firstStepAt = new Map<string, number>();
  const lastOutcomeAt = new Map<string, number>();
  const joinedAt = new Map<string, number>();

  const one = job("one", {
    input: item,
    async run({ n }, ctx) {
      const result = await work(n, sleepMs);
      lastOutcomeAt.set(ctx.run, performance.now());
      return result;
    },
  });
  const race = flow("race", { input: size, ...(retention === undefined ? {} : { retention }) })
    .step("begin", (_state, ctx) => {
      firstStepAt.set(ctx.run, performance.now());
      return null;
    })
    .fanOut("all", one, {
      over: ({ input }) => numbers(input.items),
      key: ({ n }) => `${n}`,
      fold: (folds) => ({ count: folds.count(), sum: folds.sum((n) => n) }),
    })
    .step("join", ({ all }, ctx) => {
      joinedAt.set(ctx.run, performance.now());
      return all.value;
    });
  const fanfold = app({
    name: "bench",
    url,
    parts: [race, one],
    ...(tracing === undefined ? {} : { tracing }),
  });
  return {
    fanfold,
    run: async (id, items): Promise<Lap> => {
      const run = await fanfold.start(race, { items }, { id });
      const { count, sum } = await run.result();
      return {
        count,
        sum,
        firstStepAt: firstStepAt.get(id) ?? Number.NaN,
        lastOutcomeAt: lastOutcomeAt.get(id) ?? Number.NaN,
        joinedAt: joinedAt.get(id) ?? Number.NaN,
      };
    },
  };
}

async function openFile({ folder, slots, sleepMs }: Setup): Promise<Contestant> {
  const path = join(folder, "fanfold.db");
  const { fanfold, run } = fanfoldOn(`sqlite:${path}`, sleepMs);
  return {
    run,
    close: working(fanfold, { concurrency: slots }),
    storeSeconds: () => secondsToAppendAgain(path, join(folder, "limit.db")),
  };
}

/** With `workers`, as many other processes work, `slots` in all, and this one starts and waits. */
async function openPostgres({ slots, sleepMs, input }: Setup): Promise<Contestant> {
  const url = textOf(input, "url");
  const { fanfold, run } = fanfoldOn(url, sleepMs);
  const count = numberOf(input, "workers", 0);
  const left = async (subJobs: number): Promise<Measured> => ({
    ...(await sizesPer(url, subJobs)),
    ...(input["afterwards"] === "removed"
      ? await sizesAfterRemoval(url, () => fanfoldOn(url, 0, { retention: "1ms" }).fanfold)
      : {}),
  });
  if (count === 0) return { run, left, close: working(fanfold, { concurrency: slots }) };
  const workers = await Promise.all(
    Array.from({ length: count }, () => startWorker(url, slots / count, sleepMs)),
  );
  await fanfold.runs(); // Open before the clock runs, as the workers are.
  await pause(settleMs);
  return {
    run,
    left,
    async close() {
      await Promise.all(workers.map((stop) => stop()));
      await fanfold.close();
    },
  };
}

/** Processes that have just come share the partitions anew; who is measured has been there for a while. */
const settleMs = 1_500;

async function startWorker(
  url: string,
  slots: number,
  sleepMs: number,
): Promise<() => Promise<void>> {
  const worker = fork(new URL("postgres-worker.ts", import.meta.url), [
    url,
    `${slots}`,
    `${sleepMs}`,
  ]); // With the options of this process: it runs what was compiled.
  await once(worker, "message");
  return async () => {
    const gone = once(worker, "exit");
    worker.kill("SIGTERM");
    await gone;
  };
}

export const fanOut: Measure = throughput(openFile);
export const latency: Measure = latencies(openFile);
export const fanOutOnPostgres: Measure = throughput(openPostgres);
export const latencyOnPostgres: Measure = latencies(openPostgres);
