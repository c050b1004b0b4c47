import { UnavailableError } from "../../errors.ts";
import type { Engine } from "../../ports/engine.ts";
import { guarded } from "../memory/guard.ts";
import type { LogClock } from "../system.ts";
import { type DatabaseOptions, openDatabase } from "./database.ts";
import { postgresHints } from "./hints.ts";
import { postgresLog } from "./log.ts";
import { postgresOutbox } from "./outbox.ts";
import { postgresQueue } from "./queue.ts";
import { numberIn } from "../rows.ts";
import { openSchema } from "./schema.ts";
import { postgresShares } from "./shares.ts";
import { statements } from "./statements.ts";
import { postgresStore } from "./store.ts";
import { postgresViews } from "./views.ts";

export type PostgresEngineOptions = Partial<DatabaseOptions> & {
  readonly clock: LogClock;
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

  /** Machines disagree about the time; the database's is the one that timers, leases and claims go by. */
  async function follow(): Promise<number> {
    const { rows } = await database.query(statements.now, []);
    const now = numberIn(rows[0], "now");
    clock.follow?.(now);
    return now;
  }

  try {
    partitions = await openSchema(database, options.partitions);
    clock.startAt?.(await follow());
  } catch (error) {
    await database.close();
    throw error;
  }
  const served = new Set<number>();
  const { hint, onHint, close } = postgresHints(database, clock, {
    onPing() {
      follow().catch(() => undefined); // The next ping asks again.
    },
    // What is new on the log concerns who serves the partition.
    isOurs: (what, partition) => what === "log" && partition !== undefined && served.has(partition),
  });
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
      store: postgresStore(database, { partitions, hint, served }),
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
