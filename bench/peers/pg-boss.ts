/**
 * pg-boss with what its manual recommends for throughput: jobs added and fetched in batches, which are completed in one statement,
 * fetched again at once while they come full, and a NOTIFY that wakes who sleeps.
 */
import { peer as imported } from "./install.ts";
import type { Measure } from "../harness.ts";
import { race, workOn, type Job, type Peer } from "./crew.ts";

type Fetched = { readonly data: Job };
type Boss = {
  readonly on: (event: "error", listener: (error: Error) => void) => unknown;
  readonly start: () => Promise<unknown>;
  readonly stop: (options: object) => Promise<void>;
  readonly createQueue: (name: string, options: object) => Promise<void>;
  readonly send: (name: string, data: Partial<Job>) => Promise<unknown>;
  readonly insert: (
    name: string,
    jobs: readonly { readonly data: Partial<Job> }[],
  ) => Promise<unknown>;
  readonly work: (
    name: string,
    options: object,
    handler: (jobs: readonly Fetched[]) => Promise<void>,
  ) => Promise<unknown>;
};
type PgBoss = { readonly PgBoss: new (options: object) => Boss };

const batch = 1_000;

async function started(url: string, isWorker: boolean): Promise<Boss> {
  const { PgBoss } = await imported<PgBoss>("pg-boss");
  const boss = new PgBoss({
    connectionString: url,
    useListenNotify: isWorker,
    supervise: false,
    schedule: false,
  });
  boss.on("error", (error) => {
    throw error;
  });
  await boss.start();
  return boss;
}

export const peer: Peer = {
  async client(url) {
    const boss = await started(url, false);
    for (const name of ["split", "work", "join"]) await boss.createQueue(name, { notify: true }); // oxlint-disable-line no-await-in-loop -- once
    return {
      addSplit: (id, items) => boss.send("split", { id, items }),
      addJoin: (id) => boss.send("join", { id }),
      close: () => boss.stop({ graceful: false }),
    };
  },
  async worker(asked) {
    const { url, slots, sleepMs, told } = asked;
    const boss = await started(url, true);
    const alone = { batchSize: 1, pollingIntervalSeconds: 0.5 };
    await boss.work("split", alone, async (jobs) => {
      for (const { data } of jobs) {
        told.began(data.id);
        for (let from = 0; from < data.items; from += batch)
          // oxlint-disable-next-line no-await-in-loop -- a batch after the other
          await boss.insert(
            "work",
            Array.from({ length: Math.min(batch, data.items - from) }, (_, n) => ({
              data: { id: data.id, n: from + n },
            })),
          );
      }
    });
    const fetchers = sleepMs === 0 ? 2 : 5;
    const batchSize = sleepMs === 0 ? batch : Math.ceil(slots / fetchers);
    const options = {
      batchSize,
      localConcurrency: fetchers,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    };
    await boss.work("work", options, async (jobs) => {
      await Promise.all(
        jobs.map(async ({ data }) => told.settled(data.id, await workOn(data, asked))),
      );
    });
    await boss.work("join", alone, async (jobs) => {
      for (const { data } of jobs) told.joined(data.id);
    });
    return () => boss.stop({ graceful: false });
  },
};

const measures = race(peer, import.meta.url);
export const fanOut: Measure = measures.fanOut;
export const latency: Measure = measures.latency;
