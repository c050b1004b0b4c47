/** What the suites share: how an engine is handed in, and a few things to put into it. */
import type { Priority } from "../core/event.ts";
import type { Task } from "../core/task.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";

/** Any runner's test function: a title and a body that rejects when the promise is broken. */
export type Test = (title: string, body: () => Promise<void>) => unknown;

/** A fresh engine and the hands on its clock. */
export type Bench = {
  readonly engine: Engine;
  /** Lets this much time pass for the engine. */
  readonly advance: (ms: number) => Promise<void> | void;
  /** Closes the engine and opens another on the same data. Absent where the data does not outlive the engine. */
  readonly reopen?: () => Promise<Bench>;
  /** A transaction of the user's in the same database. Absent where there is none. */
  readonly begin?: () => Promise<Transaction>;
};

export type Transaction = {
  readonly query: (text: string, values: readonly unknown[]) => Promise<unknown>;
  readonly commit: () => Promise<void>;
  readonly rollback: () => Promise<void>;
};

export type Open = () => Promise<Bench>;

/** A test with an engine of its own, closed at the end. A test that reopens closes what it reopened itself. */
export function withBench(
  test: Test,
  open: Open,
): (title: string, body: (bench: Bench) => Promise<void>) => void {
  return (title, body) => {
    void test(title, async () => {
      const bench = await open();
      try {
        await body(bench);
      } finally {
        await bench.engine.close();
      }
    });
  };
}

export type VirtualClock = Clock & { readonly advance: (ms: number) => void };

/** Time that passes when told to. sleep resolves when advance reaches its end. */
export function virtualClock(start: number = Date.UTC(2026, 0, 1)): VirtualClock {
  let now = start;
  const sleepers = new Set<() => void>();
  return {
    now: () => now,
    async sleep(ms, signal) {
      if (ms <= 0) return new Promise((resolve) => setImmediate(resolve));
      const until = now + ms;
      while (now < until && signal?.aborted !== true)
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            sleepers.delete(wake);
            signal?.removeEventListener("abort", wake);
            resolve();
          };
          sleepers.add(wake);
          signal?.addEventListener("abort", wake);
        });
    },
    advance(ms) {
      now += ms;
      for (const wake of sleepers) wake();
    },
  };
}

export function givenTask(run: string, more: { queue?: string; priority?: Priority } = {}): Task {
  return {
    kind: "step",
    queue: more.queue ?? "default",
    priority: more.priority ?? "normal",
    partition: 0,
    run,
    flow: "invoices",
    step: "bill",
    generation: 1,
    issue: 1,
    attempt: 1,
  };
}
