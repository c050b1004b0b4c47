/**
 * plainjob: a job queue in SQLite, in this process; on node:sqlite, which was faster here than the driver it names.
 *
 * It knows jobs, not fan-outs. The parent step adds the children in batches, the count of the done and their sum are kept in
 * memory, fed by its own callback after a job is marked done. A program that has to survive a crash would have to write
 * those too: the comparison is kind to it.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { latencies, textOf, throughput, work, type Contestant, type Setup } from "../fan-out.ts";
import type { Measure } from "../harness.ts";
import { laps } from "./laps.ts";
import { peer } from "./install.ts";

type Statement = {
  readonly run: (...values: never) => unknown;
  readonly get: (...values: never) => unknown;
  readonly all: (...values: never) => unknown;
};
type Transaction<F> = F & { readonly immediate: F };
type Connection = {
  readonly driver: string;
  readonly filename: string;
  readonly pragma: (text: string) => void;
  readonly exec: (sql: string) => void;
  readonly prepare: (sql: string) => Statement;
  readonly transaction: <F extends (...args: never) => unknown>(f: F) => Transaction<F>;
  readonly close: () => void;
};
type Log = Readonly<Record<"error" | "warn" | "info" | "debug", () => void>>;
type Queue = {
  readonly add: (type: string, data: unknown) => unknown;
  readonly addMany: (type: string, data: readonly unknown[]) => unknown;
  readonly close: () => void;
};
type Job = { readonly data: string };
type Worker = { readonly start: () => Promise<void>; readonly stop: () => Promise<void> };
type Plainjob = {
  readonly defineQueue: (options: { connection: Connection; logger: Log }) => Queue;
  readonly defineWorker: (
    type: string,
    run: (job: Job) => void | Promise<void>,
    options: { queue: Queue; logger: Log; pollIntervall: number; onCompleted?: (job: Job) => void },
  ) => Worker;
};

function connectionOf(db: DatabaseSync, filename: string): Connection {
  const within =
    (begin: string, f: (...args: never) => unknown) =>
    (...args: never): unknown => {
      db.exec(begin);
      const result = f(...args);
      db.exec("commit");
      return result;
    };
  return {
    driver: "better-sqlite3",
    filename,
    pragma: (text) => db.exec(`pragma ${text}`),
    exec: (sql) => db.exec(sql),
    prepare: (sql) => db.prepare(sql),
    transaction: <F extends (...args: never) => unknown>(f: F) =>
      Object.assign(within("begin", f), {
        immediate: within("begin immediate", f),
      }) as unknown as Transaction<F>, // oxlint-disable-line typescript/no-unsafe-type-assertion -- same arguments, same result
    close: () => db.close(),
  };
}

const silent = () => undefined;
const quiet: Log = { error: silent, warn: silent, info: silent, debug: silent };
const batch = 1_000;

async function open({ folder, slots, sleepMs, input }: Setup): Promise<Contestant> {
  const { defineQueue, defineWorker } = await peer<Plainjob>("plainjob");
  const path = join(folder, "plainjob.db");
  const db = new DatabaseSync(path);
  const queue = defineQueue({ connection: connectionOf(db, path), logger: quiet });
  db.exec(`pragma synchronous = ${textOf(input, "synchronous")}`); // It sets NORMAL, which loses acknowledged commits at a power cut.
  const board = laps((id) => queue.add("join", { id }));
  const options = { queue, logger: quiet, pollIntervall: 1 };
  const data = (job: Job) => JSON.parse(job.data) as { id: string; items: number; n: number }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, below
  const workers = [
    defineWorker(
      "split",
      (job) => {
        const { id, items } = data(job);
        board.began(id);
        for (let from = 0; from < items; from += batch)
          queue.addMany(
            "work",
            Array.from({ length: Math.min(batch, items - from) }, (_, n) => ({ id, n: from + n })),
          );
      },
      options,
    ),
    defineWorker("join", (job) => board.joined(data(job).id), options),
  ];
  for (let n = 0; n < (sleepMs === 0 ? 1 : slots); n += 1)
    workers.push(
      defineWorker(
        "work",
        async (job) => {
          const { id, n } = data(job);
          await work(n, sleepMs);
          board.worked(id);
        },
        {
          ...options,
          onCompleted(job) {
            const { id, n } = data(job);
            board.settled(id, n);
          },
        },
      ),
    );
  for (const worker of workers) void worker.start();
  return {
    run: (id, items) => board.run(id, items, () => void queue.add("split", { id, items })),
    async close() {
      await Promise.all(workers.map((worker) => worker.stop()));
    },
  };
}

export const fanOut: Measure = throughput(open);
export const latency: Measure = latencies(open);
