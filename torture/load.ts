/**
 * The program that is tortured: it owns a store (or works for an owner), starts runs, and writes down what others may rely on.
 *
 * The witness file has one JSON object a line, each written with one call: `ran` by the handlers before they return, `started` and
 * `ended` by the client once it was told, and synced. It lies where no fault reaches it.
 */
import { fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { systemClock } from "../src/engines/system.ts";
import {
  app,
  ConflictError,
  flow,
  job,
  NotFoundError,
  RunEndedError,
  UnavailableError,
  type Run,
} from "../src/index.ts";
import { random } from "./random.ts";
import type { Order } from "./processes.ts";

/** How many sub-jobs run number n has: mostly few, now and then a thousand. */
function sizeOf(seed: number, n: number): number {
  return random(seed * 7_919 + n).one([0, 1, 2, 7, 20, 60, 200, 1_000]);
}

const order = JSON.parse(process.argv[2] ?? "{}") as Order;
const { part = { starts: 0, of: 1 }, url = `sqlite:${order.store}` } = order.shared ?? {};
const isWorker = process.env["FANFOLD_OWNER"] !== undefined;
const witness = openSync(order.witness, "a");

function write(line: object): void {
  writeSync(witness, `${JSON.stringify(line)}\n`);
}

/** Tells the one who tortures us. */
function say(line: object): void {
  writeSync(1, `${JSON.stringify({ pid: process.pid, isWorker, ...line })}\n`);
}

let hasWorked = false;

const mark = job("mark", {
  input: z.object({ n: z.number() }),
  retry: { attempts: 3, backoff: "fixed", first: "5ms" },
  timeout: "5s",
  async run({ n }, ctx) {
    if (n % 5 === 0) await sleep(n % 4);
    write({ ran: ctx.key });
    if (!hasWorked) say({ says: "works" });
    hasWorked = true;
    if (n % 17 === 5 && ctx.attempt === 1) throw new Error("not yet");
    if (n % 97 === 11) ctx.fatal("never");
    if (n % 89 === 13) ctx.skip("not wanted");
    return n + 1;
  },
});

const tortured = flow("tortured", { input: z.object({ items: z.number() }) })
  .fanOut("marks", mark, {
    over: ({ input }) => Array.from({ length: input.items }, (_, n) => ({ n })),
    key: ({ n }) => `k${n}`,
    tolerate: "100%",
    beyond: "fail",
    fold: (f) => ({ count: f.count(), sum: f.sum((n) => n) }),
    split: { timeout: "5s" },
  })
  .step("report", ({ marks }) => marks.value, { timeout: "5s" });

/** The wall clock as its torturer has set it: so many ms off, read anew a few times a second. */
function wall(file: string): () => number {
  let offset = 0;
  let read = -Infinity;
  return () => {
    if (performance.now() - read > 50) {
      read = performance.now();
      offset = Number(readFileSync(file, "utf8"));
    }
    return Date.now() + offset;
  };
}

const { clock: clockFile } = order;
const clock =
  clockFile === undefined
    ? {}
    : { clock: systemClock({ wall: wall(clockFile), steady: () => performance.now() }) };
const tried = app({
  name: "torture",
  url,
  parts: [tortured, mark],
  ...clock,
});

/** Numbers of runs that somebody cancels right away, and of those that somebody redrives when they are done. */
const isCancelled = (n: number): boolean => n % 11 === 3;
const isRedriven = (n: number): boolean => n % 7 === 2;

/** Starts run number n or joins it, and sees it to its end; what was acknowledged is written down, and synced. */
async function follow(n: number, wasStarted: boolean): Promise<void> {
  const id = `r-${n}`;
  const run: Run = await patiently(() =>
    tried.start(tortured, { items: sizeOf(order.seed, n) }, { id }),
  );
  if (!wasStarted) witnessed({ started: id });
  if (isCancelled(n) && (await isGranted(() => run.cancel("nobody wants it"))))
    witnessed({ cancelled: id });
  let isThere = await ended(run);
  if (isThere && isRedriven(n) && (await isGranted(() => run.redrive())))
    isThere = await ended(run);
  if (isThere) witnessed({ ended: id });
}

/** A server that does not answer may do so soon. Who asked cannot know whether it has happened, and asks again. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (;;)
    try {
      return await ask();
    } catch (error) {
      if (order.shared === undefined || !(error instanceof UnavailableError)) throw error;
      await sleep(100);
    }
}

/** Resolves when it has ended; to false where the server came back without it: whether it might is for who judges. */
async function ended(run: Run): Promise<boolean> {
  try {
    await patiently(() => run.result());
    return true;
  } catch (error) {
    if (!(error instanceof RunEndedError || isLost(error))) throw error;
    return !isLost(error);
  }
}

const isLost = (error: unknown): boolean =>
  order.shared !== undefined && error instanceof NotFoundError;

/** False: it was too late for that, or the run is lost. */
async function isGranted(command: () => Promise<unknown>): Promise<boolean> {
  try {
    await patiently(command);
    return true;
  } catch (error) {
    if (error instanceof ConflictError || isLost(error)) return false;
    throw error;
  }
}

function witnessed(line: object): void {
  write(line);
  fsyncSync(witness);
}

/** Numbers of the runs that were started and that ended, as the witness has it. */
function known(): { readonly started: ReadonlySet<number>; readonly ended: ReadonlySet<number> } {
  const numbers = (what: string): ReadonlySet<number> =>
    new Set(
      [
        ...readFileSync(order.witness, "utf8").matchAll(new RegExp(`"${what}":"r-(\\d+)"`, "g")),
      ].map((match) => Number(match[1])),
    );
  return { started: numbers("started"), ended: numbers("ended") };
}

/** Runs at once. */
const lanes = 3;
/** Runs beyond the last known one that may be there: under way when their clients died, or in a server that has forgotten who was told. */
const unknownAtMost = 200;

async function load({ starts, of }: { readonly starts: number; readonly of: number }) {
  const { started, ended } = known();
  const isMine = (n: number): boolean => n % of === starts;
  const open = [...started].filter((n) => isMine(n) && !ended.has(n));
  let next = Math.max(0, ...started) + 1;
  const lane = async (): Promise<void> => {
    for (let n = open.shift(); n !== undefined; n = open.shift()) await follow(n, started.has(n));
    while (!order.drain) {
      while (!isMine(next)) next += 1;
      await follow(next++, false);
    }
  };
  const all = (): Promise<unknown> => Promise.all(Array.from({ length: lanes }, lane));
  await all();
  // Only to drain: those whose start was never acknowledged may be there all the same, and must end like the others.
  for (let n = 1; n < next + unknownAtMost; n += 1)
    if (!started.has(n) && (await patiently(() => tried.run(`r-${n}`))) !== undefined) open.push(n);
  await all();
}

write({ up: process.pid });
const stop = new AbortController();
const working = tried.work({
  concurrency: isWorker ? 8 : 16,
  drain: "1s",
  signal: stop.signal,
  ...(order.processes > 0 ? { processes: order.processes } : {}),
  // It manages, but takes nothing: so killing it is killing a manager.
  ...(order.shared !== undefined && part !== "works" ? { queues: ["none"] } : {}),
  onReady: () => say({ says: "up" }),
});
if (!isWorker && part !== "works") {
  await Promise.race([load(part), working]);
  stop.abort();
}
await working;
await tried.close();
process.exit(0);
