import type { Bench, Derived, Figure, Input } from "./harness.ts";
import { durable, fanfoldOnPostgres, peersOnPostgres } from "./postgres.ts";

const items = 100_000;
/**
 * As many slots as on SQLite; of the peers, what their manuals recommend: see peers/. A warm-up, because worker processes live for days, and each of them
 * spends its first tens of thousands compiling; of several runs, because any of them may be the one that manages a run.
 */
const input: Input = { items, slots: 1_000, warmup: 20_000, warmups: 8 };
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s" };
const atLeast = (rate: number): readonly Figure[] => [{ ...perSecond, target: { atLeast: rate } }];

const timesGraphile = (who: string): Derived => ({
  name: `Fanfold ÷ graphile-worker, ${who}`,
  unit: "×",
  target: { atLeast: 4 },
  of: (value) =>
    value(`Fanfold, ${who}`, "perSecond") / value(`graphile-worker, ${who}`, "perSecond"),
});

export const bench: Bench = {
  name: "postgres-noop",
  question: "how fast is one run of 100,000 sub-jobs that do nothing, on PostgreSQL?",
  settings: { ...input, ...durable },
  subjects: [
    fanfoldOnPostgres("fanOut", { ...input, workers: 1 }, atLeast(40_000)),
    fanfoldOnPostgres("fanOut", { ...input, workers: 2 }, atLeast(60_000)),
    fanfoldOnPostgres("fanOut", { ...input, workers: 4 }, atLeast(60_000)),
    ...[1, 2, 4].flatMap((workers) =>
      peersOnPostgres("fanOut", { ...input, workers }, [perSecond]),
    ),
  ],
  derived: ["1 worker", "2 workers", "4 workers"].map(timesGraphile),
};
