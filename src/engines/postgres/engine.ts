import { UnavailableError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Engine } from "../../ports/engine.ts";
import { guarded } from "../memory/guard.ts";
import { type DatabaseOptions, openDatabase } from "./database.ts";
import { postgresHints } from "./hints.ts";
import { postgresLog } from "./log.ts";
import { postgresOutbox } from "./outbox.ts";
import { postgresQueue } from "./queue.ts";
import { openSchema } from "./schema.ts";
import { postgresShares } from "./shares.ts";
import { postgresStore } from "./store.ts";
import { postgresViews } from "./views.ts";

export type PostgresEngineOptions = Partial<DatabaseOptions> & {
  readonly clock: Clock;
  /** Fixed when the schema is made; default 8. */
  readonly partitions?: number | undefined;
};

/**
 * Log, queue, store and views in the schema `fanfold` of one database, for any number of processes on any number of machines.
 *
 * Rejects with UsageError where the database refuses the user, does not exist, or belongs to a newer fanfold; with
 * UnavailableError where it does not answer.
 */
export async function postgresEngine(url: string, options: PostgresEngineOptions): Promise<Engine> {
  const { clock, connections = 10, prepare = true, listenUrl } = options;
  const database = openDatabase(url, { connections, prepare, listenUrl });
  let partitions: number;
  try {
    partitions = await openSchema(database, options.partitions);
  } catch (error) {
    await database.close();
    throw error;
  }
  const { hint, onHint, close } = postgresHints(database, clock);
  let closing: Promise<void> | undefined;

  function check(): void {
    if (closing !== undefined) throw new UnavailableError(`${database.name} is closed`);
  }

  return {
    name: database.name,
    partitions,
    queueSurvives: true,
    manages: true,
    ...guarded(check, {
      log: postgresLog(database, { partitions, hint: (partition) => hint("log", partition) }),
      queue: postgresQueue(database, () => hint("queue")),
      store: postgresStore(database, { partitions, hint }),
      views: postgresViews(database, partitions),
    }),
    outbox: postgresOutbox(database, partitions, (partition) => hint("log", partition)),
    shares: postgresShares(database, partitions, () => hint("seat")),
    signs: { module: new URL(signsFile, import.meta.url).href, given: { url } },
    onHint,
    async close() {
      closing ??= close().then(database.close);
      await closing;
    },
  };
}

/** Beside this file, and of its kind: sources run as they are, and what is built has another ending. */
const signsFile = `./signs.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`;
