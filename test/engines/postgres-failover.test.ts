/** What a server that came back without its last commits, or an answer that got lost, leaves behind: one piece at a time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { givenTask } from "../../src/contract/given.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import { ConflictError, UnavailableError } from "../../src/errors.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { atEnd, newDatabase, skip, sql } from "../servers/databases.ts";
import { startPostgres, whyNoCopy } from "../servers/postgres.ts";
import { until } from "../until.ts";

const clock = systemClock();
const queues = ["default"];

async function open(url: string): Promise<Engine> {
  const engine = await postgresEngine(url, { clock, connections: 2, partitions: 1 });
  atEnd(engine.close);
  return engine;
}

/** A task that ann has taken, and another one that is free. */
async function oneHeld() {
  const url = await newDatabase();
  const { queue } = await open(url);
  await queue.put([givenTask("held")]);
  const [held] = await queue.take("ann", queues, 10, 60_000);
  assert.equal(held?.task.run, "held");
  await queue.put([givenTask("unknown")]);
  return { url, queue, held };
}

/** What is free is ann's, as the table says, who does not know of it. */
async function takeUnheard(url: string): Promise<void> {
  await sql(
    url,
    "update fanfold.task set worker = 'ann', deliveries = 1, handouts = 1 where worker is null",
  );
}

test(
  "what the table says a worker holds, and it does not know of, is free at its next sign of life, as if it had never been handed out",
  { skip },
  async () => {
    const { url, queue, held } = await oneHeld();
    await takeUnheard(url);
    assert.deepEqual(await queue.take("bob", queues, 10, 60_000), []);

    assert.equal(await queue.extend("ann", 60_000), true);
    const free = await queue.take("bob", queues, 10, 60_000);
    assert.deepEqual(
      free.map(({ task, delivery }) => [task.run, delivery]),
      [["unknown", 1]],
    );
    assert.equal(await queue.ack("ann", [held]), 1);
  },
);

test(
  "a take whose answer was lost: what the table says it took is free at the next take already",
  { skip },
  async () => {
    const { url, queue, held } = await oneHeld();
    const { Client } = await import("pg");
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query("begin; select from fanfold.session where worker = 'ann' for update");
    const lost = assert.rejects(queue.take("ann", queues, 10, 60_000), UnavailableError);
    const blocked = "select pid from pg_stat_activity where wait_event_type = 'Lock'";
    const [row] = await until(async () => {
      const rows = await sql(url, `${blocked} and datname = current_database()`);
      return rows.length === 1 ? rows : false;
    });
    await sql(url, `select pg_terminate_backend(${String(row?.["pid"])})`);
    await lost;
    await other.query("rollback");
    await other.end();
    // It might as well have gone through.
    await takeUnheard(url);

    const taken = await queue.take("ann", queues, 10, 60_000);
    assert.deepEqual(
      taken.map(({ task, delivery }) => [task.run, delivery]),
      [["unknown", 1]],
    );
    assert.ok(held);
    assert.equal(await queue.ack("ann", [held, ...taken]), 2);
  },
);

test(
  "takes and signs of life at once: nothing that is on its way to a worker is taken from it",
  { skip },
  async () => {
    const { queue } = await open(await newDatabase());
    await queue.put(Array.from({ length: 60 }, (_, n) => givenTask(`r${n}`)));
    const taken = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        if (n % 2 === 1) await queue.extend("ann", 60_000);
        return queue.take("ann", queues, 1, 60_000);
      }),
    );
    await queue.extend("ann", 60_000);
    const leases = taken.flat();
    assert.equal(leases.length, 60);
    assert.equal(await queue.ack("ann", leases), 60);
  },
);

test(
  "an epoch that a lost claim had is not given again: whoever still believes in it is fenced, at the very same offset",
  { skip },
  async () => {
    const url = await newDatabase();
    const [first, second] = [await open(url), await open(url)];
    const lost = await first.store.claim(0, "ann", 60_000);
    assert.ok(lost);
    // The seat as it was before.
    await sql(url, `update fanfold.seat set epoch = 0, holder = null, until = 0, "offset" = 0`);
    const bob = await second.store.claim(0, "bob", 60_000);
    assert.ok(bob);
    assert.equal(bob.offset, lost.offset);
    const commit = { to: 0, puts: [], events: ["e"], tasks: [], wakeAt: undefined };
    await assert.rejects(first.store.commit(lost, commit), ConflictError);
    await second.store.commit(bob, commit);
    assert.equal(await second.log.end(0), 1);
  },
);

const plenty = { records: 100, bytes: 1_000_000 };

test(
  "C79 who has read of a log that a failover took back is refused whatever he makes of it, also where the log has grown past that again",
  { skip: skip === false ? (whyNoCopy() ?? false) : skip },
  async () => {
    const server = await startPostgres();
    try {
      const { log, store, views } = await open(server.url);
      await log.append(0, ["a"]);
      const failOver = await server.copy();
      await log.append(0, ["lost"]);
      const past = await log.past(0);
      assert.equal((await log.read(0, 0, { ...plenty, past })).length, 2);

      await failOver();
      const now = await until(() => log.past(0).catch(() => undefined));
      assert.notEqual(now, past);
      await log.append(0, ["b", "c"]);
      for (const refused of [
        () => log.read(0, 2, { ...plenty, past }),
        () => log.trim(0, 2, past),
        () => store.keep(0, "tell", { from: undefined, to: 2, past, puts: [] }),
        () => views.apply(0, { from: 0, to: 2, past, rows: [] }),
      ])
        await assert.rejects(refused, (error) => {
          assert.ok(error instanceof ConflictError);
          assert.match(error.message, /has another past than what was read of it/);
          return true;
        });
      const left = await log.read(0, 0, { ...plenty, past: now });
      assert.deepEqual(
        left.map(({ text }) => text),
        ["a", "b", "c"],
      );
      await store.keep(0, "tell", { from: undefined, to: 1, past: now, puts: [] });
      await views.apply(0, { from: 0, to: 1, past: now, rows: [] });
      await log.trim(0, 1, now);

      await server.restart();
      const later = await until(() => log.past(0).catch(() => undefined));
      assert.notEqual(later, now);
      await assert.rejects(
        store.keep(0, "tell", { from: 1, to: 2, past: now, puts: [] }),
        ConflictError,
      );
    } finally {
      await server.stop();
    }
  },
);

test(
  "a database that is put back into a server that goes on has another past, from a dump or from a copy beside it",
  { skip },
  async () => {
    const url = await newDatabase();
    const before = await postgresEngine(url, { clock, connections: 1, partitions: 1 });
    const past = await before.log.past(0);
    await before.close();
    assert.equal(await pastOf(url), past);
    const name = new URL(url).pathname.slice(1);
    const other = new URL(await newDatabase());
    await sql(other.href, `create database "${name} copy" template "${name}"`);
    const copy = new URL(url);
    copy.pathname = `/${name} copy`;
    const copied = await pastOf(copy.href);
    await sql(other.href, `drop database "${name} copy"`);
    await sql(url, "drop schema fanfold cascade");
    const restored = await pastOf(url);
    assert.equal(new Set([past, copied, restored]).size, 3);
  },
);

async function pastOf(url: string): Promise<string> {
  const engine = await postgresEngine(url, { clock, connections: 1, partitions: 1 });
  const past = await engine.log.past(0);
  await engine.close();
  return past;
}
