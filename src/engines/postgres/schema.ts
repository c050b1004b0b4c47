/** Makes and checks the schema `fanfold`: whoever comes first makes it, whoever comes with a newer fanfold brings it up. */
import { assert, UsageError } from "../../errors.ts";
import { checkPartitions } from "../memory/checks.ts";
import type { Row } from "../rows.ts";
import type { Database } from "./database.ts";
import { migrations } from "./migrations.ts";

/** So that several processes can share them; each costs an idle process some queries a second. */
const usualPartitions = 8;

type Meta = { readonly schema: number; readonly survivedBy: number; readonly partitions: number };

/**
 * Brings the schema to this program's version, and says how many partitions it has; they are fixed when it is made.
 *
 * Throws UsageError where it was brought up by a newer fanfold beside which this one must not run, or has other partitions.
 */
export async function openSchema(
  database: Database,
  partitions: number | undefined,
): Promise<number> {
  if (partitions !== undefined) checkPartitions(partitions);
  let found: Meta | undefined;
  await database.transact(async (run) => {
    found = await metaOf(run);
  });
  if (found === undefined || found.schema < migrations.length)
    await database.transact(async (run) => {
      // One at a time: the others wait here, and find it done.
      await run("select pg_advisory_xact_lock(hashtext('fanfold schema'))");
      found = await metaOf(run);
      if (found !== undefined && found.schema >= migrations.length) return;
      await checkEncoding(run, database.name);
      await migrate(run, found, partitions ?? usualPartitions);
      found = await metaOf(run);
    });
  assert(found !== undefined, "the schema says which version it is of");
  checkVersion(found, database.name);
  if (partitions !== undefined && partitions !== found.partitions)
    throw new UsageError(
      `${database.name} has ${found.partitions} partitions, fixed when its schema was made, got ${partitions}: leave ?partitions out, or begin another database`,
    );
  return found.partitions;
}

type Run = (sql: string) => Promise<readonly Row[]>;

async function metaOf(run: Run): Promise<Meta | undefined> {
  // Not to_regclass, which may remember from before the wait for the lock that there is none.
  const [there] = await run(
    "select from pg_tables where schemaname = 'fanfold' and tablename = 'meta'",
  );
  if (there === undefined) return undefined;
  const rows = await run("select name, value from fanfold.meta");
  const numbers = new Map(rows.map((row) => [row["name"], row["value"]]));
  const number = (name: string): number => {
    const value = numbers.get(name);
    assert(typeof value === "number", `fanfold.meta says ${name}`);
    return value;
  };
  return {
    schema: number("schema"),
    survivedBy: number("survived by"),
    partitions: number("partitions"),
  };
}

function checkVersion({ schema, survivedBy }: Meta, name: string): void {
  if (survivedBy > migrations.length)
    throw new UsageError(
      `${name} was brought to schema ${schema} by a newer fanfold, and this one knows ${migrations.length} (expected ${survivedBy} or newer): upgrade fanfold`,
      { details: { schema, survivedBy, knows: migrations.length } },
    );
}

async function checkEncoding(run: Run, name: string): Promise<void> {
  const [row] = await run("select current_setting('server_encoding') as encoding");
  if (row?.["encoding"] !== "UTF8")
    throw new UsageError(
      `${name} has encoding ${String(row?.["encoding"])}, expected UTF8: createdb -E UTF8 -T template0 …`,
    );
}

async function migrate(run: Run, found: Meta | undefined, partitions: number): Promise<void> {
  if (found === undefined)
    await run(`
      create schema if not exists fanfold;
      create table fanfold.meta (name text primary key, value integer not null);
      insert into fanfold.meta values ('schema', 0), ('survived by', 0), ('partitions', ${partitions})`);
  for (const { sql } of migrations.slice(found?.schema ?? 0)) await run(sql);
  if (found === undefined)
    for (const table of ["head", "seat", "viewed"])
      await run(
        `insert into fanfold.${table} (partition) select generate_series(0, ${partitions - 1})`,
      );
  const survivedBy = migrations.at(-1)?.survivedBy ?? 0;
  await run(`
    update fanfold.meta set value = ${migrations.length} where name = 'schema' and value < ${migrations.length};
    update fanfold.meta set value = ${survivedBy} where name = 'survived by' and value < ${survivedBy}`);
}
