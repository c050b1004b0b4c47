/**
 * graphile-worker with what its manual recommends for throughput: jobs added, fetched and completed in batches. The settings are
 * those of its own performance test; where work takes time, as many jobs at once as there are slots, and one more in hand.
 */
import { peer as imported } from "./install.ts";
import type { Measure } from "../harness.ts";
import { race, workOn, type Job, type Peer } from "./crew.ts";

type Spec = {
  readonly identifier: string;
  readonly payload: Partial<Job>;
  readonly maxAttempts?: number;
};
type Helpers = { readonly addJobs: (specs: readonly Spec[]) => Promise<unknown> };
type Task = (payload: Job, helpers: Helpers) => Promise<void>;
type Event = { readonly job: { readonly task_identifier: string; readonly payload: Job } };
type Runner = {
  readonly events: {
    readonly on: (name: "job:success", listener: (event: Event) => void) => unknown;
  };
  readonly stop: () => Promise<void>;
};
type Graphile = {
  readonly Logger: new (factory: () => () => void) => unknown;
  readonly makeWorkerUtils: (options: object) => Promise<
    Helpers & {
      readonly addJob: (name: string, payload: Partial<Job>) => Promise<unknown>;
      readonly migrate: () => Promise<void>;
      readonly release: () => Promise<void>;
    }
  >;
  readonly run: (options: object) => Promise<Runner>;
};

const batch = 1_000;
/** Of its performance test, where work takes no time. */
const noopJobs = 24;
const noopInHand = 500;

export const peer: Peer = {
  async client(url) {
    const { Logger, makeWorkerUtils } = await imported<Graphile>("graphile-worker");
    const logger = new Logger(() => () => undefined);
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    await utils.migrate();
    return {
      addSplit: (id, items) => utils.addJob("split", { id, items }),
      addJoin: (id) => utils.addJob("join", { id }),
      close: async () => utils.release(),
    };
  },
  async worker(asked) {
    const { Logger, run } = await imported<Graphile>("graphile-worker");
    const { url, slots, sleepMs, told } = asked;
    const split: Task = async ({ id, items }, { addJobs }) => {
      told.began(id);
      for (let from = 0; from < items; from += batch)
        // oxlint-disable-next-line no-await-in-loop -- a batch after the other
        await addJobs(
          Array.from({ length: Math.min(batch, items - from) }, (_, n) => ({
            identifier: "work",
            payload: { id, n: from + n },
          })),
        );
    };
    const concurrentJobs = sleepMs === 0 ? noopJobs : slots;
    const runner = await run({
      taskList: {
        split,
        work: async (job: Job) => void (await workOn(job, asked)),
        join: async ({ id }: Job) => told.joined(id),
      },
      preset: {
        worker: {
          connectionString: url,
          logger: new Logger(() => () => undefined),
          concurrentJobs,
          maxPoolSize: Math.min(concurrentJobs, noopJobs) + 1,
          pollInterval: 2_000,
          localQueue: { size: sleepMs === 0 ? noopInHand : concurrentJobs + 1 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
      noHandleSignals: true,
    });
    runner.events.on("job:success", ({ job }) => {
      if (job.task_identifier === "work") told.settled(job.payload.id, job.payload.n);
    });
    return () => runner.stop();
  },
};

const measures = race(peer, import.meta.url);
export const fanOut: Measure = measures.fanOut;
export const latency: Measure = measures.latency;
