/** What a server is and says of itself, for those who ask whether it is fit: it makes nothing and changes nothing. */
import type { Clock } from "../../ports/clock.ts";
import { numberIn, type Row, textIn } from "../rows.ts";
import { type Database, openDatabase } from "./database.ts";
import type { PostgresUrl } from "./url.ts";

export type Looked = {
  /** As in 150018. */
  readonly version: number;
  readonly versionName: string;
  readonly connections: { readonly used: number; readonly most: number };
  /** fsync, synchronous_commit, full_page_writes, data_checksums. */
  readonly settings: Readonly<Record<Setting, string>>;
  readonly encoding: string;
  /** It may make the schema, where there is none. */
  readonly mayCreate: boolean;
  readonly schema: LookedSchema | undefined;
  /** The oldest transaction of anybody on this database. */
  readonly oldest:
    | { readonly seconds: number; readonly pid: number; readonly who: string }
    | undefined;
  /** How far this machine is ahead of the database. */
  readonly aheadMs: number;
  /** Durable commits, one after the other, in the order of how long they took. */
  readonly commitsMs: readonly number[];
  /** From NOTIFY to those who LISTEN; undefined where it is not heard. */
  readonly heardMs: number | undefined;
};

export type LookedSchema = {
  readonly schema: number;
  readonly partitions: number;
  readonly served: number;
  readonly by: number;
  readonly bytes: number;
  readonly outbox: number;
};

const settings = ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"] as const;
type Setting = (typeof settings)[number];

const commits = 50;
/** Who has not heard it by then hears nothing: the longest a loaded server takes is some ms. */
const hearMs = 2_000;

/** Rejects as opening it would, where it does not answer or refuses. */
export async function look(
  { url, prepare = true, listenUrl }: PostgresUrl,
  clock: Clock,
): Promise<Looked> {
  const database = openDatabase(url, { connections: 1, prepare, listenUrl });
  try {
    return {
      ...(await serverOf(database)),
      schema: await schemaOf(database),
      aheadMs: await aheadOf(database, clock),
      commitsMs: await commitsOf(database, clock),
      heardMs: await heardOf(database, clock).catch(() => undefined),
    };
  } finally {
    await database.close();
  }
}

/** One row, of a statement that nobody prepares. */
async function one(database: Database, text: string): Promise<Row | undefined> {
  let row: Row | undefined;
  await database.transact(async (run) => {
    [row] = await run(text);
  });
  return row;
}

async function serverOf(
  database: Database,
): Promise<
  Pick<
    Looked,
    "version" | "versionName" | "connections" | "settings" | "encoding" | "mayCreate" | "oldest"
  >
> {
  const row = await one(
    database,
    `select current_setting('server_version_num')::integer as version, current_setting('server_version') as name,
       (select count(*)::integer from pg_stat_activity where backend_type = 'client backend') as used,
       current_setting('max_connections')::integer as most, current_setting('server_encoding') as encoding,
       has_database_privilege(current_database(), 'create') as may_create,
       ${settings.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`,
  );
  const oldest = await one(
    database,
    `select pid, date_part('epoch', clock_timestamp() - xact_start) as seconds,
       coalesce(nullif(application_name, ''), usename::text, '') as who
     from pg_stat_activity
     where xact_start is not null and pid <> pg_backend_pid() and datname = current_database()
     order by xact_start limit 1`,
  );
  return {
    version: numberIn(row, "version"),
    versionName: textIn(row, "name"),
    connections: { used: numberIn(row, "used"), most: numberIn(row, "most") },
    settings: {
      fsync: textIn(row, "fsync"),
      synchronous_commit: textIn(row, "synchronous_commit"),
      full_page_writes: textIn(row, "full_page_writes"),
      data_checksums: textIn(row, "data_checksums"),
    },
    encoding: textIn(row, "encoding"),
    mayCreate: row?.["may_create"] === true,
    oldest:
      oldest === undefined
        ? undefined
        : {
            seconds: numberIn(oldest, "seconds"),
            pid: numberIn(oldest, "pid"),
            who: textIn(oldest, "who"),
          },
  };
}

async function schemaOf(database: Database): Promise<LookedSchema | undefined> {
  const there = await one(
    database,
    "select from pg_tables where schemaname = 'fanfold' and tablename = 'meta'",
  );
  if (there === undefined) return undefined;
  const row = await one(
    database,
    `select (select value from fanfold.meta where name = 'schema') as schema,
       (select value from fanfold.meta where name = 'partitions') as partitions,
       (select count(*)::integer from fanfold.outbox) as outbox,
       (select count(*)::integer from fanfold.seat where holder is not null and until > fanfold.now_ms()) as served,
       (select count(distinct holder)::integer from fanfold.seat where holder is not null and until > fanfold.now_ms()) as holders,
       (select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint from pg_class c
        join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'fanfold' and c.relkind = 'r') as bytes`,
  );
  return {
    schema: numberIn(row, "schema"),
    partitions: numberIn(row, "partitions"),
    served: numberIn(row, "served"),
    by: numberIn(row, "holders"),
    bytes: numberIn(row, "bytes"),
    outbox: numberIn(row, "outbox"),
  };
}

/** By the middle of the question: half of the way is before, half after. */
async function aheadOf(database: Database, clock: Clock): Promise<number> {
  const before = clock.now();
  const row = await one(database, "select date_part('epoch', clock_timestamp()) * 1000 as now");
  return (before + clock.now()) / 2 - numberIn(row, "now");
}

async function commitsOf(database: Database, clock: Clock): Promise<readonly number[]> {
  // It goes to the write-ahead log, and nowhere else: the commit is synced like every other.
  const probe = {
    name: "fanfold_probe",
    text: "select pg_logical_emit_message(true, 'fanfold', 'doctor')",
  };
  const took: number[] = [];
  for (let n = 0; n < commits; n += 1) {
    const before = clock.now();
    await database.query(probe, []);
    took.push(clock.now() - before);
  }
  return took.toSorted((a, b) => a - b);
}

async function heardOf(database: Database, clock: Clock): Promise<number | undefined> {
  const client = database.client();
  client.on("error", () => undefined);
  const over = new AbortController();
  let heard = false;
  client.on("notification", () => {
    heard = true;
    over.abort();
  });
  try {
    await client.connect();
    await client.query("listen fanfold_doctor");
    const before = clock.now();
    await database.query(
      { name: "fanfold_ring", text: "select pg_notify('fanfold_doctor', '')" },
      [],
    );
    if (!heard) await clock.sleep(hearMs, over.signal);
    return heard ? clock.now() - before : undefined;
  } finally {
    client.end().catch(() => undefined);
  }
}
