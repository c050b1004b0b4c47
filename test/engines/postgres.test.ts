import assert from "node:assert/strict";
import { test } from "node:test";
import { engineContract } from "../../src/contract/engine.ts";
import { givenTask, virtualClock } from "../../src/contract/given.ts";
import { postgresEngine } from "../../src/engines/postgres/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { newDatabase, skip, sql } from "../servers/databases.ts";
import { until } from "../until.ts";
import { bench } from "./postgres-bench.ts";

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

test("what is trimmed leaves the table, however much it is", { skip }, async () => {
  const url = await newDatabase();
  const { log, close } = await postgresEngine(url, { clock: virtualClock(), partitions: 1 });
  await log.append(0, Array<string>(12_001).fill("x"));
  await log.trim(0, 12_000, await log.past(0));
  const left = await sql(url, `select "offset"::integer as at from fanfold.log`);
  assert.deepEqual(left, [{ at: 12_000 }]);
  await close();
});

test("an append that is longer than what travels together travels alone", { skip }, async () => {
  const url = await newDatabase();
  const { log, close } = await postgresEngine(url, { clock: virtualClock(), partitions: 1 });
  const texts = ["a", "x".repeat(9_000_000), "y".repeat(9_000_000), "b"];
  const appended = texts.map((text) => log.append(0, [text]));
  assert.deepEqual(await Promise.all(appended), [0, 1, 2, 3]);
  const lengths = 'select octet_length(record) as length from fanfold.log order by "offset"';
  assert.deepEqual(
    (await sql(url, lengths)).map(({ length }) => length),
    texts.map(({ length }) => length),
  );
  await close();
});

test("take and ack do not wait for the disk; appends do", { skip }, async () => {
  const url = await newDatabase();
  const engine = await postgresEngine(url, { clock: virtualClock() });
  /** Whether the server synced something meanwhile: for this, or for somebody else. */
  async function synced(body: () => Promise<unknown>): Promise<boolean> {
    const flushed = async () =>
      (await sql(url, "select pg_current_wal_flush_lsn() as at"))[0]?.["at"];
    const before = await flushed();
    await body();
    return before !== (await flushed());
  }
  await engine.queue.put([givenTask("r")]);
  await until(
    () => synced(() => engine.queue.take("w", ["default"], 1, 60_000)).then((was) => !was),
    {
      what: "a take that is not synced",
    },
  );
  await until(
    async () => {
      await engine.queue.put([givenTask("r")]);
      const leases = await engine.queue.take("w", ["default"], 1, 60_000);
      return !(await synced(() => engine.queue.ack("w", leases)));
    },
    { what: "an ack that is not synced" },
  );
  for (let n = 0; n < 10; n += 1)
    assert.equal(await synced(() => engine.log.append(0, [`{"type":"x","n":${n}}`])), true);
  await engine.close();
});

test(
  "what is new in a partition is said to others, except by the process that serves it",
  { skip },
  async () => {
    const url = await newDatabase();
    const open = () => postgresEngine(url, { clock: systemClock(), partitions: 2 });
    const [serving, other] = [await open(), await open()];
    const heard = { serving: new Set<unknown>(), other: new Set<unknown>() };
    for (const [name, engine] of [["serving", serving] as const, ["other", other] as const])
      engine.onHint((hint, partition) => {
        if (hint === "log" && partition !== undefined) heard[name].add(partition);
      });
    const claim = await serving.store.claim(0, "ann", 60_000);
    assert.ok(claim);
    // The second is rung for: so whoever listens has heard the first, had it been said.
    const both = async (from: Engine) => {
      await from.log.append(0, ["{}"]);
      await from.log.append(1, ["{}"]);
    };
    await until(() => both(serving).then(() => heard.other.has(1)), { what: "the other hears" });
    assert.equal(heard.other.has(0), false);

    heard.serving.clear();
    await until(() => both(other).then(() => heard.serving.has(0)), { what: "who serves hears" });

    await serving.store.resign(claim, "ann");
    await until(() => both(serving).then(() => heard.other.has(0)), { what: "it serves no more" });
    for (const engine of [serving, other]) await engine.close();
  },
);
