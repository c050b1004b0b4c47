/** The same race, put together by hand: with nobody who looks on, or with statistics, durable listeners and webhooks. */
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { send } from "../src/app/couriers.ts";
import { tell } from "../src/app/listeners.ts";
import { serving } from "../src/app/serving.ts";
import { encode } from "../src/core/event.ts";
import { partitionOf } from "../src/core/ids.ts";
import { flow, job, webhook, type Webhook } from "../src/index.ts";
import { openEngine } from "../src/engines/open.ts";
import { systemClock, uniqueId } from "../src/engines/system.ts";
import { aboutRuns } from "../src/roles/about.ts";
import { host as hostOf } from "../src/roles/host.ts";
import { news as newsOf } from "../src/roles/news.ts";
import { statistician } from "../src/roles/statistics.ts";
import { worker as workerOf } from "../src/roles/worker.ts";
import { item, numbers, size } from "./fanfold.ts";
import { latencies, throughput, work, type Lap, type Open } from "./fan-out.ts";
import type { Measure } from "./harness.ts";

type OnLookers = {
  readonly isCounted?: boolean;
  readonly listeners?: number;
  /** Each at an address that refuses whoever connects. */
  readonly webhooks?: number;
};

function race({ isCounted = false, listeners = 0, webhooks = 0 }: OnLookers): Open {
  return async ({ folder, slots, sleepMs }) => {
    const joins = new Map<string, (lap: Lap) => void>();
    const one = job("one", { input: item, run: ({ n }) => work(n, sleepMs) });
    const flows = flow("race", { input: size })
      .fanOut("all", one, {
        over: ({ input }) => numbers(input.items),
        key: ({ n }) => `${n}`,
        fold: (folds) => ({ count: folds.count(), sum: folds.sum((n) => n) }),
      })
      .step("join", ({ all }, ctx) => {
        const at = performance.now();
        joins.get(ctx.run)?.({ ...all.value, firstStepAt: at, lastOutcomeAt: at, joinedAt: at });
        return null;
      });
    const clock = systemClock();
    const url = `sqlite:${join(folder, "fanfold.db")}`;
    const engine = await openEngine(url, { clock, name: "bench", token: undefined });
    const onError = (role: string, error: unknown): never => {
      throw new Error(`${role} failed`, { cause: error });
    };
    const host = hostOf(engine, clock, onError);
    const news = newsOf(engine);
    const served = serving({
      engine,
      clock,
      host,
      plans: new Map([["race", flows.plan]]),
      schedules: new Map(),
      onError,
      onCommitted: news.handOn,
    });
    await served.begin();
    for (const role of news.roles) host.add(role);
    if (isCounted)
      for (let partition = 0; partition < engine.partitions; partition += 1)
        host.add(statistician({ engine, news, clock, partition, mayCount: () => true }));
    if (listeners > 0) {
      const place = { engine, clock, host, news, about: aboutRuns(engine), isHolder: () => true };
      let heard = 0;
      const listener = {
        heard: { types: undefined, flows: undefined },
        run: async () => (heard += 1),
      };
      for (let n = 0; n < listeners; n += 1)
        await tell(place, { ...listener, name: `l${n}` }, onError).begun;
    }
    if (webhooks > 0) {
      const place = { engine, clock, host, news, about: aboutRuns(engine), isHolder: () => true };
      await send(place, "bench", await refusing(webhooks), () => undefined).begun;
    }
    const worker = workerOf({
      engine,
      clock,
      worker: uniqueId(),
      slots,
      queues: ["default"],
      leaseMs: Infinity,
      flows: new Map([["race", flows]]),
      jobs: new Map([["one", one]]),
      log: () => undefined,
    });
    host.add(worker);
    return {
      async run(id, items) {
        const { promise, resolve } = Promise.withResolvers<Lap>();
        joins.set(id, resolve);
        const started = encode({
          type: "run.started",
          run: id,
          flow: "race",
          input: { items },
          request: id,
        });
        await engine.log.append(partitionOf(id, engine.partitions), [started]);
        return promise;
      },
      async close() {
        await worker.drain(0);
        await host.stop();
        await served.end();
        await engine.close();
      },
    };
  };
}

/** So many webhooks, at a port that nobody listens on. */
async function refusing(count: number): Promise<ReadonlyMap<string, Webhook>> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  server.close();
  await once(server, "close");
  const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
  const url = `http://127.0.0.1:${port}/`;
  return new Map(
    Array.from({ length: count }, (_, n) => {
      const one = webhook(`w${n}`, { url, secrets, allow: ["loopback"] });
      return [one.name, one];
    }),
  );
}

export const alone: Measure = throughput(race({}));
export const counted: Measure = throughput(race({ isCounted: true }));
export const watched: Measure = throughput(race({ isCounted: true, listeners: 1 }));
export const crowded: Measure = throughput(race({ isCounted: true, listeners: 10 }));
export const refused: Measure = throughput(race({ isCounted: true, webhooks: 1_000 }));
export const latency: Measure = latencies(race({ isCounted: true }));
export const latencyRefused: Measure = latencies(race({ isCounted: true, webhooks: 1_000 }));
