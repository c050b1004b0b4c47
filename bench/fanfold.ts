/** Fanfold in the race: one process, one SQLite file, synchronous=FULL, as a program would use it. */
import { join } from "node:path";
import { z } from "zod";
import { app, type App, flow, job, type WorkOptions } from "../src/index.ts";
import { latencies, throughput, work, type Contestant, type Lap, type Setup } from "./fan-out.ts";
import type { Measure } from "./harness.ts";
import { secondsToAppendAgain } from "./limits.ts";

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

async function open({ folder, slots, sleepMs }: Setup): Promise<Contestant> {
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
  const race = flow("race", { input: size })
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

  const path = join(folder, "fanfold.db");
  const fanfold = app({ name: "bench", url: `sqlite:${path}`, parts: [race, one] });
  const close = working(fanfold, { concurrency: slots });
  return {
    async run(id, items): Promise<Lap> {
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
    close,
    storeSeconds: () => secondsToAppendAgain(path, join(folder, "limit.db")),
  };
}

export const fanOut: Measure = throughput(open);
export const latency: Measure = latencies(open);
