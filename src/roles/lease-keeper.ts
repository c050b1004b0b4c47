/**
 * Keeps a worker's session alive from a thread of its own.
 *
 * A lease ends when its worker shows no sign of life, and user code that computes for a minute blocks the event loop that
 * would show one: its tasks would be handed to somebody else while they run well. So a thread does it. But then a handler in
 * an endless loop would keep its task for ever, and its timeout never fires, for the same blocked loop. So the thread is told
 * when the earliest attempt in hand should be over, and shows no more signs of life when that has passed, a grace later, and
 * the worker still has not said anything new. Then the lease ends, and the task is somebody else's.
 *
 * Both share two numbers: how often the worker spoke, and how many ms were left then. The thread needs no clock: it counts
 * its own rounds.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

import type { Clock } from "../ports/clock.ts";
import type { Signs } from "../ports/engine.ts";

export type LeaseKeeperOptions = {
  /** The engine's, and the session to keep. */
  readonly signs: Signs;
  readonly worker: string;
  readonly leaseMs: number;
  readonly clock: Clock;
  /** How long after the end of an attempt the worker may go without saying anything. Default: leaseMs. */
  readonly graceMs?: number;
  /** The session had ended; told when the event loop is free to hear it. */
  readonly onLost?: () => void;
};

export type LeaseKeeper = {
  /** Resolves when the thread runs: from then on the session lives while the event loop is blocked. */
  readonly start: () => Promise<void>;
  /** The earliest end of an attempt in hand, epoch ms; undefined when there is none. */
  readonly progress: (earliestDeadlineAt: number | undefined) => void;
  /** May be called twice, or before start. */
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** What the thread is given. */
export type KeeperOrder = {
  readonly signs: Signs;
  readonly worker: string;
  readonly leaseMs: number;
  readonly graceMs: number;
  /** Two Int32: see above. */
  readonly said: SharedArrayBuffer;
};

/** In `said`: how often the worker spoke, and how many ms were left when it last did. */
export const times = 0;
export const leftMs = 1;
/** In the place of leftMs: nothing is in hand. */
export const nothing = -1;

const longestMs = 2 ** 31 - 1;

export function leaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const { signs, worker, leaseMs, clock, graceMs = leaseMs, onLost } = options;
  const said = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  said[leftMs] = nothing;
  let thread: Worker | undefined;

  async function close(): Promise<void> {
    await thread?.terminate();
  }

  return {
    async start() {
      if (thread !== undefined) return;
      const order: KeeperOrder = { signs, worker, leaseMs, graceMs, said: said.buffer };
      thread = new Worker(threadFile, { workerData: order, execArgv: [], name: "lease keeper" });
      const begun = new AbortController();
      const { signal } = begun;
      // It runs, or was closed before it did. Rejects where it cannot run.
      await Promise.race([once(thread, "message", { signal }), once(thread, "exit", { signal })]);
      begun.abort();
      thread.on("message", () => onLost?.());
      thread.unref(); // What keeps others waiting must not keep the process alive.
    },
    progress(earliestDeadlineAt) {
      const left =
        earliestDeadlineAt === undefined
          ? nothing
          : Math.max(0, Math.min(longestMs, Math.ceil(earliestDeadlineAt - clock.now())));
      // In this order: whoever sees the new count sees this number, or a newer one whose count it will see next.
      Atomics.store(said, leftMs, left);
      Atomics.add(said, times, 1);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Beside this file, and of its kind: sources run as they are, and what is built has another ending. */
const threadFile = new URL(
  `./lease-keeper-thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`,
  import.meta.url,
);
