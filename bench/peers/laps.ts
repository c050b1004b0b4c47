/** Counts a run's way through a queue that knows nothing of runs. In memory, so it costs the peer next to nothing. */
import type { Lap } from "../fan-out.ts";

type Open = {
  left: number;
  count: number;
  sum: number;
  firstStepAt: number;
  lastOutcomeAt: number;
  readonly resolve: (lap: Lap) => void;
};

/** What a worker tells, wherever it runs. */
export type Told = {
  readonly began: (id: string) => void;
  /** The work of one item returned. */
  readonly worked: (id: string) => void;
  /** The queue says that they are done, so many, and what they returned in all. */
  readonly settled: (id: string, sum: number, count?: number) => void;
  readonly joined: (id: string) => void;
};

export type Laps = Told & {
  /** Resolves when the join of that run was called. */
  readonly run: (id: string, items: number, start: () => void) => Promise<Lap>;
};

/** Calls `join` when the last item of a run settled. */
export function laps(join: (id: string) => void): Laps {
  const runs = new Map<string, Open>();
  const find = (id: string): Open => {
    const found = runs.get(id);
    if (found === undefined) throw new Error(`there is no run "${id}"`);
    return found;
  };
  return {
    run: (id, items, start) =>
      new Promise((resolve) => {
        runs.set(id, { left: items, count: 0, sum: 0, firstStepAt: 0, lastOutcomeAt: 0, resolve });
        start();
      }),
    began(id) {
      find(id).firstStepAt = performance.now();
    },
    worked(id) {
      find(id).lastOutcomeAt = performance.now();
    },
    settled(id, sum, count = 1) {
      const run = find(id);
      run.left -= count;
      run.count += count;
      run.sum += sum;
      if (run.left === 0) join(id);
    },
    joined(id) {
      const { count, sum, firstStepAt, lastOutcomeAt, resolve } = find(id);
      runs.delete(id);
      resolve({ count, sum, firstStepAt, lastOutcomeAt, joinedAt: performance.now() });
    },
  };
}
