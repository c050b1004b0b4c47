/**
 * The one program everybody is measured with: start → split into n → work on each → join.
 *
 * Item i is `{ "n": i }`, the work on it returns i, after sleepMs if that is not zero. The join must see n results and their
 * sum, else there is no figure.
 */
import type { Input, Measure, Measured } from "./harness.ts";
import { median, quantile } from "./statistics.ts";

export type Setup = {
  readonly folder: string;
  readonly slots: number;
  readonly sleepMs: number;
  /** Everything that was said, for what only one contestant understands. */
  readonly input: Input;
};

/** What a join saw, and when things happened: performance.now() in this process. */
export type Lap = {
  readonly count: number;
  readonly sum: number;
  readonly firstStepAt: number;
  readonly lastOutcomeAt: number;
  readonly joinedAt: number;
};

/** Something that can fan out and fold in: Fanfold, a peer, a plain loop. */
export type Contestant = {
  /** One run, from start to join. */
  readonly run: (id: string, items: number) => Promise<Lap>;
  readonly close: () => Promise<void>;
  /** After close: how long its store alone takes to write the same bytes again. */
  readonly storeSeconds?: () => number;
  /** After close: what so many sub-jobs have left on the disk. */
  readonly left?: (subJobs: number) => Promise<Measured>;
};

export type Open = (setup: Setup) => Promise<Contestant>;

export const sumBelow = (n: number): number => (n * (n - 1)) / 2;

/** Node's timers fire up to so many ms late. */
const latenessMs = 2;

/**
 * The work on one item: it takes sleepMs to some µs, which a timer alone does not. What is measured is how soon the slot has the
 * next item, not how late timers fire: with timers alone, the plain loop itself stays at 0.98.
 */
export function work(n: number, sleepMs: number): number | Promise<number> {
  if (sleepMs === 0) return n;
  const endsAt = performance.now() + sleepMs;
  return new Promise((resolve) => {
    const one = { endsAt, end: () => resolve(n) };
    setTimeout(() => endSoon(one), Math.max(0, sleepMs - latenessMs));
  });
}

type Ending = { readonly endsAt: number; readonly end: () => void };

/**
 * Work that ends within latenessMs. One look in a turn of the event loop serves all of it: a look for each made two thirds of the
 * garbage of the whole process, and its collection came when the next work was to begin.
 */
let ending: Ending[] = [];
let firstEndsAt = Infinity;

function endSoon(one: Ending): void {
  ending.push(one);
  firstEndsAt = Math.min(firstEndsAt, one.endsAt);
  if (ending.length === 1) setImmediate(look);
}

function look(): void {
  const now = performance.now();
  if (now >= firstEndsAt) {
    for (const { endsAt, end } of ending) if (now >= endsAt) end();
    ending = ending.filter(({ endsAt }) => now < endsAt);
    firstEndsAt = Math.min(...ending.map(({ endsAt }) => endsAt));
  }
  if (ending.length > 0) setImmediate(look);
}

export function numberOf(input: Input, key: string, otherwise: number): number {
  const value = input[key] ?? otherwise;
  if (typeof value !== "number") throw new Error(`"${key}" must be a number, got "${value}"`);
  return value;
}

export function textOf(input: Input, key: string): string {
  const value = input[key];
  if (typeof value !== "string") throw new Error(`"${key}" must be a text, got "${value}"`);
  return value;
}

const setupOf = (input: Input, folder: string): Setup => ({
  folder,
  slots: numberOf(input, "slots", 1_000),
  sleepMs: numberOf(input, "sleepMs", 0),
  input,
});

function check(lap: Lap, items: number): void {
  if (lap.count !== items || lap.sum !== sumBelow(items))
    throw new Error(
      `wrong result: ${lap.count} folded with sum ${lap.sum}, expected ${items} with sum ${sumBelow(items)}`,
    );
}

/**
 * `runs` runs of `items` at once; time from the first start to the last join, after `warmups` runs of `warmup` items, one unless told.
 *
 * Zero, the default, measures a process that has just started: its code is compiled while the clock runs.
 */
export function throughput(open: Open): Measure {
  return async (input, folder): Promise<Measured> => {
    const setup = setupOf(input, folder);
    const items = numberOf(input, "items", 100_000);
    const runs = numberOf(input, "runs", 1);
    const warmup = numberOf(input, "warmup", 0);
    const warmups = warmup === 0 ? 0 : numberOf(input, "warmups", 1);
    const contestant = await open(setup);
    for (let n = 0; n < warmups; n += 1)
      check(await contestant.run(`warm-up-${n}`, warmup), warmup); // oxlint-disable-line no-await-in-loop -- one after another
    const before = process.threadCpuUsage();
    const from = performance.now();
    const started = Array.from({ length: runs }, (_, n) => contestant.run(`run-${n}`, items));
    const laps = await Promise.all(started);
    const seconds = (performance.now() - from) / 1_000;
    const { user, system } = process.threadCpuUsage(before);
    const peakMb = process.resourceUsage().maxRSS / 1024;
    for (const lap of laps) check(lap, items);
    await contestant.close();
    const all = runs * items;
    const store = contestant.storeSeconds?.();
    const left = await contestant.left?.(all + warmups * warmup);
    return {
      ...left,
      ...(store === undefined
        ? {}
        : { storePerSecond: (all + warmups * warmup) / store, storeSeconds: store }),
      seconds,
      perSecond: all / seconds,
      microseconds: (seconds * 1e6) / all,
      processorUs: (user + system) / all,
      efficiency: (all * setup.sleepMs) / 1_000 / setup.slots / seconds,
      peakMb,
    };
  };
}

/** Runs one after another, on an idle machine: what a single small run waits for. */
export function latencies(open: Open): Measure {
  return async (input, folder): Promise<Measured> => {
    const items = numberOf(input, "items", 10);
    const contestant = await open(setupOf(input, folder));
    const first: number[] = [];
    const next: number[] = [];
    const whole: number[] = [];
    const repeats = numberOf(input, "repeats", 200);
    const warmups = 20;
    for (let n = 0; n < warmups + repeats; n += 1) {
      const from = performance.now();
      const lap = await contestant.run(`run-${n}`, items); // oxlint-disable-line no-await-in-loop -- one at a time is the question
      const to = performance.now();
      check(lap, items);
      if (n < warmups) continue;
      first.push(lap.firstStepAt - from);
      next.push(lap.joinedAt - lap.lastOutcomeAt);
      whole.push(to - from);
    }
    await contestant.close();
    return {
      startMs: median(first),
      nextMs: median(next),
      wholeMs: median(whole),
      wholeP99Ms: quantile(whole, 0.99),
    };
  };
}
