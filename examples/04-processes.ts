/**
 * Work that keeps a processor busy, in several processes.
 *
 * `work({ processes: 4 })` starts this program four times more. Those processes do the sub-jobs; they take them from this one, which owns
 * the file, over HTTP on loopback. One that dies is replaced, and what it had in hand is handed out again.
 */
import { app, flow, job } from "../src/index.ts";
import { z } from "zod";

const countPrimes = job("count-primes", {
  input: z.object({ from: z.int(), to: z.int() }),
  timeout: "1m",
  estimate: "50ms",
  run({ from, to }) {
    let primes = 0;
    for (let n = from; n < to; n++) if (isPrime(n)) primes += 1;
    return { primes, pid: `${process.pid}` };
  },
});

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return n >= 2;
}

const primes = flow("primes", { input: z.object({ below: z.int(), step: z.int() }) })
  .fanOut("ranges", countPrimes, {
    *over({ input }) {
      for (let from = 0; from < input.below; from += input.step)
        yield { from, to: Math.min(from + input.step, input.below) };
    },
    key: ({ from }) => `from-${from}`,
    fold: (f) => ({
      primes: f.sum(({ primes }) => primes),
      perProcess: f.countBy(({ pid }) => pid),
    }),
  })
  .step("answer", ({ ranges }) => ({
    primes: ranges.value.primes,
    ranges: ranges.total,
    processes: Object.keys(ranges.value.perProcess).length,
  }));

const mathematics = app({ name: "mathematics", parts: [primes, countPrimes] });
const working = mathematics.work({ processes: 4, concurrency: 1 });

// The program runs in every process; those that only work are told so, and get no further than this.
if (process.env["FANFOLD_OWNER"] === undefined) {
  const run = await mathematics.start(
    primes,
    { below: 2_000_000, step: 10_000 },
    { id: "primes-2m" },
  );
  console.log(await run.result());
  await mathematics.close();
}
await working;
