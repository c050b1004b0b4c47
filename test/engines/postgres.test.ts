import { test } from "node:test";
import { engineContract } from "../../src/contract/engine.ts";
import { type Bench, virtualClock } from "../../src/contract/given.ts";
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
    async reopen() {
      await engine.close();
      return bench(url, partitions);
    },
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
