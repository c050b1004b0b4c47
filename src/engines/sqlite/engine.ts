import type { Engine } from "../../ports/engine.ts";
import { guarded } from "../memory/guard.ts";
import { hintList } from "../memory/hints.ts";
import { memoryQueue } from "../memory/queue.ts";
import { type LogClock, uniqueId } from "../system.ts";
import { inMemory, type SqliteFile } from "./file.ts";
import { realPath } from "./owner.ts";
import { explained } from "./problems.ts";
import { sqliteLog } from "./log.ts";
import { sqliteStore } from "./store.ts";
import { sqliteViews } from "./views.ts";
import { fileOfWills } from "./wills.ts";
import { groupWriter } from "./writer.ts";

export type SqliteEngineOptions = {
  readonly clock: LogClock;
  /** Called once, when the file can no longer be trusted: exit, and start over. */
  readonly onFatal: (error: Error) => void;
  /** Characters of recent records kept in memory; default a million. */
  readonly tailBytes?: number;
  /** From so many ms on a transaction runs on a thread of the file's own. 0: each does; Infinity: none. Default 0.5. */
  readonly slowMs?: number;
};

export type SqliteEngine = Engine & {
  /** Tells whoever finds the file in use where its owner answers. */
  readonly setUrl: (url: string) => void;
  /** Whether slow transactions run on a thread of their own by now. */
  readonly isThreaded: () => boolean;
};

/** A sync of a calm machine takes 0.1 to 0.25 ms, and to hand a transaction over costs 0.1. */
const usualSlowMs = 0.5;

/**
 * Log, store and views in one file, the queue in memory; the process that opened the file owns it.
 *
 * Closing it closes the file. Throws CorruptError when the file is damaged.
 * After the first error of the disk every call rejects with UnavailableError; nothing is tried again.
 */
export function sqliteEngine(file: SqliteFile, options: SqliteEngineOptions): SqliteEngine {
  try {
    return engineOn(file, options);
  } catch (error) {
    file.close();
    throw explained(error, file.path);
  }
}

function engineOn(file: SqliteFile, options: SqliteEngineOptions): SqliteEngine {
  const { db, path, partitions } = file;
  const { clock, onFatal, tailBytes = 1_000_000 } = options;
  const { hint, onHint } = hintList();
  const wills = path === inMemory ? undefined : fileOfWills(`${realPath(path)}-wills`);
  const isThreadless = path === inMemory || process.env["FANFOLD_SQLITE_THREAD"] === "0";
  const writer = groupWriter(db, path, {
    now: clock.now,
    slowMs: isThreadless ? Infinity : (options.slowMs ?? usualSlowMs),
    onFatal(error) {
      wills?.forgive(); // The process ends because of its disk.
      onFatal(error);
    },
  });
  const opening = uniqueId();
  const log = sqliteLog(db, writer, {
    clock,
    partitions,
    tailBytes,
    past: opening,
    hint: (partition) => hint("log", partition),
  });
  clock.startAt?.(log.lastAt);
  const prefix = `${opening}-`;
  const heard = clock.listening?.();
  const queue = memoryQueue({ clock: heard ?? clock, prefix, hint: () => hint("queue") });
  return {
    name: `sqlite:${path}`,
    partitions,
    queueSurvives: false,
    manages: true,
    ...guarded(writer.check, {
      log,
      queue,
      store: sqliteStore(db, writer, { clock, partitions, log, queue, hint }),
      views: sqliteViews(db, writer, { partitions, log }),
    }),
    ...(wills === undefined ? {} : { wills }),
    onHint,
    setUrl: file.setUrl,
    isThreaded: writer.isThreaded,
    async close() {
      heard?.close();
      await writer.end();
      wills?.close();
      file.close();
    },
  };
}
