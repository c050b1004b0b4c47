/**
 * Transactions on a thread of its own, so that nobody's code waits for a sync.
 *
 * What it is given is copied when it is sent: whoever wrote it may go on using it.
 */
import { Worker } from "node:worker_threads";
import { UnavailableError } from "../../errors.ts";
import { errorOf, type Problem } from "./problems.ts";
import type { Write } from "./transaction.ts";

export type WriterThread = {
  /** It runs: until then, and where no thread can be started, transactions run on the caller's. */
  readonly isReady: () => boolean;
  /** One at a time. done is called once, in a turn of its own: with nothing when all is durable, or with what went wrong. */
  readonly transact: (writes: readonly Write[], done: (error?: Error) => void) => void;
  /** Resolves when the thread has closed the file and is gone. A transaction on its way is finished first. */
  readonly end: () => Promise<void>;
};

/** What is sent to the thread, and what it says. */
export type Order = readonly Write[] | typeof end;
export type Reply = "ready" | "durable" | Problem;
export const end = "end";

export function writerThread(path: string): WriterThread {
  const worker = started(path);
  let state: "starting" | "ready" | "gone" = worker === undefined ? "gone" : "starting";
  let onDone: ((error?: Error) => void) | undefined;

  function settle(error?: Error): void {
    // One that failed ends by itself; on Node 22 it may go unheard of when it is let go and taken back meanwhile.
    if (error === undefined) worker?.unref();
    const done = onDone;
    onDone = undefined;
    done?.(error);
  }

  function gone(error: Error): void {
    state = "gone";
    settle(error);
  }

  worker?.on("message", (reply: Reply) => {
    if (reply === "ready") state = "ready";
    else settle(reply === "durable" ? undefined : errorOf(reply));
  });
  worker?.on("error", gone);
  worker?.on("exit", () => gone(new UnavailableError("the thread that writes it has ended")));
  worker?.unref(); // An engine that nobody uses keeps no process alive.

  return {
    isReady: () => state === "ready",
    transact(writes, done) {
      onDone = done;
      worker?.ref(); // Somebody waits for the answer.
      worker?.postMessage(writes.map(detached)); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread, not a window
    },
    async end() {
      if (worker === undefined || state === "gone") return;
      const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
      worker.ref();
      if (state === "starting") await worker.terminate();
      else worker.postMessage(end); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread, not a window
      await exited;
    },
  };
}

/** Undefined where no thread may be started. */
function started(path: string): Worker | undefined {
  try {
    // Node 22 warns of node:sqlite, and has done so on the main thread.
    const execArgv = ["--disable-warning=ExperimentalWarning"];
    return new Worker(threadFile, { workerData: path, execArgv, name: "sqlite writer" });
  } catch {
    return undefined;
  }
}

/** Of bytes that are part of something larger, all of it would be copied. */
function detached(write: Write): Write {
  if (!write.some(isPart)) return write;
  const [name, ...values] = write;
  return [name, ...values.map((value) => (isPart(value) ? new Uint8Array(value) : value))];
}

function isPart(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.byteLength < value.buffer.byteLength;
}

/** Beside this file, and of its kind: sources run as they are, and what is built has another ending. */
const threadFile = new URL(
  `./writer-thread.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`,
  import.meta.url,
);
