/** Fanfold on PostgreSQL: fsync=on, synchronous_commit=on, server and all processes on this machine. */
import { NoServerError, startPostgres } from "../test/servers/postgres.ts";
import { loopLimit } from "./contestants.ts";
import {
  SkippedError,
  type Bench,
  type Companion,
  type Figure,
  type Input,
  type Subject,
} from "./harness.ts";

const items = 100_000;
const warmup = 2_000;
const many: Input = { items, warmup, slots: 1_000 };
const perSecond: Figure = { key: "perSecond", unit: "sub-jobs/s" };
const each: Figure = { key: "microseconds", unit: "µs a sub-job" };
const seconds: Figure = { key: "seconds", unit: "s" };
const efficiency: Figure = { key: "efficiency", unit: "of 1" };
const sleeping: Input = { items: 10_000, slots: 120, sleepMs: 60, warmup: 240 };
const small: Input = { items: 10, slots: 10, repeats: 100 };

async function server(): Promise<Companion> {
  try {
    const { url, stop } = await startPostgres();
    return {
      input: { url },
      async close() {
        await stop();
        return {};
      },
    };
  } catch (error) {
    if (error instanceof NoServerError) throw new SkippedError(error.message, { cause: error });
    throw error;
  }
}

const on = (
  name: string,
  input: Input,
  figures: readonly Figure[],
  measure: "fanOutOnPostgres" | "latencyOnPostgres" = "fanOutOnPostgres",
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("fanfold.ts", import.meta.url),
  measure,
  input,
  figures,
  companion: server,
});

export const bench: Bench = {
  name: "postgres",
  question: "how fast is it on PostgreSQL, with one process and with several?",
  settings: { items, fsync: "on", synchronous_commit: "on" },
  subjects: [
    on("one process", many, [{ ...perSecond, target: { atLeast: 40_000 } }]),
    on("two workers", { ...many, workers: 2 }, [{ ...perSecond, target: { atLeast: 60_000 } }]),
    on("four workers", { ...many, workers: 4 }, [{ ...perSecond, target: { atLeast: 60_000 } }]),
    on("10,000 in one run", { ...many, items: 10_000, workers: 2 }, [each]),
    on("1,000,000 in one run", { ...many, items: 1_000_000, workers: 2 }, [
      { ...seconds, target: { atMost: 25 } },
      each,
    ]),
    on("10,000 x 60 ms, four workers", { ...sleeping, workers: 4 }, [
      { ...efficiency, target: { atLeast: 0.97 } },
    ]),
    loopLimit(sleeping, [efficiency]),
    on(
      "a small run",
      small,
      [
        { key: "startMs", unit: "ms, start → first step", target: { atMost: 6 } },
        { key: "nextMs", unit: "ms, last outcome → next step", target: { atMost: 6 } },
        { key: "wholeMs", unit: "ms, a whole run of 10" },
      ],
      "latencyOnPostgres",
    ),
  ],
  derived: [
    {
      name: "time a sub-job at 1,000,000 ÷ at 10,000",
      unit: "×",
      target: { atMost: 1.25 },
      of: (value) =>
        value("1,000,000 in one run", "microseconds") / value("10,000 in one run", "microseconds"),
    },
  ],
};
