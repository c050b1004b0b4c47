/** Watches a run to where it stops moving. */
import type { Status } from "../views/status.ts";
import type { Progress } from "./progress.ts";

/** True when nothing will happen by itself: it ended, or waits for a person. */
export function isStill(status: Status): boolean {
  return status.state !== "running" && status.state !== "waiting";
}

/** Shows every status until one `isEnough`; resolves to the last. Undefined: there was none before the signal fired. */
export async function follow(
  statuses: AsyncIterable<Status>,
  shown: Progress,
  signal: AbortSignal,
  isEnough: (status: Status) => boolean = isStill,
): Promise<Status | undefined> {
  let last: Status | undefined;
  try {
    for await (const status of untilAborted(statuses, signal)) {
      last = status;
      shown.update(status);
      if (isEnough(status)) break;
    }
    return last;
  } finally {
    shown.end();
  }
}

async function* untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncIterable<T> {
  const iterator = items[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: an iterator that is waiting for its next item answers after it, which may be never.
    void iterator.return?.();
  }
}

/** Runs `work` beside `body`, and stops it when `body` is done. Rejects as soon as one of them does. */
export async function beside<T>(
  work: ((signal: AbortSignal) => Promise<void>) | undefined,
  body: () => Promise<T>,
): Promise<T> {
  if (work === undefined) return body();
  const controller = new AbortController();
  const working = work(controller.signal);
  const failed = working.then(() => new Promise<never>(() => undefined));
  try {
    return await Promise.race([body(), failed]);
  } finally {
    controller.abort();
    await working;
  }
}
