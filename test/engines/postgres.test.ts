import { test } from "node:test";
import { Client } from "pg";
import { engineContract } from "../../src/contract/engine.ts";
import { type Bench, type Transaction, virtualClock } from "../../src/contract/given.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";

/** An engine whose database has a clock that stands still until it is told to go on. */
async function bench(url: string, partitions: number): Promise<Bench> {
  const engine = await postgresEngine(url, {
    clock: virtualClock(),
    partitions,
    connections: 4,
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
      return bench(url, partitions);
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

for (const partitions of [1, 3]) {
  let url: Promise<string> | undefined;
  engineContract(
    (title, body) => test(title, { skip }, body),
    async () => {
      url ??= newDatabase();
      await sql(await url, "drop schema if exists fanfold cascade; drop table if exists clock");
      return bench(await url, partitions);
    },
  );
}
