import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { engineContract } from "../../src/contract/engine.ts";
import { type Bench, givenTask, virtualClock } from "../../src/contract/given.ts";
import { sqliteEngine } from "../../src/engines/sqlite/engine.ts";
import { inMemory, openFile } from "../../src/engines/sqlite/file.ts";
import { readOnlySqlite } from "../../src/engines/sqlite/read-only.ts";
import type { Entry } from "../../src/core/event.ts";
import { systemClock } from "../../src/engines/system.ts";
import { ConflictError, UnavailableError, UsageError } from "../../src/errors.ts";
import type { Hint } from "../../src/ports/engine.ts";
import type { RunRow } from "../../src/ports/views.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-sqlite-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(folder, `${files}`, "dev.db");
}

type Given = { path?: string; partitions?: number; tailBytes?: number; start?: number };

function bench({ path = newPath(), partitions = 1, start, ...more }: Given = {}): Bench {
  const clock = virtualClock(start);
  const file = openFile(path, { name: "test", since: clock.now(), partitions });
  const onFatal = (error: Error): never => assert.fail(error);
  const engine = sqliteEngine(file, { clock, onFatal, ...more });
  const reopen = async (): Promise<Bench> => {
    await engine.close();
    return bench({ path, partitions, start: clock.now(), ...more });
  };
  return { engine, advance: clock.advance, ...(path === inMemory ? {} : { reopen }) };
}

engineContract(test, async () => bench());
// A tail of three characters: nearly everything is read from the tables.
engineContract(test, async () => bench({ path: inMemory, partitions: 3, tailBytes: 3 }));

const plenty = { records: 1_000_000, bytes: 1_000_000_000 };

test("an append resolves after its commit only; who may look ahead is hinted at before, all others after", async () => {
  const path = newPath();
  const { engine } = bench({ path });
  const other = readOnlySqlite(path);
  const heard: [Hint, number][] = [];
  engine.onHint((hint) => {
    void other.log.end(0).then((end) => heard.push([hint, end]));
  });
  const append = engine.log.append(0, ["a", "b"]);
  assert.equal(await engine.log.end(0), 2);
  assert.equal(await other.log.end(0), 0);
  assert.deepEqual(await engine.log.read(0, 0, plenty), []);
  const ahead = await engine.log.read(0, 0, { ...plenty, ahead: true });
  assert.deepEqual(
    ahead.map(({ text }) => text),
    ["a", "b"],
  );
  await append;
  assert.equal(await other.log.end(0), 2);
  assert.deepEqual(heard, [
    ["log", 0],
    ["log", 2],
  ]);
  await other.close();
  await engine.close();
});

test("everything of one turn is one transaction, in the order it came", async () => {
  const path = newPath();
  const { engine } = bench({ path });
  const other = readOnlySqlite(path);
  const seen: number[] = [];
  await Promise.all(
    ["a", "b", "c"].map(async (text) => {
      await engine.log.append(0, [text]);
      seen.push(await other.log.end(0));
    }),
  );
  assert.deepEqual(seen, [3, 3, 3]);
  await other.close();
  await engine.close();
});

test("rows of the list go with the next transaction: no sync is theirs while there are others", async () => {
  const { engine } = bench();
  const row = (run: string): RunRow => ({
    run,
    flow: "f",
    state: "running",
    priority: "normal",
    startedAt: 1,
    tags: {},
  });
  // What comes right after them may come too late all the same, where the machine stood still for long: then once more.
  const past = await engine.log.past(0);
  let isCompany = false;
  let at = 0;
  for (; !isCompany && at < 200; at += 1) {
    const applied = engine.views.apply(0, { from: at, to: at + 1, past, rows: [row(`${at}`)] });
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    isCompany = (await engine.views.run(`${at}`)) === undefined;
    await engine.log.append(0, ["a"]);
    assert.deepEqual(await engine.views.run(`${at}`), row(`${at}`));
    await applied;
  }
  assert.ok(isCompany, "they went alone, each time");
  // Where nothing else comes, they do go alone.
  await engine.views.apply(0, { from: at, to: at + 1, past, rows: [row("alone")] });
  assert.deepEqual(await engine.views.run("alone"), row("alone"));
  await engine.close();
});

test("a commit's tasks are in the queue in the turn it is durable, not before", async () => {
  const { engine } = bench();
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  const tasks = [givenTask("r")];
  const commit = engine.store.commit(claim, {
    to: 0,
    puts: [],
    events: [],
    tasks,
    wakeAt: undefined,
  });
  assert.deepEqual(await engine.queue.take("w", ["default"], 1, 1_000), []);
  await commit;
  assert.equal((await engine.queue.take("w", ["default"], 1, 1_000)).length, 1);
  await engine.close();
});

test("close writes what is pending", async () => {
  const path = newPath();
  const { engine } = bench({ path });
  const append = engine.log.append(0, ["a"]);
  await engine.close();
  assert.equal(await append, 0);
  const again = bench({ path });
  assert.equal(await again.engine.log.end(0), 1);
  await again.engine.close();
});

test("what the tail says and what the disk says is the same", async () => {
  const texts = fc.array(fc.string({ unit: "binary", maxLength: 20 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(texts, { maxLength: 12 }),
      fc.nat({ max: 200 }),
      fc.nat({ max: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 100 }),
      async (appends, tailBytes, start, records, bytes) => {
        const { engine } = bench({ path: inMemory, tailBytes });
        const whole = bench({ path: inMemory });
        for (const append of appends)
          for (const { log } of [engine, whole.engine]) await log.append(0, append);
        const end = await engine.log.end(0);
        const from = Math.min(start, end);
        const expected = await whole.engine.log.read(0, from, plenty);
        const page = await engine.log.read(0, from, { records, bytes });
        assert.deepEqual(page, expected.slice(0, page.length));
        assert.ok(page.length <= records && (page.length > 0 || from === end));
        const read = [...page];
        while (from + read.length < end)
          read.push(...(await engine.log.read(0, from + read.length, { records, bytes })));
        assert.deepEqual(read, expected);
        await Promise.all([engine.close(), whole.engine.close()]);
      },
    ),
    { numRuns: 60 },
  );
});

test("a record that is not on the disk yet is neither shown nor dropped from the tail", async () => {
  const { engine } = bench({ tailBytes: 1 });
  let late: Promise<number> | undefined;
  let seen: Promise<readonly Entry[]> | undefined;
  const stop = engine.onHint(() => {
    if (late === undefined) late = engine.log.append(0, ["late"]);
    else seen ??= engine.log.read(0, 2, plenty);
  });
  await Promise.all([engine.log.append(0, ["a"]), engine.log.append(0, ["b"])]);
  stop();
  assert.deepEqual(await seen, []);
  await late;
  const page = await engine.log.read(0, 2, plenty);
  assert.deepEqual(
    page.map(({ text }) => text),
    ["late"],
  );
  await engine.close();
});

test("C56 reopening keeps offsets and at going up, with the clock set back an hour", async () => {
  const path = newPath();
  const hour = 3_600_000;
  const start = Date.UTC(2026, 5, 1, 12);
  const first = bench({ path, start });
  await first.engine.log.append(0, ["a", "b"]);
  await first.engine.close();

  const virtual = bench({ path, start: start - hour });
  await virtual.engine.log.append(0, ["c"]);
  await virtual.engine.close();

  let steady = 0;
  const clock = systemClock({ wall: () => start - hour + steady, steady: () => steady });
  const file = openFile(path, { name: "test", since: 0 });
  const slewing = sqliteEngine(file, { clock, onFatal: (error) => assert.fail(error) });
  steady = 10;
  await slewing.log.append(0, ["d"]);
  const entries = await slewing.log.read(0, 0, plenty);
  assert.deepEqual(
    entries.map(({ offset, at }) => [offset, at - start]),
    [
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 5], // Time goes on, at half speed.
    ],
  );
  await slewing.close();
});

test("C64 trimming gives the space back", async () => {
  const { engine, reopen } = bench();
  for (let time = 0; time < 20; time += 1)
    await engine.log.append(
      0,
      Array.from({ length: 100 }, () => "x".repeat(1_000)),
    );
  await engine.log.trim(0, 1_999, await engine.log.past(0));
  assert.ok(reopen);
  const again = await reopen();
  const [entry, ...more] = await again.engine.log.read(0, 1_999, plenty);
  assert.equal(entry?.offset, 1_999);
  assert.equal(more.length, 0);
  await again.engine.close();
});

test("a full disk ends the engine: what is pending rejects, nothing is tried again", async () => {
  const path = newPath();
  const file = openFile(path, { name: "test", since: 0 });
  const fatal: Error[] = [];
  const clock = virtualClock();
  const engine = sqliteEngine(file, { clock, onFatal: (error) => fatal.push(error) });
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  await engine.log.append(0, ["kept"]);
  const past = await engine.log.past(0);
  file.db.exec("pragma max_page_count = 40");
  const large = "x".repeat(1_000_000);
  const commit = { to: 1, puts: [], events: [large], tasks: [givenTask("r")], wakeAt: 1 };
  const pending = await Promise.allSettled([
    engine.log.append(0, ["small"]),
    engine.store.commit(claim, commit),
    engine.views.apply(0, { from: 0, to: 1, past, rows: [] }),
  ]);
  for (const end of pending) {
    assert.equal(end.status, "rejected");
    assert.ok(end.reason instanceof UnavailableError);
    assert.match(
      end.reason.message,
      /cannot be written \(.*full\): make room, and start this again/,
    );
  }
  assert.equal(fatal.length, 1);
  file.db.exec("pragma max_page_count = 1000000");
  await assert.rejects(engine.log.append(0, ["after"]), UnavailableError);
  await assert.rejects(engine.store.position(0), UnavailableError);
  await assert.rejects(engine.queue.take("w", ["default"], 1, 1_000), UnavailableError);
  await assert.rejects(engine.views.checkpoint(0), UnavailableError);
  assert.equal(fatal.length, 1);
  await engine.close();

  const again = bench({ path });
  const texts = (await again.engine.log.read(0, 0, plenty)).map(({ text }) => text);
  assert.deepEqual(texts, ["kept"]);
  assert.equal((await again.engine.store.position(0)).offset, 0);
  await again.engine.close();
});

test("a reader beside the owner sees what is committed, and writes nothing", async () => {
  const path = newPath();
  const { engine } = bench({ path });
  await engine.log.append(0, ["a", "b"]);
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  const puts = [["k", "v"]] as const;
  await engine.store.commit(claim, { to: 1, puts, events: ["c"], tasks: [], wakeAt: 5 });
  await engine.log.trim(0, 1, await engine.log.past(0));

  const reader = readOnlySqlite(path);
  assert.equal(reader.manages, false);
  assert.deepEqual(await reader.log.read(0, 1, plenty), await engine.log.read(0, 1, plenty));
  assert.deepEqual(await reader.log.read(0, 3, plenty), []);
  await assert.rejects(reader.log.read(0, 0, plenty), /trimmed/);
  assert.deepEqual(await reader.store.load(0, ["k", "l"]), ["v", undefined]);
  assert.deepEqual(await reader.store.scan(0, "", 9), [["k", "v"]]);
  assert.deepEqual(await reader.store.position(0), { offset: 1, wakeAt: 5 });
  assert.equal(await reader.views.checkpoint(0), 0);
  assert.deepEqual(await reader.views.runs({ limit: 5 }), []);
  for (const write of [
    reader.log.append(0, ["x"]),
    reader.store.claim(0, "bob", 1),
    reader.queue.put([]),
    reader.views.apply(0, { from: 0, to: 1, past: "", rows: [] }),
  ])
    await assert.rejects(write, UsageError);

  await engine.close();
  assert.equal(await reader.log.end(0), 3);
  await reader.close();
  await reader.close();
});

test("each reader of a file has a past of its own, which it tells from another", async () => {
  const path = newPath();
  const { engine } = bench({ path });
  await engine.log.append(0, ["a"]);
  const [reader, other] = [readOnlySqlite(path), readOnlySqlite(path)];
  const past = await reader.log.past(0);
  assert.equal((await reader.log.read(0, 0, { ...plenty, past })).length, 1);
  assert.notEqual(await other.log.past(0), past);
  await assert.rejects(other.log.read(0, 0, { ...plenty, past }), ConflictError);
  for (const { close } of [reader, other, engine]) await close();
});

test("two views in one turn from one checkpoint: the second conflicts before anything is written", async () => {
  const { engine } = bench();
  const viewed = { from: 0, to: 4, past: await engine.log.past(0), rows: [] };
  const first = engine.views.apply(0, viewed);
  await assert.rejects(engine.views.apply(0, viewed), ConflictError);
  await first;
  assert.equal(await engine.views.checkpoint(0), 4);
  await engine.close();
});

test("a file that was changed behind its owner's back stops the engine", async () => {
  const file = openFile(newPath(), { name: "test", since: 0 });
  const fatal: Error[] = [];
  const clock = virtualClock();
  const engine = sqliteEngine(file, { clock, onFatal: (error) => fatal.push(error) });
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  file.db.exec("update partition set epoch = 9");
  const commit = { to: 0, puts: [], events: ["a"], tasks: [], wakeAt: undefined };
  await assert.rejects(engine.store.commit(claim, commit), /"advance" changes 1 row/);
  assert.equal(fatal.length, 1);
  await engine.close();
});

test("each opening of a file is a past of its own: it may have been put back in between", async () => {
  const path = newPath();
  const first = bench({ path });
  const past = await first.engine.log.past(0);
  const kept = { from: undefined, to: 0, puts: [] };
  await first.engine.store.keep(0, "tell", { ...kept, past });
  await first.engine.close();
  const { engine } = bench({ path });
  assert.notEqual(await engine.log.past(0), past);
  await assert.rejects(
    engine.store.keep(0, "tell", { ...kept, from: 0, past }),
    /another past than what was read of it/,
  );
  await engine.close();
});
