/** What retention removes makes room on the disk: the same work again and again takes no more than the first time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { encode } from "../../src/core/event.ts";
import { partitionOf } from "../../src/core/ids.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import { app, flow, job, type App, type Flow } from "../../src/index.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";
import { until } from "../until.ts";

const partitions = 2;
const runs = 30;
const subJobs = 150;
/** What the indexes take to find their size: a page that is emptied is used again only after the next vacuum. */
const slack = 1.25;

const add = job("add", {
  input: z.object({ n: z.number() }),
  run: ({ n }) => `${n}`.padEnd(400, "."),
});
const all = flow("all", { input: z.object({}), retention: "1ms" }).fanOut("add", add, {
  over: () => Array.from({ length: subJobs }, (_, n) => ({ n })),
  key: ({ n }) => `k${n}`,
});

const opened = (url: string): { readonly app: App; readonly all: Flow<"all", object> } => ({
  app: app({ name: "room", parts: [add, all], url: `${url}?partitions=${partitions}` }),
  all,
});

async function work(url: string, round: number): Promise<void> {
  const { app: room, all: of } = opened(url);
  const stop = new AbortController();
  const working = room.work({ concurrency: 50, signal: stop.signal });
  const ids = Array.from({ length: runs }, (_, n) => `round-${round}-${n}`);
  const started = await Promise.all(ids.map((id) => room.start(of, {}, { id })));
  await Promise.all(started.map((run) => run.result({ timeout: "60s" })));
  stop.abort();
  await working;
  await room.close();
}

/** As retention does it when a run's time is over, which is a minute at least. */
async function remove(url: string): Promise<void> {
  const engine = await postgresEngine(url, { clock: systemClock() });
  const ends = await Promise.all([0, 1].map((partition) => engine.log.end(partition)));
  const first = opened(url).app;
  for (const { run, flow: of } of await until(() => listed(first)))
    await engine.log.append(partitionOf(run, partitions), [
      encode({ type: "run.expired", run, flow: of, retentionMs: 0 }),
    ]);
  await until(async () => (await engine.views.runs({ limit: 1 })).length === 0, {
    withinMs: 60_000,
    what: "all runs are removed",
  });
  await first.close();
  const second = opened(url).app; // Who opens it looks at once what may be trimmed.
  await second.runs();
  await until(
    async () => {
      const heads = await sql(
        url,
        `select trimmed::integer as trimmed from fanfold.head order by partition`,
      );
      return heads.every(({ trimmed }, n) => Number(trimmed) > (ends[n] ?? 0) / 2);
    },
    { withinMs: 60_000, what: "the log is trimmed" },
  );
  await second.close();
  await engine.close();
}

async function listed(room: App) {
  const rows = await room.runs({ limit: 1_000 });
  return rows.length === runs && rows;
}

async function bytesOf(url: string): Promise<number> {
  const [row] = await sql(
    url,
    `select sum(pg_total_relation_size(oid))::integer as bytes
     from pg_class where relkind = 'r' and relnamespace = 'fanfold'::regnamespace`,
  );
  return Number(row?.["bytes"]);
}

test(
  "the same work four times over, removed and swept up each time, takes no more room than the first two",
  { skip },
  async (t) => {
    const url = await newDatabase();
    const sizes: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      await work(url, round);
      sizes.push(await bytesOf(url));
      await remove(url);
      await sql(url, "vacuum");
    }
    t.diagnostic(sizes.map((bytes) => `${Math.round(bytes / 1024)} KB`).join(", "));
    const [first = 0, second = 0, ...later] = sizes;
    assert.ok(first > 1_000_000, `${first} bytes`);
    for (const bytes of later) assert.ok(bytes < slack * Math.max(first, second), sizes.join());
  },
);
