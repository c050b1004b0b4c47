/** What a process has open: the engine, and the roles that belong to it whether or not it works. */
import { encode } from "../core/event.ts";
import type { Schedules } from "../core/schedule.ts";
import type { Flow } from "../define/flow.ts";
import { changes, type Changes } from "./changes.ts";
import { serving, type Serving, type ServingOptions } from "./serving.ts";
import { timed, type Timed } from "./timed.ts";
import { openEngine, type OpenedEngine } from "../engines/open.ts";
import { systemClock } from "../engines/system.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { aboutRuns, type About } from "../roles/about.ts";
import { exporter, type Exporter } from "../roles/export.ts";
import { failuresIn } from "../roles/failures.ts";
import { host as hostOf, type Host, type OnError } from "../roles/host.ts";
import { news as newsOf, type News } from "../roles/news.ts";
import { keptFlows, lookEveryMs, retention } from "../roles/retention.ts";
import { reader as readerOf, type Reader } from "../roles/reader.ts";
import { retentionStatus, type RetentionStatus } from "../roles/removals.ts";
import { standing, type Standing } from "../roles/standing.ts";
import { reader as statisticsReader, statistician } from "../roles/statistics.ts";
import { trimmer } from "../roles/trimmer.ts";
import type { FailureQuery, Failures } from "../views/failures.ts";
import { asker, type Asker } from "../roles/why.ts";

export type Node = {
  /** Of the app. */
  readonly name: string;
  readonly engine: Engine;
  readonly clock: Clock;
  /** Of this program, those of jobs by themselves among them. */
  readonly flows: ReadonlyMap<string, Flow>;
  readonly host: Host;
  readonly reader: Reader;
  readonly why: Asker["why"];
  readonly standing: Standing;
  readonly failures: (of: FailureQuery) => Promise<Failures>;
  readonly retention: () => Promise<RetentionStatus>;
  readonly news: News;
  readonly about: About;
  /** Whether this process manages the partition, now. */
  readonly isHolder: (partition: number) => boolean;
  readonly writes: Timed["writes"];
  readonly subJobs: Exporter["subJobs"];
  /** Tells others who find the engine in use where its owner answers. */
  readonly setUrl: (url: string) => void;
  /** As it was given, secrets and all: for other processes of this program. */
  readonly url: string;
  readonly working: Serving["working"];
  /** Writes down what somebody asks; resolves when it is decided. Who wanted to be told before that, is told what follows. */
  readonly ask: (partition: number, text: string) => Promise<void>;
  readonly onRun: Changes["onRun"];
  readonly close: () => Promise<void>;
};

export type NodeOptions = {
  readonly url: string;
  readonly name: string;
  readonly token: string | undefined;
  readonly flows: ReadonlyMap<string, Flow>;
  readonly schedules: Schedules;
  readonly onError: OnError;
  /** A third party's engine, or a test's; `url` is not looked at then. */
  readonly engine?: Engine | undefined;
  readonly clock?: Clock | undefined;
  readonly onDecided?: ServingOptions["onDecided"];
  /** Resolves when those who want to be told have found their place on the log. */
  readonly placed: () => Promise<unknown>;
};

export async function openNode(options: NodeOptions): Promise<Node> {
  const { url, name, token, flows, schedules, onError, onDecided } = options;
  const plans = new Map([...flows].map(([flow, { plan }]) => [flow, plan]));
  const clock = options.clock ?? systemClock();
  const opened: OpenedEngine = options.engine ?? (await openEngine(url, { clock, name, token }));
  const { engine, writes } = timed(opened, clock);
  const host = hostOf(engine, clock, onError);
  const news = newsOf(engine);
  const served = serving({
    engine,
    clock,
    host,
    plans,
    schedules,
    onError,
    onCommitted: news.handOn,
    onDecided,
  });
  try {
    await served.begin();
  } catch (error) {
    await host.stop();
    await engine.close();
    throw error;
  }

  const reader = readerOf({ engine, clock, plans });
  const { consumed, onRun, roles } = changes(engine, clock, news);
  for (const role of [...news.roles, ...roles]) host.add(role);
  for (let partition = 0; partition < engine.partitions && engine.manages; partition += 1) {
    const mayCount = (): boolean => served.isHolder(partition);
    host.add(statistician({ engine, news, clock, partition, mayCount }));
  }
  const kept = keptFlows(plans).map(({ ms }) => lookEveryMs(ms));
  if (engine.manages && kept.length > 0) {
    host.add(retention({ engine, clock, plans, mayLook: () => served.isHolder(0) }));
    const trimming = { engine, clock, everyMs: Math.min(...kept), readers: [statisticsReader] };
    for (let partition = 0; partition < engine.partitions; partition += 1)
      host.add(trimmer({ ...trimming, partition, mayTrim: () => served.isHolder(partition) }));
  }

  return {
    name,
    engine,
    clock,
    flows,
    host,
    reader,
    subJobs: exporter({ engine, plans }).subJobs,
    why: asker({ engine, clock, plans, reader }).why,
    standing: standing({ engine, clock, plans, names: reader.names }),
    failures: async (of) => failuresIn(engine, plans, of),
    retention: async () => retentionStatus({ engine, clock, plans }),
    news,
    about: aboutRuns(engine),
    isHolder: served.isHolder,
    writes,
    setUrl: (at) => {
      opened.setUrl?.(at);
    },
    url,
    working: served.working,
    async ask(partition, text) {
      await options.placed();
      await consumed(partition, await engine.log.append(partition, [text]));
    },
    onRun,
    async close() {
      await served.halt();
      await host.stop();
      if (engine.manages && !engine.queueSurvives)
        for (let partition = 0; partition < engine.partitions; partition += 1)
          await engine.log.append(partition, [encode({ type: "queue.lost", clean: true })]);
      await served.end();
      await engine.close();
    },
  };
}
