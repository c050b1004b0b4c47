/** Every engine's log passes this: L1–L7 of ports/log.ts. */
import assert from "node:assert/strict";
import { ConflictError, NotFoundError } from "../errors.ts";
import type { Log } from "../ports/log.ts";
import { type Open, type Test, withBench } from "./given.ts";

const plenty = { records: 1_000, bytes: 1_000_000 };

export function logContract(test: Test, open: Open): void {
  const promise = withBench(test, open);

  promise("L1 offsets are 0, 1, 2, … in the order of append (C71)", async ({ engine: { log } }) => {
    assert.equal(await log.end(0), 0);
    assert.equal(await log.append(0, ["a"]), 0);
    assert.equal(await log.append(0, ["b", "c"]), 1);
    assert.equal(await log.append(0, ["d"]), 3);
    assert.equal(await log.end(0), 4);
    assert.deepEqual(await offsets(log), [0, 1, 2, 3]);
    assert.deepEqual(await texts(log), ["a", "b", "c", "d"]);
  });

  promise("L1 records of appends at the same time stand together", async ({ engine: { log } }) => {
    const appends = Array.from({ length: 20 }, (_, index) => [`${index}a`, `${index}b`]);
    const first = await Promise.all(appends.map((pair) => log.append(0, pair)));
    const all = await texts(log);
    assert.equal(all.length, 40);
    appends.forEach((pair, index) => {
      const from = first[index] ?? 0;
      assert.deepEqual(all.slice(from, from + 2), pair);
    });
  });

  promise("L1 an append of nothing takes no offset", async ({ engine: { log } }) => {
    await log.append(0, ["a"]);
    await log.append(0, []);
    assert.equal(await log.append(0, ["b"]), 1);
  });

  promise("L1 each partition counts for itself", async ({ engine }) => {
    const { log, partitions } = engine;
    for (let partition = 0; partition < partitions; partition += 1)
      assert.equal(await log.append(partition, [`in ${partition}`]), 0);
    for (let partition = 0; partition < partitions; partition += 1)
      assert.deepEqual(await texts(log, 0, partition), [`in ${partition}`]);
  });

  promise("L1 a partition that does not exist is refused", async ({ engine }) => {
    for (const partition of [-1, 0.5, engine.partitions])
      await assert.rejects(engine.log.append(partition, ["a"]), /partition/);
  });

  promise("L2 what was appended is there after reopening", async (bench) => {
    if (bench.reopen === undefined) return;
    const strange = ["", "a\nb", 'quotes " and \u0000 nul', "ünïcödé 🎈", "x".repeat(100_000)];
    await bench.engine.log.append(0, strange);
    const { engine } = await bench.reopen();
    assert.deepEqual(await texts(engine.log), strange);
    assert.equal(await engine.log.append(0, ["next"]), strange.length);
    await engine.close();
  });

  promise("L3 at is whole and never falls (C56)", async ({ engine: { log }, advance }) => {
    await log.append(0, ["a"]);
    await advance(0.4);
    await log.append(0, ["b"]);
    await advance(1_000);
    await log.append(0, ["c", "d"]);
    const at = (await log.read(0, 0, plenty)).map((entry) => entry.at);
    assert.ok(at.every(Number.isInteger), `${at.join()} are whole`);
    assert.deepEqual(
      at,
      at.toSorted((left, right) => left - right),
    );
    const [first = 0, , third = 0] = at;
    assert.ok(third - first >= 1_000, `${third} is a second after ${first}`);
  });

  promise("L4 read returns from `from` on, at most max.records", async ({ engine: { log } }) => {
    await log.append(0, ["a", "b", "c", "d"]);
    const some = await log.read(0, 1, { records: 2, bytes: 1_000 });
    assert.deepEqual(
      some.map(({ offset, text }) => [offset, text]),
      [
        [1, "b"],
        [2, "c"],
      ],
    );
  });

  promise("L4 read stops near max.bytes", async ({ engine: { log } }) => {
    await log.append(0, ["aaaa", "bbbb", "cccc", "dddd"]);
    const some = await log.read(0, 0, { records: 100, bytes: 9 });
    assert.ok(some.length === 2 || some.length === 3, `${some.length} records for 9 bytes`);
    assert.deepEqual(
      some.map(({ offset }) => offset),
      [0, 1, 2].slice(0, some.length),
    );
  });

  promise("L4 read returns one record however large it is", async ({ engine: { log } }) => {
    await log.append(0, ["long enough", "b"]);
    const [only, ...more] = await log.read(0, 0, { records: 100, bytes: 1 });
    assert.equal(only?.text, "long enough");
    assert.equal(more.length, 0);
  });

  promise("L4 read at the end returns nothing", async ({ engine: { log } }) => {
    assert.deepEqual(await log.read(0, 0, plenty), []);
    await log.append(0, ["a"]);
    assert.deepEqual(await log.read(0, 1, plenty), []);
  });

  promise("L4 reading in pages sees every record once", async ({ engine: { log } }) => {
    const written = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (const text of written) await log.append(0, [text]);
    const read: string[] = [];
    while (read.length < written.length) {
      const page = await log.read(0, read.length, { records: 7, bytes: 1_000 });
      assert.ok(page.length > 0, `a page at ${read.length}`);
      read.push(...page.map(({ text }) => text));
    }
    assert.deepEqual(read, written);
  });

  promise("L5 a record is read only when it is durable (C70)", async (bench) => {
    const { log, store } = bench.engine;
    let appended = false;
    const append = log.append(0, ["a"]).then(() => {
      appended = true;
    });
    const early = await log.read(0, 0, plenty);
    assert.ok(early.length === 0 || appended, "what was read had been appended");
    await append;
    assert.deepEqual(await texts(log), ["a"]);
    const claim = await store.claim(0, "manager", 5_000);
    assert.ok(claim);
    const commit = store.commit(claim, {
      to: 1,
      puts: [],
      events: ["b"],
      tasks: [],
      wakeAt: undefined,
    });
    const during = await log.read(0, 1, plenty);
    const { offset } = await store.position(0);
    assert.ok(
      during.length === 0 || offset === 1,
      "who reads an event finds the state that goes with it",
    );
    await commit;
    if (bench.reopen === undefined) return;
    const { engine } = await bench.reopen();
    assert.deepEqual(await texts(engine.log), ["a", "b"]);
    assert.equal((await engine.store.position(0)).offset, 1);
    await engine.close();
  });

  promise("L6 reading before trim throws, from there on it reads", async ({ engine: { log } }) => {
    await log.append(0, ["a", "b", "c"]);
    await log.trim(0, 2, await log.past(0));
    await assert.rejects(log.read(0, 1, plenty), NotFoundError);
    assert.deepEqual(await texts(log, 2), ["c"]);
    await log.trim(0, 1, await log.past(0));
    await assert.rejects(log.read(0, 1, plenty), NotFoundError);
  });

  promise("L6 offsets are never used again, not after trimming everything", async (bench) => {
    const { log } = bench.engine;
    await log.append(0, ["a", "b"]);
    await log.trim(0, 2, await log.past(0));
    assert.equal(await log.end(0), 2);
    assert.deepEqual(await log.read(0, 2, plenty), []);
    if (bench.reopen === undefined) {
      assert.equal(await log.append(0, ["c"]), 2);
      return;
    }
    const { engine } = await bench.reopen();
    await assert.rejects(engine.log.read(0, 1, plenty), NotFoundError);
    assert.equal(await engine.log.append(0, ["c"]), 2);
    await engine.close();
  });

  promise("L7 who names the past that the log has, reads and trims it", async ({ engine }) => {
    const { log, partitions } = engine;
    const past = await log.past(0);
    await log.append(0, ["a", "b"]);
    assert.equal(await log.past(0), past);
    const read = await log.read(0, 0, { ...plenty, past });
    assert.deepEqual(
      read.map(({ text }) => text),
      ["a", "b"],
    );
    await log.trim(0, 1, past);
    await assert.rejects(log.past(partitions), /partition/);
  });

  promise("L7 of another past nothing is read, and nothing is trimmed", async ({ engine }) => {
    const { log } = engine;
    await log.append(0, ["a", "b"]);
    for (const from of [0, 2, 9]) {
      const read = log.read(0, from, { ...plenty, past: "another" });
      await assert.rejects(read, ConflictError, `from ${from}`);
    }
    await assert.rejects(log.trim(0, 1, "another"), ConflictError);
    assert.deepEqual(await texts(log), ["a", "b"]);
  });
}

async function texts(log: Log, from = 0, partition = 0): Promise<readonly string[]> {
  return (await log.read(partition, from, plenty)).map(({ text }) => text);
}

async function offsets(log: Log): Promise<readonly number[]> {
  return (await log.read(0, 0, plenty)).map(({ offset }) => offset);
}
