/** What the contract is held against: PostgreSQL, directly or by way of something. */
import { Client } from "pg";
import { type Bench, type Transaction, virtualClock } from "../../src/contract/given.ts";
import { postgresEngine, type PostgresEngineOptions } from "../../src/engines/postgres/engine.ts";
import { sql } from "../servers/databases.ts";

/** An engine whose database has a clock that stands still until it is told to go on; `by`: by which way the engine goes, if not there directly. */
export async function bench(
  url: string,
  partitions: number,
  way: { readonly by?: string } & Partial<PostgresEngineOptions> = {},
): Promise<Bench> {
  const { by = url, ...more } = way;
  const engine = await postgresEngine(by, {
    clock: virtualClock(),
    partitions,
    connections: 4,
    ...more,
  });
  await sql(
    url,
    `create table if not exists public.clock (ms double precision);
     create or replace function fanfold.now_ms() returns double precision language sql volatile as
       'select 1.7e12 + coalesce((select sum(ms) from public.clock), 0)'`,
  );
  return {
    engine,
    advance: async (ms) => void (await sql(url, "insert into public.clock values ($1)", [ms])),
    begin: () => begin(url),
    async reopen() {
      await engine.close();
      return bench(url, partitions, way);
    },
  };
}

async function begin(url: string): Promise<Transaction> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("begin");
  const end = (how: string) => async () => {
    await client.query(how);
    await client.end();
  };
  return {
    query: (text, values) => client.query(text, [...values]),
    commit: end("commit"),
    rollback: end("rollback"),
  };
}
