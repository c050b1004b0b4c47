/**
 * A peer on PostgreSQL, in this process or in several: as many workers as were asked for, and one board that counts.
 *
 * What is done in another process is told over its pipe, a batch a turn of the loop. A program that has to survive a crash would
 * count in the database: the comparison is kind to the peers.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { latencies, numberOf, textOf, throughput, work, type Contestant } from "../fan-out.ts";
import type { Measure } from "../harness.ts";
import { laps, type Told } from "./laps.ts";

/** What a queue is asked to carry; of a child, which item it is. */
export type Job = { readonly id: string; readonly items: number; readonly n: number };

export type Client = {
  readonly addSplit: (id: string, items: number) => Promise<unknown>;
  readonly addJoin: (id: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

export type Work = {
  readonly url: string;
  readonly slots: number;
  readonly sleepMs: number;
  readonly told: Told;
};

/** A queue on PostgreSQL, as a race needs it. */
export type Peer = {
  /** Makes what the queue needs, and adds jobs to it. */
  readonly client: (url: string) => Promise<Client>;
  /** Works until it is told to stop. */
  readonly worker: (asked: Work) => Promise<() => Promise<void>>;
};

type Message =
  | { readonly kind: "ready" }
  | { readonly kind: "began" | "joined"; readonly id: string }
  | { readonly kind: "settled"; readonly id: string; readonly sum: number; readonly count: number };

const processFile = new URL("crew-process.ts", import.meta.url);

/** A race for it; `module` is where it is exported as `peer`, for processes of their own. */
export function race(
  peer: Peer,
  module: string,
): { readonly fanOut: Measure; readonly latency: Measure } {
  const open = async ({
    slots,
    sleepMs,
    input,
  }: Parameters<Parameters<typeof throughput>[0]>[0]): Promise<Contestant> => {
    const url = textOf(input, "url");
    const client = await peer.client(url);
    const board = laps((id) => void client.addJoin(id));
    const count = numberOf(input, "workers", 0);
    const workers =
      count === 0
        ? [await peer.worker({ url, slots, sleepMs, told: board })]
        : await Promise.all(
            Array.from({ length: count }, () =>
              startProcess(module, url, slots / count, sleepMs, board),
            ),
          );
    return {
      run: (id, items) => board.run(id, items, () => void client.addSplit(id, items)),
      async close() {
        await Promise.all(workers.map((stop) => stop()));
        await client.close();
      },
    };
  };
  return { fanOut: throughput(open), latency: latencies(open) };
}

async function startProcess(
  module: string,
  url: string,
  slots: number,
  sleepMs: number,
  board: Told,
): Promise<() => Promise<void>> {
  const child = fork(processFile, [module, url, `${slots}`, `${sleepMs}`], { execArgv: [] });
  const ready = Promise.withResolvers<void>();
  child.on("message", (messages: readonly Message[]) => {
    for (const message of messages)
      if (message.kind === "ready") ready.resolve();
      else if (message.kind === "settled") board.settled(message.id, message.sum, message.count);
      else board[message.kind](message.id);
  });
  child.once("exit", () => ready.reject(new Error(`a worker of ${module} ended`)));
  await ready.promise;
  return async () => {
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  };
}

/** In a process of its own: tells its parent, and stops when it is told to. */
export async function serve(
  peer: Peer,
  url: string,
  slots: number,
  sleepMs: number,
): Promise<void> {
  let messages: Message[] = [];
  const counts = new Map<string, { sum: number; count: number }>();
  let sending = false;
  const send = (): void => {
    sending = false;
    for (const [id, { sum, count }] of counts) messages.push({ kind: "settled", id, sum, count });
    counts.clear();
    process.send?.(messages);
    messages = [];
  };
  const soon = (): void => {
    if (!sending) setImmediate(send);
    sending = true;
  };
  const say = (message: Message): void => {
    messages.push(message);
    soon();
  };
  const told: Told = {
    began: (id) => say({ kind: "began", id }),
    worked: () => undefined,
    settled(id, sum, count = 1) {
      const so = counts.get(id) ?? { sum: 0, count: 0 };
      counts.set(id, { sum: so.sum + sum, count: so.count + count });
      soon();
    },
    joined: (id) => say({ kind: "joined", id }),
  };
  const stop = await peer.worker({ url, slots, sleepMs, told });
  process.once("SIGTERM", () => void stop().finally(() => process.exit(0)));
  process.once("disconnect", () => process.exit(1));
  say({ kind: "ready" });
}

/** The work on one item, told when it is over. */
export async function workOn({ id, n }: Job, { sleepMs, told }: Work): Promise<number> {
  const result = await work(n, sleepMs);
  told.worked(id);
  return result;
}
