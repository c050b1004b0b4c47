/** What Fanfold's tables take on PostgreSQL's disk: after the runs, and after retention has removed them. */
import { setTimeout as pause } from "node:timers/promises";
import { Client } from "pg";
import { encode } from "../src/core/event.ts";
import { partitionOf } from "../src/core/ids.ts";
import { postgresEngine } from "../src/engines/postgres/engine.ts";
import { systemClock } from "../src/engines/system.ts";
import type { App } from "../src/index.ts";
import { until } from "../test/until.ts";
import type { Engine } from "../src/ports/engine.ts";
import type { Measured } from "./harness.ts";

const waitMs = 100_000;
/** Between two askings whether all are gone. */
const askMs = 500;
/** A log of which less could be trimmed is left as it is. */
const untrimmed = 200;

async function ask<Row extends object>(url: string, sql: string): Promise<readonly Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

type Sizes = { readonly tables: number; readonly indexes: number };

/** Of all tables; rows that were deleted are in it until somebody sweeps them up. */
async function sizesOf(url: string): Promise<Sizes> {
  const [row] = await ask<{ readonly tables: string; readonly indexes: string }>(
    url,
    `select sum(pg_table_size(oid)) as tables, sum(pg_indexes_size(oid)) as indexes
     from pg_class where relkind = 'r' and relnamespace = 'fanfold'::regnamespace`,
  );
  return { tables: Number(row?.tables), indexes: Number(row?.indexes) };
}

/** What runs of so many sub-jobs together have left. */
export async function sizesPer(url: string, subJobs: number): Promise<Measured> {
  const { tables, indexes } = await sizesOf(url);
  return { tableBytes: tables / subJobs, indexBytes: indexes / subJobs };
}

/** A process whose app has a retention: it removes, and trims the log behind that. */
export type Open = () => App;

/**
 * What is left when every run has been removed, as retention does it, and a vacuum has been through: autovacuum comes by itself,
 * but not within a minute.
 */
export async function sizesAfterRemoval(url: string, open: Open): Promise<Measured> {
  const engine = await postgresEngine(url, { clock: systemClock() });
  const ends = await endsOf(engine);
  await serving(open, async () => (await expire(engine)) === 0);
  // A trimmer looks when it begins, and then no sooner than ten seconds later.
  await serving(open, async () => {
    const trimmed = await ask<{ readonly trimmed: string }>(
      url,
      `select trimmed from fanfold.head order by partition`,
    );
    return ends.every((end, n) => Number(trimmed[n]?.trimmed) + untrimmed >= end);
  });
  await engine.close();
  await ask(url, "vacuum");
  const { tables, indexes } = await sizesOf(url);
  return { leftKb: (tables + indexes) / 1_024 };
}

async function endsOf({ log, partitions }: Engine): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: partitions }, (_, partition) => log.end(partition)));
}

/** Says of runs that they are to be removed now; a retention itself is as long as late outcomes may take. Resolves to how many there are. */
async function expire({ log, views, partitions }: Engine): Promise<number> {
  const rows = await views.runs({ limit: 2_000 });
  const texts = Map.groupBy(rows, ({ run }) => partitionOf(run, partitions));
  for (const [partition, here] of texts)
    await log.append(
      partition,
      here.map(({ run, flow }) => encode({ type: "run.expired", run, flow, retentionMs: 0 })),
    );
  await pause(askMs);
  return rows.length;
}

/** Serves until this is so. */
async function serving(open: Open, isSo: () => Promise<boolean>): Promise<void> {
  const fanfold = open();
  await fanfold.runs();
  await until(isSo, { withinMs: waitMs, what: "what is removed is gone" });
  await fanfold.close();
}
