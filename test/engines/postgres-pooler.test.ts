/** By way of PgBouncer in transaction mode: everything but LISTEN, which goes past it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { engineContract } from "../../src/contract/engine.ts";
import { openEngine } from "../../src/engines/open.ts";
import { app } from "../../src/index.ts";
import { summing } from "../app/parts.ts";
import { atEnd, newDatabase, skip as noServer, sql } from "../servers/databases.ts";
import { poolSize, startPgBouncer, type Pooler } from "../servers/pgbouncer.ts";
import { NoServerError } from "../servers/postgres.ts";
import { until } from "../until.ts";
import { bench } from "./postgres-bench.ts";

let pooler: Pooler | undefined;
let skip = noServer;
if (noServer === false)
  try {
    pooler = await startPgBouncer(await newDatabase());
    atEnd(pooler.stop);
  } catch (error) {
    if (!(error instanceof NoServerError) || process.env["CI"] === "true") throw error;
    skip = error.message;
  }

/** The same database, by way of the pooler. */
function pooled(url: string): URL {
  const by = new URL(pooler?.url ?? url);
  by.pathname = new URL(url).pathname;
  return by;
}

let contractUrl: Promise<string> | undefined;
engineContract(
  (title, body) => test(`by way of PgBouncer: ${title}`, { skip }, body),
  async () => {
    contractUrl ??= newDatabase();
    const url = await contractUrl;
    await sql(url, "drop schema if exists fanfold cascade; drop table if exists clock");
    return bench(url, 3, { by: pooled(url).href, prepare: false, listenUrl: url });
  },
);

test(
  "two processes' worth of clients on fewer connections than they have: a run of 2,000 is folded once each",
  { skip },
  async () => {
    const url = await newDatabase();
    const by = pooled(url);
    by.searchParams.set("prepare", "false");
    by.searchParams.set("listen", url);
    const { sums, parts } = summing((n) => n, 2_000);
    const first = app({ name: "pooled", url: by.href, parts });
    const second = app({ name: "pooled", url: by.href, parts });
    const stop = new AbortController();
    const working = [first, second].map((one) => one.work({ signal: stop.signal }));
    const run = await first.start(sums, {}, { id: "r" });
    assert.deepEqual((await run.result()).value, { sum: 1_999_000, count: 2_000 });
    const [row] = await sql(
      url,
      `select count(*)::integer as count from pg_stat_activity
       where datname = current_database() and application_name = 'fanfold' and query not ilike 'listen%' and query <> 'select'`,
    );
    assert.ok(Number(row?.["count"]) <= poolSize, `${String(row?.["count"])} connections`);
    stop.abort();
    await Promise.all(working);
    await Promise.all([first.close(), second.close()]);
  },
);

test(
  "news goes past the pooler where `listen` names the database, and nothing fails where it does not",
  { skip },
  async () => {
    const url = await newDatabase();
    const past = pooled(url);
    past.searchParams.set("prepare", "false");
    const deaf = past.href;
    past.searchParams.set("listen", url);
    const [near, far, alone] = await Promise.all(
      [url, past.href, deaf].map((one) => openEngine(one)),
    );
    assert.ok(near && far && alone);
    let heard = 0;
    far.onHint((hint, partition) => {
      if (hint === "log" && partition === 1) heard += 1;
    });
    alone.onHint(() => undefined);
    await until(async () => {
      await near.log.append(1, ["ring"]);
      return heard > 0;
    });
    const end = await near.log.end(1);
    assert.equal(await alone.log.append(1, ["there all the same"]), end);
    for (const engine of [near, far, alone]) await engine.close();
  },
);
