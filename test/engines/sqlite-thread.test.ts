/** The SQLite engine with its transactions on a thread of their own, as in a process that has been busy for a while. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { engineContract } from "../../src/contract/engine.ts";
import { type Bench, givenTask, virtualClock } from "../../src/contract/given.ts";
import { sqliteEngine, type SqliteEngine } from "../../src/engines/sqlite/engine.ts";
import { inMemory, openFile } from "../../src/engines/sqlite/file.ts";
import { readOnlySqlite } from "../../src/engines/sqlite/read-only.ts";
import { CorruptError, UnavailableError } from "../../src/errors.ts";
import { until } from "../until.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-thread-"));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function newPath(): string {
  files += 1;
  return join(folder, `${files}`, "dev.db");
}

type Given = {
  readonly path?: string;
  readonly slowMs?: number;
  readonly clock?: ReturnType<typeof virtualClock>;
  readonly onFatal?: (error: Error) => void;
};

function opened(given: Given = {}): SqliteEngine {
  const { path = newPath(), slowMs = 0, clock = virtualClock() } = given;
  const { onFatal = (error: Error): never => assert.fail(error) } = given;
  const file = openFile(path, { name: "test", since: 0 });
  return sqliteEngine(file, { clock, onFatal, slowMs });
}

async function threaded(given: Given = {}): Promise<SqliteEngine> {
  const engine = opened(given);
  await until(engine.isThreaded, { what: "the thread runs" });
  return engine;
}

async function bench(path = newPath(), start?: number): Promise<Bench> {
  const clock = virtualClock(start);
  const engine = await threaded({ path, clock });
  const reopen = async (): Promise<Bench> => {
    await engine.close();
    return bench(path, clock.now());
  };
  return { engine, advance: clock.advance, reopen };
}

engineContract(test, bench);

const plenty = { records: 1_000_000, bytes: 1_000_000_000 };

test("what comes while a transaction is on its way is the next one, and is told in order", async () => {
  const path = newPath();
  const engine = await threaded({ path });
  const other = readOnlySqlite(path);
  const told: string[] = [];
  const write = async (name: string): Promise<void> => {
    await engine.log.append(0, [name]);
    told.push(`${name} of ${await other.log.end(0)}`);
  };
  const first = write("a");
  await new Promise((resolve) => setImmediate(resolve)); // "a" is on its way.
  await Promise.all([first, write("b"), write("c")]);
  assert.deepEqual(told, ["a of 1", "b of 3", "c of 3"]);
  await other.close();
  await engine.close();
});

test("the event loop turns while a transaction is on its way, and nothing of it is shown before it is committed", async () => {
  const engine = await threaded();
  let count = 0;
  /** How often it turned meanwhile: hardly, where the thread had a core and this one had none. */
  async function turns(): Promise<number> {
    const end = count++;
    let isDurable = false;
    const append = engine.log.append(0, ["x".repeat(20_000_000)]).then(() => (isDurable = true));
    let turned = 0;
    for (; !isDurable; turned += 1) {
      // Committed on the thread, and not heard of here yet: that much earlier it may be shown, and no more.
      if ((await engine.log.read(0, end, plenty)).length > 0) break;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await append;
    return turned;
  }
  await until(async () => (await turns()) > 2, { what: "it turns" });
  assert.equal((await engine.log.read(0, count - 1, plenty)).length, 1);
  await engine.close();
});

test("an engine moves to its thread when its transactions are slow, and not before", async () => {
  let takesMs = 1;
  const time = virtualClock();
  // Whoever reads this clock finds that a transaction took takesMs.
  const clock = { ...time, now: () => (time.advance(takesMs), time.now()) };
  const engine = opened({ clock, slowMs: 2.5 });
  const append = async (text: string): Promise<void> => void (await engine.log.append(0, [text]));
  for (let count = 0; count < 100; count += 1) await append("a");
  assert.equal(engine.isThreaded(), false);
  takesMs = 5;
  await until(async () => {
    await append("b");
    return engine.isThreaded();
  });
  await append("c");
  takesMs = 1;
  for (let count = 0; count < 100; count += 1) await append("d");
  const texts = (await engine.log.read(0, 0, plenty)).map((entry) => entry.text);
  assert.match(texts.join(""), /^a{100}b+cd{100}$/);
  await engine.close();

  const small = opened({ path: inMemory });
  await small.log.append(0, ["a"]);
  assert.equal(small.isThreaded(), false);
  await small.close();
});

test("bytes that are part of something larger arrive as they are, and stay the caller's", async () => {
  const engine = await threaded();
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  const whole = new Uint8Array(100_000).map((_, index) => index % 251);
  const puts = [
    ["part", whole.subarray(10, 15)],
    ["buffer", Buffer.from("abc")],
    ["whole", whole],
  ] as const;
  await engine.store.commit(claim, { to: 0, puts, events: [], tasks: [], wakeAt: undefined });
  const [part, buffer, all] = await engine.store.load(0, ["part", "buffer", "whole"]);
  assert.deepEqual(part, whole.slice(10, 15));
  assert.deepEqual(buffer, new Uint8Array([97, 98, 99]));
  assert.deepEqual(all, whole);
  await engine.close();
});

test("close finishes what is on its way and what is pending, and the file is free", async () => {
  const path = newPath();
  const engine = await threaded({ path });
  const first = engine.log.append(0, ["a"]);
  await new Promise((resolve) => setImmediate(resolve));
  const second = engine.log.append(0, ["b"]);
  const closed = engine.close();
  await assert.rejects(engine.log.append(0, ["c"]), /is closed/);
  assert.deepEqual(await Promise.all([first, second]), [0, 1]);
  await closed;
  const again = opened({ path });
  assert.equal(await again.log.end(0), 2);
  await again.close();
});

test("a thread that is still starting is closed too", async () => {
  const path = newPath();
  const engine = opened({ path });
  await engine.close();
  const again = await threaded({ path });
  await again.close();
});

test("trimming gives the space back from the thread, too", async () => {
  const path = newPath();
  const engine = await threaded({ path });
  const texts = Array.from({ length: 1_000 }, () => "x".repeat(1_000));
  await engine.log.append(0, texts);
  await engine.log.trim(0, 999, await engine.log.past(0));
  await engine.close();
  const file = openFile(path, { name: "test", since: 0 });
  const pages = file.db.prepare("pragma page_count").get()?.["page_count"];
  file.close();
  assert.ok(typeof pages === "number" && pages < 50, `${String(pages)} pages`);
});

test("an error on the thread ends the engine once: everything pending rejects with what SQLite said", async () => {
  const path = newPath();
  const file = openFile(path, { name: "test", since: 0 });
  file.db.exec(`create trigger broken before insert on log when new.text = 'broken'
                begin select raise(abort, 'something broke'); end`);
  file.close();
  const fatal: Error[] = [];
  const engine = await threaded({ path, onFatal: (error) => fatal.push(error) });
  await engine.log.append(0, ["kept"]);
  const past = await engine.log.past(0);
  const first = engine.log.append(0, ["broken"]);
  await new Promise((resolve) => setImmediate(resolve));
  const pending = await Promise.allSettled([
    first,
    engine.log.append(0, ["after"]),
    engine.views.apply(0, { from: 0, to: 1, past, rows: [] }),
  ]);
  for (const end of pending) {
    assert.equal(end.status, "rejected");
    assert.ok(end.reason instanceof UnavailableError);
    assert.match(end.reason.message, /dev\.db does not answer: something broke/);
    assert.equal(end.reason, fatal[0]);
  }
  assert.equal(fatal.length, 1);
  await assert.rejects(engine.store.position(0), UnavailableError);
  await engine.close();
  assert.equal(fatal.length, 1);

  const again = opened({ path });
  const texts = (await again.log.read(0, 0, plenty)).map((entry) => entry.text);
  assert.deepEqual(texts, ["kept"]);
  await again.close();
});

test("a file that was changed behind its owner's back stops the engine on its thread, too", async () => {
  const file = openFile(newPath(), { name: "test", since: 0 });
  const fatal: Error[] = [];
  const clock = virtualClock();
  const onFatal = (error: Error): void => void fatal.push(error);
  const engine = sqliteEngine(file, { clock, onFatal, slowMs: 0 });
  await until(engine.isThreaded);
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  file.db.exec("update partition set epoch = 9");
  const commit = { to: 0, puts: [], events: ["a"], tasks: [givenTask("r")], wakeAt: undefined };
  await assert.rejects(engine.store.commit(claim, commit), (error) => {
    assert.ok(error instanceof UnavailableError && error.cause instanceof CorruptError);
    assert.match(error.message, /"advance" changes 1 row/);
    return true;
  });
  assert.deepEqual(await Promise.allSettled([engine.queue.take("w", ["default"], 1, 1_000)]), [
    { status: "rejected", reason: fatal[0] },
  ]);
  assert.equal(fatal.length, 1);
  await engine.close();
});

/** Runs a script on a file of its own, and resolves to how it ended and what it said. */
async function script(body: string, args: readonly string[] = [], env = {}): Promise<string> {
  const path = newPath();
  openFile(path, { name: "test", since: 0 }).close(); // Node's permissions forbid to sync a new file's folder.
  const modules = new URL("../../src/engines/", import.meta.url).href;
  const child = spawn(
    process.execPath,
    [
      ...args,
      "--input-type=module",
      "--eval",
      `const { openFile } = await import("${modules}sqlite/file.ts");
       const { sqliteEngine } = await import("${modules}sqlite/engine.ts");
       const { systemClock } = await import("${modules}system.ts");
       const file = openFile(${JSON.stringify(path)}, { name: "test", since: 0 });
       const onFatal = (error) => { throw error; };
       const engine = sqliteEngine(file, { clock: systemClock(), onFatal, slowMs: 0 });
       ${body}`,
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NODE_NO_WARNINGS: "1", ...env } },
  );
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, "close");
  return `${code} ${(await said).join("")}`.trim();
}

const busy = `for (let count = 0; count < 400 || (count < 40_000 && MORE); count += 1)
                await engine.log.append(0, ["a"]);`;
const untilThreaded = busy.replace("MORE", "!engine.isThreaded()");
const say = "console.log(engine.isThreaded());";

test("a busy engine keeps no process alive, and loses no promise to its end", async () => {
  assert.equal(
    await script(`${untilThreaded} ${say} await engine.log.append(0, ["b"]);`),
    "0 true",
  );
});

test("a closed engine keeps no process alive", async () => {
  assert.equal(await script(`${untilThreaded} await engine.close(); console.log("end");`), "0 end");
});

test("an error on the thread that nobody handles ends the process", async () => {
  const said = await script(
    `${untilThreaded}
     file.db.exec("drop table log");
     engine.log.append(0, ["b"]).catch(() => undefined);
     setInterval(() => undefined, 1_000);`,
  );
  assert.match(said, /^1 [\s\S]*UnavailableError: .*no such table: log/);
});

test("FANFOLD_SQLITE_THREAD=0 keeps transactions on the main thread", async () => {
  const once = busy.replace("MORE", "false");
  assert.equal(await script(`${once} ${say}`, [], { FANFOLD_SQLITE_THREAD: "0" }), "0 false");
});

test("where no thread may be started, transactions stay on the main thread", async () => {
  const once = busy.replace("MORE", "false");
  const args = ["--permission", "--allow-fs-read=*", "--allow-fs-write=*"];
  assert.equal(await script(`${once} ${say} await engine.close();`, args), "0 false");
});
