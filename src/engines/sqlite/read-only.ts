import { UsageError } from "../../errors.ts";
import type { Engine } from "../../ports/engine.ts";
import { checkFrom, checkPartition, checkPast } from "../memory/checks.ts";
import { checkTrim } from "../memory/log.ts";
import { uniqueId } from "../system.ts";
import { openFileToRead } from "./file.ts";
import { logReader } from "./log.ts";
import { explained } from "./problems.ts";
import { storeReader } from "./store.ts";
import { viewsReader } from "./views.ts";

/**
 * The file of a living or a dead owner, to look at: log, store and views can be read, and are as of each call.
 *
 * Everything that would change something rejects with UsageError. No hints come. Throws NotFoundError where there is no file.
 */
export function readOnlySqlite(path: string): Engine {
  const { db, partitions, close } = openFileToRead(path);
  const { page, edges } = logReader(db);
  const store = storeReader(db, partitions);
  const views = viewsReader(db, partitions);
  const past = uniqueId();

  const read = <Args extends readonly unknown[], Result>(
    query: (...args: Args) => Result,
  ): ((...args: Args) => Promise<Result>) => {
    return async (...args) => {
      try {
        db.exec("begin"); // One snapshot for all statements of a query: the owner may be writing.
        return query(...args);
      } catch (error) {
        throw explained(error, path);
      } finally {
        if (db.isOpen && db.isTransaction) db.exec("commit");
      }
    };
  };
  const refuse = async (): Promise<never> => {
    throw new UsageError(
      `${path} is open for reading only: ask its owner, or open it as its owner`,
    );
  };

  return {
    name: `sqlite:${path} (read only)`,
    partitions,
    queueSurvives: false,
    manages: false,
    log: {
      append: refuse,
      read: read((partition, from, max) => {
        checkPartition(partition, partitions);
        const { end, trimmed } = edges(partition);
        checkPast(partition, max.past, past);
        checkFrom(from, end);
        checkTrim(partition, from, trimmed);
        return from === end ? [] : page(partition, from, end, max);
      }),
      end: read((partition) => {
        checkPartition(partition, partitions);
        return edges(partition).end;
      }),
      trim: refuse,
      async past(partition) {
        checkPartition(partition, partitions);
        return past;
      },
    },
    queue: { put: refuse, take: refuse, extend: refuse, ack: refuse, release: refuse },
    store: {
      claim: refuse,
      resign: refuse,
      commit: refuse,
      load: read(store.load),
      scan: read((partition, prefix, max, after) => store.scan(partition, prefix, max, after)),
      position: read(store.position),
      keep: refuse,
    },
    views: {
      checkpoint: read(views.checkpoint),
      apply: refuse,
      run: read(views.run),
      runs: read(views.runs),
    },
    onHint: () => () => undefined,
    async close() {
      close();
    },
  };
}
