/**
 * Group commit: everything that is written in one turn of the event loop becomes one transaction, and one sync.
 *
 * One is on its way at a time; what arrives meanwhile becomes the next. So there is no timer: while the disk is busy the
 * next batch grows by itself.
 *
 * A quick transaction runs here: to hand it over would cost more than it takes. A slow one, of many records or of a sync
 * that waits for the disk or a processor, would keep everybody's code waiting, so it runs on a thread of the file's own. The
 * last one says which it will be.
 *
 * Fail-stop (G17): the first error ends it. After a failed sync the next commit may well succeed, and lie; so whatever
 * is pending rejects, nothing is tried again, and the host exits and starts over from what the disk has.
 */
import type { DatabaseSync } from "node:sqlite";
import { FanfoldError, UnavailableError } from "../../errors.ts";
import { later, nextTurn } from "../system.ts";
import { explained } from "./problems.ts";
import { writerThread, type WriterThread } from "./thread.ts";
import { transactionOn, type Write } from "./transaction.ts";

export type Writer = {
  /** Resolves when all of it is durable, or rejects and none of it is; after is called first, in the turn of the commit. */
  readonly write: (writes: readonly Write[], after?: () => void) => Promise<void>;
  /** As write, for what nobody waits for: it goes with the next transaction, or by itself after some ms. */
  readonly writeAlong: (writes: readonly Write[]) => Promise<void>;
  /** The result of a read, of one snapshot; an error there ends the engine too. */
  readonly read: <Result>(query: () => Result) => Result;
  /** Throws when nothing may be asked any more. */
  readonly check: () => void;
  /** Whether slow transactions run on a thread of their own by now. */
  readonly isThreaded: () => boolean;
  /** Takes no more, and resolves when what is pending is written. Rejects nothing, may be called twice. */
  readonly end: () => Promise<void>;
};

export type WriterOptions = {
  readonly now: () => number;
  readonly onFatal: (error: Error) => void;
  /** From so many ms on a transaction is slow. 0: all of them are; Infinity: none is, and there is no thread. */
  readonly slowMs: number;
};

/** What goes along waits so long for another's transaction. */
const alongMs = 20;
/** So many slow transactions' time is worth a thread: a process that only starts a run, or looks in, never has one. */
const slowAtLeast = 20;

type Job = {
  readonly writes: readonly Write[];
  readonly after: (() => void) | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

export function groupWriter(
  db: DatabaseSync,
  path: string,
  { now, onFatal, slowMs }: WriterOptions,
): Writer {
  const transact = transactionOn(db);
  const inSnapshot = snapshotsOf(db);
  let thread: WriterThread | undefined;
  let begunAt = 0;
  /** Of the last transaction; on the thread, until this one was free to hear of it. */
  let tookMs = 0;
  /** Of all slow ones so far. */
  let waitedMs = 0;
  let jobs: Job[] = [];
  /** Jobs that wait for company. */
  let along: Job[] = [];
  let endWait: (() => void) | undefined;
  let onTheWay: readonly Job[] = [];
  let ended: UnavailableError | undefined;
  let hasFailed = false;
  let ending: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;

  function startThread(): void {
    if (waitedMs >= slowMs * slowAtLeast && ended === undefined) thread ??= writerThread(path);
  }

  function flush(): void {
    if (jobs.length === 0 || onTheWay.length > 0) return;
    onTheWay = [...jobs, ...along];
    jobs = [];
    along = [];
    endWait?.();
    endWait = undefined;
    const writes = onTheWay.flatMap((job) => job.writes);
    begunAt = now();
    if (tookMs >= slowMs && thread?.isReady() === true) {
      thread.transact(writes, finish);
      return;
    }
    try {
      transact(writes);
    } catch (error) {
      fail(error);
      return;
    }
    finish();
  }

  /** The transaction on its way is durable, or failed. */
  function finish(error?: Error): void {
    if (error !== undefined) {
      fail(error);
      return;
    }
    const batch = onTheWay;
    onTheWay = [];
    tookMs = now() - begunAt;
    if (tookMs >= slowMs) waitedMs += tookMs;
    startThread();
    // Nobody hears of it before this turn is over, so that the tasks of a commit are in the queue when it resolves.
    for (const { resolve } of batch) resolve();
    for (const { after } of batch) after?.();
    if (jobs.length > 0) nextTurn(flush);
    else onIdle?.();
  }

  function add(job: Job): void {
    if (jobs.length === 0 && onTheWay.length === 0) nextTurn(flush);
    jobs.push(job);
  }

  /** Nobody came by. */
  function goAlone(): void {
    endWait = undefined;
    const waiting = along;
    along = [];
    for (const job of waiting) add(job);
  }

  /** Ends everything, once. */
  function fail(error: unknown): FanfoldError {
    const cause = explained(error, path);
    if (hasFailed) return cause;
    hasFailed = true;
    const failed = new UnavailableError(
      `${path} failed, and is not written any more until it is opened again: ${cause.message}`,
      { cause, details: { path } },
    );
    ended = failed;
    const lost = [...onTheWay, ...jobs, ...along];
    onTheWay = [];
    jobs = [];
    along = [];
    endWait?.();
    for (const { reject } of lost) reject(failed);
    onIdle?.();
    onFatal(failed);
    return cause;
  }

  function check(): void {
    if (ended !== undefined) throw ended;
  }

  async function finishAll(): Promise<void> {
    ended ??= new UnavailableError(`${path} is closed`, { details: { path } });
    endWait?.();
    goAlone();
    flush();
    if (onTheWay.length > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    await thread?.end();
  }

  startThread();
  return {
    check,
    isThreaded: () => thread?.isReady() === true,
    async write(writes, after) {
      check();
      await new Promise<void>((resolve, reject) => add({ writes, after, resolve, reject }));
    },
    async writeAlong(writes) {
      check();
      await new Promise<void>((resolve, reject) => {
        along.push({ writes, after: undefined, resolve, reject });
        endWait ??= later(alongMs, goAlone);
      });
    },
    read(query) {
      check();
      try {
        return thread === undefined ? query() : inSnapshot(query);
      } catch (error) {
        // What a caller did wrong is an error of ours already; damage and SQLite's own are the end.
        if (error instanceof FanfoldError && error.code !== "corrupt") throw error;
        throw fail(error);
      }
    },
    async end() {
      ending ??= finishAll();
      await ending;
    },
  };
}

/** Several statements see the same state, though a thread commits between them. */
function snapshotsOf(db: DatabaseSync): <Result>(query: () => Result) => Result {
  const begin = db.prepare("begin");
  const end = db.prepare("commit");
  return (query) => {
    begin.run();
    try {
      return query();
    } finally {
      if (db.isTransaction) end.run(); // Some errors have ended it.
    }
  };
}
