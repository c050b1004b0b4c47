/** Runs that are started inside the user's own transaction, through each library that has an adapter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drizzle } from "drizzle-orm/node-postgres";
import { sql as drizzleSql } from "drizzle-orm";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import postgres from "postgres";
import { z } from "zod";
import { app, ConflictError, flow, job, UsageError, type App } from "../../src/index.ts";
import { fromDrizzle, fromKysely, fromPostgresJs, type SqlTransaction } from "../../src/pg.ts";
import { atEnd, newDatabase, skip, sql } from "../servers/databases.ts";

const one = job("one", { input: z.object({ n: z.number() }), run: ({ n }) => n });
const order = flow("order", { input: z.object({ cents: z.number() }) }).step(
  "bill",
  ({ input }) => input.cents,
);

async function given(): Promise<{ readonly shop: App; readonly url: string }> {
  const url = await newDatabase();
  await sql(url, "create table orders (id text primary key)");
  const shop = app({ name: "shop", url, parts: [order, one] });
  const stop = new AbortController();
  const working = shop.work({ concurrency: 2, signal: stop.signal });
  atEnd(async () => {
    stop.abort();
    await working;
    await shop.close();
  });
  return { shop, url };
}

/** Runs the body in a transaction, which is rolled back if it throws. */
type InTransaction = (body: (transaction: SqlTransaction) => Promise<void>) => Promise<unknown>;

const libraries: Readonly<Record<string, (url: string) => InTransaction>> = {
  pg(url) {
    const pool = new Pool({ connectionString: url, max: 2 });
    atEnd(() => pool.end());
    return async (body) => {
      const client = await pool.connect();
      try {
        await client.query("begin");
        await body(client);
        await client.query("commit");
      } catch (error) {
        await client.query("rollback");
        throw error;
      } finally {
        client.release();
      }
    };
  },
  "postgres.js"(url) {
    const db = postgres(url, { max: 2 });
    atEnd(() => db.end());
    return (body) => db.begin((transaction) => body(fromPostgresJs(transaction)));
  },
  Drizzle(url) {
    const pool = new Pool({ connectionString: url, max: 2 });
    atEnd(() => pool.end());
    return (body) =>
      drizzle(pool).transaction((transaction) => body(fromDrizzle(transaction, drizzleSql)));
  },
  Kysely(url) {
    const db = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool: new Pool({ connectionString: url, max: 2 }) }),
    });
    atEnd(() => db.destroy());
    return (body) =>
      db.transaction().execute((transaction) => body(fromKysely(transaction, CompiledQuery)));
  },
};

for (const [name, open] of Object.entries(libraries))
  test(
    `${name}: a run started within a transaction begins when it commits, and never when it is rolled back`,
    { skip },
    async () => {
      const { shop, url } = await given();
      const inTransaction = open(url);
      await inTransaction(async (transaction) => {
        await transaction.query("insert into orders values ($1)", ["o-1"]);
        const started = await shop.within(transaction).start(order, { cents: 5 }, { id: "o-1" });
        assert.deepEqual(started, { id: "o-1", created: true });
        await shop.within(transaction).send(one, { n: 3 }, { id: "sent-1" });
        assert.equal(await shop.run("o-1"), undefined);
      });
      await assert.rejects(
        inTransaction(async (transaction) => {
          await shop.within(transaction).start(order, { cents: 6 }, { id: "o-2" });
          throw new Error("the order is refused");
        }),
        /refused/,
      );
      const bill = await shop.start(order, { cents: 5 }, { id: "o-1" });
      assert.equal(await bill.result(), 5);
      assert.equal(await (await shop.send(one, { n: 3 }, { id: "sent-1" })).result(), 3);
      assert.deepEqual(await sql(url, "select count(*)::text as count from fanfold.outbox"), [
        { count: "0" },
      ]);
      assert.equal(await shop.run("o-2"), undefined);
      assert.equal(await (await shop.start(order, { cents: 7 }, { id: "o-2" })).result(), 7);
    },
  );

test(
  "within joins a run that exists with the same input, and refuses another; SQLite has no such transaction",
  { skip },
  async () => {
    const { shop, url } = await given();
    await (await shop.start(order, { cents: 5 }, { id: "o-1" })).result();
    await libraries["pg"]?.(url)(async (transaction) => {
      const within = shop.within(transaction);
      assert.deepEqual(await within.start(order, { cents: 5 }, { id: "o-1" }), {
        id: "o-1",
        created: false,
      });
      await assert.rejects(within.start(order, { cents: 6 }, { id: "o-1" }), ConflictError);
    });
    const file = app({ name: "shop", url: "sqlite::memory:", parts: [order, one] });
    const nothing: SqlTransaction = { query: async () => undefined };
    await assert.rejects(
      file.within(nothing).start(order, { cents: 5 }, { id: "o-1" }),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /sqlite::memory: is none: set FANFOLD_URL=postgres/);
        return true;
      },
    );
    await file.close();
  },
);
