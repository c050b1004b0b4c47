/** Working: slots in this process or in others, until told to stop; then what runs is let finish, and the rest is given back. */
import { limits } from "../core/limits.ts";
import { durationMs, type Duration } from "../define/duration.ts";
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import type { Listener } from "../define/listener.ts";
import type { Webhook } from "../define/webhook.ts";
import { between } from "../define/work.ts";
import { UsageError } from "../errors.ts";
import { uniqueId } from "../engines/system.ts";
import type { Tracing } from "../roles/tracing.ts";
import { worker as workerOf } from "../roles/worker.ts";
import { webhookLedger } from "../webhooks/ledger.ts";
import { send } from "./couriers.ts";
import { serveHealth, type HealthOptions } from "./health.ts";
import { tell } from "./listeners.ts";
import { runHandle } from "./run.ts";
import type { LogTo } from "./logging.ts";
import type { Node } from "./node.ts";
import { queuesOf } from "./parts.ts";
import { ownerVariable, startProcesses, tokenVariable, workerVariable } from "./processes.ts";

/** How a process works: on everything, 50 sub-jobs at once, if nothing is said. */
export type WorkOptions = {
  /** Sub-jobs at once, in this process; with `processes`, in each of them. Default 50. */
  readonly concurrency?: number;
  /** Default: all that the app's parts name. */
  readonly queues?: readonly string[];
  /** How long what runs may go on after the signal to stop. Default 30s. */
  readonly drain?: Duration;
  /** Other processes of this program that do the work, while this one keeps the books. Default 0: work here. */
  readonly processes?: number;
  /** Answer other processes of this machine on this port, or the next free one; a `Listen` says more. Default: only as far as `processes` needs it. */
  readonly listen?: number | false | Listen;
  /** Answer /healthz, /readyz and /metrics (Prometheus) on this port. Default: nothing is answered. */
  readonly health?: HealthOptions;
  /** Stops the work, as SIGTERM does; the app stays open then. */
  readonly signal?: AbortSignal;
  /** Called when the work has begun, with the address that others may use. */
  readonly onReady?: (about: { readonly url: string | undefined }) => void;
};

/** Who is answered, and what they may do. */
export type Listen = {
  /** Or the next free one. Default 4400. */
  readonly port?: number;
  /** Default 127.0.0.1. An address that other machines reach needs a token of at least 16 characters. */
  readonly host?: string;
  /** Who asks must say it, as a bearer token. Default: what FANFOLD_TOKEN says, if anything. */
  readonly token?: string;
  /** They may look, and change nothing. Processes that work ask through this address where the engine is a file: then it cannot be. */
  readonly readOnly?: boolean;
};

type Parts = {
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly listeners: readonly Listener[];
  readonly webhooks: ReadonlyMap<string, Webhook>;
  readonly log: LogTo;
  readonly tracing: Tracing | undefined;
};

/** Resolves, drained, to why it stopped. */
export async function workOn(
  node: Node,
  parts: Parts,
  options: WorkOptions,
): Promise<"signal" | "aborted"> {
  const { concurrency = 50, drain = "30s", signal } = options;
  between(concurrency, 1, 100_000, "concurrency");
  const drainMs = durationMs(drain, "drain");
  const isChild = process.env[ownerVariable] !== undefined;
  const processes = isChild ? 0 : (options.processes ?? 0);
  between(processes, 0, 256, "processes");
  const wanted = listenOf(options);
  // Children open the engine themselves where they can, and ask this process where it alone has it.
  const needsOwner = processes > 0 && !node.engine.queueSurvives;
  if (needsOwner && wanted?.readOnly === true)
    throw new UsageError("processes work through what listens here: it cannot be read only");
  if ((options.queues ?? queuesOf(parts)).length > 0) await mayWork(node);
  // What ends the process from then on is not what runs in it.
  const stop = stopSignal(signal, () => node.engine.wills?.forgive());
  const health = await probed(node, parts, options, stop);
  // Only the processes started here know the token, unless an address was asked for: then others are meant to come.
  const isPrivate = processes > 0 && options.listen === undefined;
  const token = wanted?.token ?? process.env[tokenVariable] ?? (isPrivate ? uniqueId() : undefined);
  const listen = wanted ?? (needsOwner ? { port: 0 } : undefined);
  const served = await serve(node, listen, token, isChild).catch(async (error: unknown) => {
    stop.forget();
    await health?.close();
    throw error;
  });
  // One process tells: the one that manages.
  const told = node.engine.manages
    ? [
        ...parts.listeners.map((one) => tell(node, one, parts.log)),
        send(node, node.name, parts.webhooks, parts.log),
      ]
    : [];
  await Promise.all(told.map(({ begun }) => begun));
  if (processes > 0 && node.engine.manages) {
    const children = startProcesses({
      count: processes,
      url: served?.url ?? node.url,
      token: token ?? "",
      name: uniqueId,
      onExit(how, worker) {
        parts.log("warn", `a worker process ended (${how}): starting another`, {});
        endSession(node, worker).catch(() => undefined); // It ends by itself, when its lease does.
      },
    });
    options.onReady?.({ url: served?.url });
    await stop.stopped;
    await children.stop(drainMs);
  } else {
    node.working(true);
    const work = await startWorker(node, parts, options, concurrency);
    options.onReady?.({ url: served?.url });
    await stop.stopped;
    await work.end(drainMs);
    node.working(false);
  }
  await Promise.all(told.map(({ end }) => end()));
  await health?.close();
  await served?.close();
  stop.forget();
  return stop.why();
}

/** Before anything begins: where the port is taken, nothing has. */
async function probed(
  node: Node,
  { webhooks }: Parts,
  { health }: WorkOptions,
  stop: ReturnType<typeof stopSignal>,
) {
  if (health === undefined || process.env[ownerVariable] !== undefined) return undefined;
  const ledger = webhookLedger(async () => node, webhooks, uniqueId);
  try {
    return await serveHealth(node, ledger, stop.isStopping, health);
  } catch (error) {
    stop.forget();
    throw error;
  }
}

/** Its worker is gone: what it had goes to others now, not when its lease ends. */
async function endSession({ engine }: Node, worker: string): Promise<void> {
  await engine.queue.extend(worker, 0);
  await engine.queue.extend(worker, 0); // The first lets it end, the second finds it ended.
}

async function startWorker(node: Node, parts: Parts, options: WorkOptions, slots: number) {
  const { engine, clock, host } = node;
  const queues = options.queues ?? queuesOf(parts);
  // Who serves no queue takes nothing, and nobody need hear of such a worker.
  if (queues.length === 0) return { end: async () => undefined };
  const name = process.env[workerVariable] ?? uniqueId();
  delete process.env[workerVariable]; // For one worker only.
  // In the process that has the queue, a lease can only end with the process; elsewhere, it is kept off the main thread.
  const leaseMs = engine.manages && !engine.queueSurvives ? Infinity : limits.leaseMs;
  const { signs } = engine;
  const keeper =
    signs === undefined
      ? undefined
      : (await import("../roles/lease-keeper.ts")).leaseKeeper({
          signs,
          worker: name,
          leaseMs,
          clock,
        });
  await keeper?.start();
  const worker = workerOf({
    engine,
    clock,
    worker: name,
    slots,
    queues,
    leaseMs,
    flows: parts.flows,
    jobs: parts.jobs,
    log: parts.log,
    tracing: parts.tracing,
    ...(keeper === undefined ? {} : { onDeadline: (endsAt) => keeper.progress(endsAt) }),
  });
  host.add(worker);
  return {
    async end(drainMs: number) {
      await host.remove(worker);
      await worker.drain(drainMs);
      await keeper?.close();
    },
  };
}

/** Who is given to look only (a read-only owner) hears of it now, and not of every task it asks for. */
async function mayWork({ engine }: Node): Promise<void> {
  if (engine.manages) return;
  try {
    await engine.queue.extend(uniqueId(), limits.leaseMs); // Of nobody: it changes nothing.
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
}

function listenOf({ listen }: WorkOptions): Listen | undefined {
  if (listen === undefined || listen === false) return undefined;
  return typeof listen === "number" ? { port: listen } : listen;
}

/** Who does not manage has nothing that others could change through it. */
async function serve(
  node: Node,
  listen: Listen | undefined,
  token: string | undefined,
  isChild: boolean,
) {
  if (listen === undefined || isChild) return undefined;
  const { port, host, readOnly } = listen;
  if (!node.engine.manages && readOnly !== true) return undefined;
  const { server } = await import("../api/server.ts");
  const { forOthers } = await import("../api/for-others.ts");
  const follow = async (id: string) =>
    (await node.reader.run(id)) === undefined ? undefined : runHandle(node, id, false);
  const engine = forOthers(node.engine);
  const served = await server({ engine, host, port, token, readOnly, follow });
  if (readOnly !== true) node.setUrl(served.url);
  return served;
}

/** SIGTERM, SIGINT, the user's signal, or the end of the process that started this one. A second SIGINT ends at once. */
function stopSignal(given: AbortSignal | undefined, onStop: () => void) {
  let why: "signal" | "aborted" = "aborted";
  let resolve: () => void = () => undefined;
  const stopped = new Promise<void>((done) => {
    resolve = done;
  });
  let isStopping = false;
  const onSignal = (): void => {
    isStopping = true;
    if (why === "signal") process.exit(130);
    why = "signal";
    onStop();
    resolve();
  };
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const name of signals) process.on(name, onSignal);
  process.on("disconnect", onSignal);
  const onAbort = (): void => {
    isStopping = true;
    resolve();
  };
  given?.addEventListener("abort", onAbort, { once: true });
  if (given?.aborted === true) onAbort();
  return {
    stopped,
    isStopping: () => isStopping,
    why: () => why,
    forget() {
      for (const name of signals) process.off(name, onSignal);
      process.off("disconnect", onSignal);
    },
  };
}
