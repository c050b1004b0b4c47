/** Many seeds, on all processors: how many worlds were well, and what went wrong in those that were not. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { each, type FaultKind } from "./weather.ts";
import type { Report } from "./world.ts";

export type Many = {
  readonly seeds: number;
  readonly from: number;
  readonly faults: Readonly<Record<FaultKind | "restart", number>>;
  readonly runs: number;
  readonly folds: number;
  readonly joins: number;
  readonly executions: number;
  readonly swept: number;
  readonly steps: number;
  readonly virtualHours: number;
  readonly seconds: number;
  readonly seedsPerMinute: number;
  /** The worlds in which something was wrong. */
  readonly failed: readonly Report[];
};

/** What the threads are asked and answer. */
export type Ask = { readonly from: number; readonly count: number };
export type Answer = { readonly reports: readonly Report[] };

const chunk = 20;
/** A chunk that takes longer than this does not end: something decides without an end. */
const endlessMs = 180_000;

export type ManyOptions = {
  readonly from: number;
  /** Until so many seeds are done, or the time is over. */
  readonly seeds?: number;
  readonly milliseconds?: number;
  readonly threads?: number;
  readonly onProgress?: (done: number, failed: number) => void;
  /** Stops after so many worlds that failed. */
  readonly stopAfter?: number;
};

export async function simulateMany(options: ManyOptions): Promise<Many> {
  const { from, seeds = Infinity, milliseconds = Infinity, stopAfter = 20 } = options;
  const began = performance.now();
  const failed: Report[] = [];
  let sums: Sums = nothing;
  let done = 0;
  let next = from;

  function ask(): Ask | undefined {
    const isOver = performance.now() - began >= milliseconds || failed.length >= stopAfter;
    const count = isOver ? 0 : Math.min(chunk, from + seeds - next);
    if (count <= 0) return undefined;
    next += count;
    return { from: next - count, count };
  }

  function take({ reports: some }: Answer): void {
    for (const report of some) sums = added(sums, report);
    failed.push(...some.filter(({ violations }) => violations.length > 0));
    done += some.length;
    options.onProgress?.(done, failed.length);
  }

  const count = options.threads ?? availableParallelism();
  await Promise.all(Array.from({ length: count }, () => thread(ask, take)));
  const seconds = (performance.now() - began) / 1_000;
  return {
    seeds: done,
    from,
    ...sums,
    seconds,
    seedsPerMinute: Math.round((done / seconds) * 60),
    failed: failed.toSorted((a, b) => a.seed - b.seed),
  };
}

/** Asks one thread until there is nothing to ask; rejects if it dies. */
function thread(ask: () => Ask | undefined, take: (answer: Answer) => void): Promise<void> {
  const worker = new Worker(
    new URL(`./thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`, import.meta.url),
  );
  return new Promise((resolve, reject) => {
    let watch: NodeJS.Timeout | undefined;
    const goOn = (): void => {
      clearTimeout(watch);
      const asked = ask();
      if (asked !== undefined) watch = setTimeout(() => give(asked), endlessMs);
      if (asked !== undefined) return worker.postMessage(asked); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread, not a window
      void worker.terminate();
      resolve();
    };
    const give = ({ from, count }: Ask): void => {
      void worker.terminate();
      reject(
        new Error(
          `one of the seeds ${from} to ${from + count - 1} does not end: try each with --seed`,
        ),
      );
    };
    worker.on("message", (answer: Answer) => {
      take(answer);
      goOn();
    });
    worker.on("error", reject);
    goOn();
  });
}

type Sums = Pick<
  Many,
  "faults" | "runs" | "folds" | "joins" | "executions" | "swept" | "steps" | "virtualHours"
>;

const nothing: Sums = {
  faults: { ...each(() => 0), restart: 0 },
  runs: 0,
  folds: 0,
  joins: 0,
  executions: 0,
  swept: 0,
  steps: 0,
  virtualHours: 0,
};

function added(sums: Sums, report: Report): Sums {
  const { faults } = sums;
  return {
    faults: {
      ...each((kind) => faults[kind] + report.faults[kind]),
      restart: faults.restart + report.faults.restart,
    },
    runs: sums.runs + report.runs,
    folds: sums.folds + report.folds,
    joins: sums.joins + report.joins,
    executions: sums.executions + report.executions,
    swept: sums.swept + report.swept,
    steps: sums.steps + report.steps,
    virtualHours: sums.virtualHours + report.virtualMs / 3_600_000,
  };
}
