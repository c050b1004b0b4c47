/**
 * A program like a user's, run as a process of its own so that it can be killed: node program.ts SCENARIO FILE-OR-URL COUNT [RUN]
 *
 * It says what it knows for sure on standard output, a line each: "ready", "started r", "ok 512", "held BECAUSE", "done SUM COUNT".
 */
import { writeSync } from "node:fs";
import { z } from "zod";
import { app, flow, job, UnavailableError, type Ctx, type WorkOptions } from "../../src/index.ts";

const [scenario = "", file = "", given = "0", id = "r"] = process.argv.slice(2);
const count = Number(given);
/** Whoever started this process has seen what it waited for, and wants it to go on. */
const told = new Promise<void>((resolve) => process.once("SIGUSR2", resolve));

/** At once, and whole: whoever kills this process has heard it, or it was not said. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** What a sub-job does, by scenario. */
const handlers: Readonly<Record<string, (n: number, ctx: Ctx) => number | Promise<number>>> = {
  sum: (n) => n,
  // Some at once, some later: both ways to be in the middle of something.
  "sum-both": (n) => (n % 2 === 0 ? n : new Promise((resolve) => setImmediate(() => resolve(n)))),
  exits: (n) => (n === 13 ? process.exit(9) : n),
  "exits-later": async (n) => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return n === 13 ? process.exit(9) : n;
  },
  throws: async (n) => {
    if (n === 13) {
      setImmediate(() => {
        throw new Error("nobody catches this");
      });
      return new Promise(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
    return n;
  },
  dies: (n) => {
    if (n === 13) process.kill(process.pid, "SIGKILL");
    return n;
  },
  slow: async (n) => {
    say(`begun ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return n;
  },
  // The first tenth as "slow" does; the rest when somebody says that it may.
  "in-parts": async (n) => {
    if (n >= count / 10) await told;
    say(`begun ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return n;
  },
  stuck: (n) => {
    say(`begun ${n}`);
    return new Promise(() => undefined);
  },
  cpu: (n) => {
    say(`by ${process.pid} ${n}`);
    spin(20);
    return n;
  },
};

const options: Readonly<Record<string, WorkOptions>> = {
  cpu: { processes: 2, concurrency: 4 },
  slow: { concurrency: 10 },
  "in-parts": { concurrency: 10 },
  stuck: { drain: "1h" },
};

const add = job("add", {
  input: z.object({ n: z.number() }),
  retry: 1,
  timeout: "2m",
  run: ({ n }, ctx) => (handlers[scenario] ?? ((n: number) => n))(n, ctx),
});
const sums = flow("sums", { input: z.object({ count: z.number() }) }).fanOut("add", add, {
  *over({ input }) {
    for (let n = 0; n < input.count; n += 1) yield { n };
  },
  key: ({ n }) => `k${n}`,
  fold: (f) => ({ sum: f.sum((n) => n), count: f.count() }),
});

const test = app({
  name: "program",
  parts: [add, sums],
  url: file.includes("://") ? file : `sqlite:${file}`,
});

async function follow(): Promise<void> {
  if (scenario === "cpu") await told; // When all its processes are there: else the first might do everything.
  const run = await test.start(sums, { count }, { id });
  say(`started ${id}`);
  for await (const { state, because, done, steps } of run.watch()) {
    say(`ok ${done}`);
    if (state === "held") say(`held ${because}`);
    if (state !== "done") continue;
    const { value } = await run.result();
    say(
      `counted ${steps[0]?.late} late, ${steps[0]?.stale} stale, ${steps[0]?.duplicate} duplicate`,
    );
    say(`done ${value.sum} ${value.count}`);
  }
}

const isChild = process.env["FANFOLD_OWNER"] !== undefined;
const working = test.work({
  concurrency: 1_000,
  drain: "5s",
  ...options[scenario],
  onReady: ({ url }) => say(isChild ? `child ${process.pid}` : `ready ${url ?? ""}`),
});
let isStopping = false;
process.once("SIGTERM", () => {
  isStopping = true;
});

/** A server may come back; a file that failed does not, and who was told to stop does not ask again. */
async function followOn(): Promise<void> {
  try {
    await follow();
  } catch (error) {
    say(`follow ${String(error)}`);
    if (isStopping || !file.includes("://") || !(error instanceof UnavailableError)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await followOn();
  }
}

if (!isChild) void followOn();
await working;
say("stopped");
