import type { IncomingMessage } from "node:http";

import type { Clock } from "../../ports/clock.ts";
import type { Engine, Hint } from "../../ports/engine.ts";

type Listener = Parameters<Engine["onHint"]>[0];

/** The engine's `onHint`, and its end. */
export type Hints = Pick<Engine, "onHint"> & { readonly close: () => Promise<void> };

const firstBackoffMs = 20;
const longestBackoffMs = 2_000;

/** What may have happened while nobody listened. */
const anything: readonly Hint[] = ["log", "state", "queue"];

/**
 * Passes on the owner's hints, which come as a stream of lines (`data: queue`, `data: log 3`).
 *
 * Listens from the first listener on until close: who waits for one hint at a time comes and goes. A stream that breaks is
 * opened again, with backoff, for as long as it takes; each time one opens, every kind is hinted once, so that what happened
 * in between is noticed.
 */
export function hints(
  open: (signal: AbortSignal) => Promise<IncomingMessage>,
  clock: Clock,
): Hints {
  const listeners = new Set<Listener>();
  const stop = new AbortController();
  let listening: Promise<void> | undefined;

  function tell(hint: Hint, partition?: number): void {
    for (const listener of listeners) listener(hint, partition);
  }

  async function listen(signal: AbortSignal): Promise<void> {
    let backoffMs = firstBackoffMs;
    while (!signal.aborted) {
      try {
        const stream = await open(signal);
        backoffMs = firstBackoffMs;
        for (const hint of anything) tell(hint);
        await pass(stream, tell);
      } catch {
        // A hint is never needed: there is nothing to report, only to try again.
      }
      await clock.sleep(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
    }
  }

  return {
    onHint(listener) {
      const own: Listener = (hint, partition) => listener(hint, partition);
      listeners.add(own);
      listening ??= listen(stop.signal);
      return () => void listeners.delete(own);
    },
    async close() {
      listeners.clear();
      stop.abort();
      await listening;
    },
  };
}

/** Resolves or rejects when the stream ends. */
async function pass(stream: IncomingMessage, tell: Listener): Promise<void> {
  stream.setEncoding("utf8");
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, kind, partition] = /^data: (log|state|queue)(?: (\d+))?$/.exec(line) ?? [];
      const hint = anything.find((known) => known === kind);
      if (hint !== undefined) tell(hint, partition === undefined ? undefined : Number(partition));
    }
  }
}
