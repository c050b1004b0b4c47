/**
 * A program with a handler that blocks its event loop, run as a process of its own: node blocking.ts ROLE FILE-OR-URL BLOCK-MS
 *
 *   owner       owns the file, works beside those who connect, and alone does what blocks
 *   processes   owns the file, and starts two processes that do all the work
 *   worker      takes sub-jobs from the owner that answers at the URL
 *
 * Says a line each: "ready URL", "by PID N", "blocked PID", "free PID", "counted …", "done SUM COUNT".
 */
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { app, flow, job, type WorkOptions } from "../../src/index.ts";

const [role = "", place = "", blockMs = "0"] = process.argv.slice(2);
const subJobs = 1_000;

/** At once, and whole, in the order in which it happened in all processes of one pipe. */
const say = (line: string): void => void writeSync(1, `${line}\n`);

/** The first sub-job of a process takes until the process is told that it may end. */
let isFirst = role !== "owner";
const told = new Promise((resolve) => process.once("SIGUSR2", resolve));

const add = job("add", {
  input: z.object({ n: z.number() }),
  retry: 1,
  timeout: "5m",
  async run({ n }) {
    say(`by ${process.pid} ${n}`);
    if (isFirst) {
      isFirst = false;
      await told;
    } else await sleep(20);
    return n;
  },
});
/** Nothing else of this process runs meanwhile, as while it computes; but it leaves the core to others. */
const block = job("block", {
  input: z.object({}),
  retry: 1,
  timeout: "5m",
  queue: "blocking",
  run() {
    say(`blocked ${process.pid}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(blockMs));
    say(`free ${process.pid}`);
  },
});
const sums = flow("sums", { input: z.object({}) }).fanOut("add", add, {
  *over() {
    for (let n = 0; n < subJobs; n += 1) yield { n };
  },
  key: ({ n }) => `k${n}`,
  fold: (f) => ({ sum: f.sum((n) => n), count: f.count() }),
});

const options: Readonly<Record<string, WorkOptions>> = {
  owner: { listen: 0 },
  processes: { processes: 2 },
  worker: { queues: ["default"] },
};

const test = app({
  name: "blocking",
  parts: [add, block, sums],
  url: place.includes("://") ? place : `sqlite:${place}`,
});
const owns = role !== "worker" && process.env["FANFOLD_OWNER"] === undefined;

async function follow(): Promise<void> {
  process.once("SIGALRM", () => void test.send(block, {}, { id: "block" }));
  const run = await test.start(sums, {}, { id: "r" });
  const { value } = await run.result();
  const [step] = (await run.status()).steps;
  say(`counted ${step?.late} late, ${step?.stale} stale, ${step?.duplicate} duplicate`);
  say(`done ${value.sum} ${value.count}`);
}

const working = test.work({
  concurrency: 4,
  ...options[role],
  onReady: ({ url }) => say(`ready ${url ?? ""}`),
});
if (owns) void follow();
await working;
