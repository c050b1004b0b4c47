/**
 * BullMQ on a Redis server. The parent step adds the children in bulk: with its FlowProducer the tree took half again as long
 * and ten times the memory (findings). Count and sum are kept in memory, fed by the worker's own "completed" event, which
 * comes when Redis has it; as with plainjob, the comparison is kind to it.
 */
import { latencies, numberOf, throughput, work, type Contestant, type Setup } from "../fan-out.ts";
import type { Measure } from "../harness.ts";
import { laps } from "./laps.ts";
import { peer } from "./install.ts";

type Data = { readonly id: string; readonly items: number; readonly n: number };
type Connection = {
  readonly host: string;
  readonly port: number;
  readonly maxRetriesPerRequest: null;
};
type Options = { readonly removeOnComplete: true };
type Job = { readonly data: Data };
type Queue = {
  readonly add: (name: string, data: unknown, options: Options) => Promise<unknown>;
  readonly addBulk: (
    jobs: readonly { readonly name: string; readonly data: unknown; readonly opts: Options }[],
  ) => Promise<unknown>;
  readonly close: () => Promise<void>;
};
type Worker = {
  readonly on: (event: "completed", listener: (job: Job, result: number) => void) => unknown;
  readonly waitUntilReady: () => Promise<unknown>;
  readonly close: () => Promise<void>;
};
type Bullmq = {
  readonly Queue: new (name: string, options: { readonly connection: Connection }) => Queue;
  readonly Worker: new (
    name: string,
    run: (job: Job) => Promise<unknown>,
    options: { readonly connection: Connection; readonly concurrency: number },
  ) => Worker;
};

const once: Options = { removeOnComplete: true };
const batch = 1_000;

async function open({ slots, sleepMs, input }: Setup): Promise<Contestant> {
  const { Queue, Worker } = await peer<Bullmq>("bullmq");
  const connection = {
    host: "127.0.0.1",
    port: numberOf(input, "port", 6379),
    maxRetriesPerRequest: null,
  };
  const queues = {
    split: new Queue("split", { connection }),
    work: new Queue("work", { connection }),
    join: new Queue("join", { connection }),
  };
  const board = laps((id) => void queues.join.add("join", { id }, once));
  const splitter = new Worker(
    "split",
    async ({ data: { id, items } }) => {
      board.began(id);
      for (let from = 0; from < items; from += batch)
        // oxlint-disable-next-line no-await-in-loop -- a batch after the other
        await queues.work.addBulk(
          Array.from({ length: Math.min(batch, items - from) }, (_, n) => ({
            name: "work",
            data: { id, n: from + n },
            opts: once,
          })),
        );
    },
    { connection, concurrency: 1 },
  );
  const worker = new Worker(
    "work",
    async ({ data }) => {
      const result = await work(data.n, sleepMs);
      board.worked(data.id);
      return result;
    },
    { connection, concurrency: slots },
  );
  worker.on("completed", ({ data }, result) => board.settled(data.id, result));
  const joiner = new Worker("join", async ({ data }) => board.joined(data.id), {
    connection,
    concurrency: 1,
  });
  const workers = [splitter, worker, joiner];
  await Promise.all(workers.map((each) => each.waitUntilReady()));
  return {
    run: (id, items) =>
      board.run(id, items, () => void queues.split.add("split", { id, items }, once)),
    async close() {
      await Promise.all([...workers, ...Object.values(queues)].map((each) => each.close()));
    },
  };
}

export const fanOut: Measure = throughput(open);
export const latency: Measure = latencies(open);
