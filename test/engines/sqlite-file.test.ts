import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { virtualClock } from "../../src/contract/given.ts";
import { openEngine } from "../../src/engines/open.ts";
import { sqliteEngine } from "../../src/engines/sqlite/engine.ts";
import { checkSqliteVersion, openFile, type SqliteFile } from "../../src/engines/sqlite/file.ts";
import { openRaw } from "../../src/check/store.ts";
import { ownerOf } from "../../src/engines/sqlite/owner.ts";
import { readOnlySqlite } from "../../src/engines/sqlite/read-only.ts";
import { localTime } from "../../src/engines/system.ts";
import { ConflictError, CorruptError, NotFoundError, UsageError } from "../../src/errors.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-file-"));
after(() => rmSync(folder, { recursive: true }));

let folders = 0;
/** In a folder that does not exist yet. */
function newPath(): string {
  folders += 1;
  return join(folder, `${folders}`, "deep", "dev.db");
}

const since = Date.UTC(2026, 5, 1, 12);

function open(path: string, partitions?: number): SqliteFile {
  return openFile(path, { name: "billing", since, partitions });
}

function made(): string {
  const path = newPath();
  open(path).close();
  return path;
}

/** A database of somebody else. */
function foreign(sql: string): string {
  const path = newPath();
  mkdirSync(join(path, ".."), { recursive: true });
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
  return path;
}

test("C77 a second owner is told who has the file and how to reach it", () => {
  const path = newPath();
  const file = open(path);
  const who = `${path} is in use by process ${process.pid} ("billing", since ${localTime(since)})`;
  const refusedWith = (message: string): void =>
    assert.throws(
      () => open(path),
      (error) => error instanceof ConflictError && error.message === message,
    );
  refusedWith(`${who}: stop it first, or let it answer others: work({ listen: 4400 })`);
  file.setUrl("http://127.0.0.1:4400");
  refusedWith(`${who}: connect to it with FANFOLD_URL=http://127.0.0.1:4400, or stop it`);
  file.close();
  open(path).close();
});

test("ownerOf says who has the file, and nobody after close", () => {
  const path = newPath();
  assert.equal(ownerOf(path), undefined);
  const file = open(path);
  const facts = { pid: process.pid, name: "billing", since };
  assert.deepEqual(ownerOf(path), { ...facts, url: undefined });
  file.setUrl("http://127.0.0.1:4400");
  assert.deepEqual(ownerOf(path), { ...facts, url: "http://127.0.0.1:4400" });
  file.close();
  file.close();
  assert.equal(ownerOf(path), undefined);
});

test("a link to a file in use is in use", () => {
  const path = newPath();
  const file = open(path);
  const link = join(path, "..", "link.db");
  symlinkSync(path, link);
  assert.throws(() => open(link), ConflictError);
  assert.equal(ownerOf(link)?.pid, process.pid);
  file.close();
});

test("an owner that is killed owns nothing", async () => {
  const path = newPath();
  const module = new URL("../../src/engines/sqlite/file.ts", import.meta.url).href;
  const script = `
    const { openFile } = await import(${JSON.stringify(module)});
    globalThis.file = openFile(${JSON.stringify(path)}, { name: "other", since: ${since} });
    console.log("open");
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  try {
    await Promise.race([once(child.stdout, "data"), exited]);
    assert.throws(() => open(path), new RegExp(`in use by process ${child.pid} \\("other"`));
    assert.equal(ownerOf(path)?.pid, child.pid);
  } finally {
    child.kill("SIGKILL");
    await exited;
  }
  assert.equal(ownerOf(path), undefined);
  open(path).close();
});

test("the settings that make a commit durable hold on every open", () => {
  const path = made();
  const { db, close } = open(path);
  const expected = { journal_mode: "wal", synchronous: 2, page_size: 8_192, auto_vacuum: 2 };
  for (const [name, value] of Object.entries(expected))
    assert.deepEqual({ ...db.prepare(`pragma ${name}`).get() }, { [name]: value });
  close();
});

test("another program's database is refused and nothing is put beside it", () => {
  for (const sql of [
    "create table users (id)",
    "pragma application_id = 7",
    "pragma user_version = 3",
  ]) {
    const path = foreign(sql);
    assert.throws(() => open(path), UsageError);
    assert.throws(() => open(path), /another program .*choose another path/);
    assert.throws(() => readOnlySqlite(path), UsageError);
    assert.deepEqual(readdirSync(join(path, "..")), ["dev.db"]);
  }
});

test("a newer schema is refused by number", () => {
  const path = made();
  const db = new DatabaseSync(path);
  db.exec("pragma user_version = 7");
  db.close();
  const refusal = /written by a newer fanfold \(schema 7, this one knows 1\): upgrade fanfold/;
  assert.throws(() => open(path), refusal);
  assert.throws(() => readOnlySqlite(path), refusal);
});

test("a file that is no database is refused with what to do", () => {
  const path = foreign("");
  writeFileSync(path, "a letter to a friend, long enough to be looked at. ".repeat(100));
  assert.throws(() => open(path), CorruptError);
  assert.throws(() => open(path), /not an SQLite database.*choose another path.*backup/);
  assert.deepEqual(readdirSync(join(path, "..")), ["dev.db"]);
});

async function filled(): Promise<string> {
  const path = newPath();
  const engine = sqliteEngine(open(path), { clock: virtualClock(), onFatal: assert.fail });
  const texts = Array.from({ length: 2_000 }, (_, index) => `${index}`.repeat(300));
  await engine.log.append(0, texts);
  await engine.close();
  return path;
}

function damage(path: string, from: number, to: number): void {
  const handle = openSync(path, "r+");
  const noise = new Uint8Array(64).fill(0xee);
  for (let page = from; page < to; page += 1) writeSync(handle, noise, 0, 64, page * 8_192);
  closeSync(handle);
}

test("a file that is damaged where it begins is refused", async () => {
  const path = await filled();
  damage(path, 2, 400);
  const refused = (): unknown =>
    sqliteEngine(open(path), { clock: virtualClock(), onFatal: assert.fail });
  assert.throws(refused, CorruptError);
  assert.throws(refused, /damaged/);
  assert.equal(ownerOf(path), undefined);
});

test("a damaged page stops the engine, no answer is computed from it", async () => {
  const path = await filled();
  damage(path, 60, 80);

  const fatal: Error[] = [];
  const engine = sqliteEngine(open(path), {
    clock: virtualClock(),
    onFatal: (error) => fatal.push(error),
  });
  const all = { records: 10_000, bytes: 10_000_000 };
  await assert.rejects(engine.log.read(0, 0, all), (error) => {
    assert.ok(error instanceof CorruptError);
    assert.match(error.message, /damaged.*restore it from a backup/);
    return true;
  });
  assert.equal(fatal.length, 1);
  await assert.rejects(engine.log.append(0, ["more"]), /damaged/);
  await engine.close();
});

test("a file that cannot be written is refused with what to do, and can be read", async () => {
  const path = made();
  // The format's write version, in byte 18, above what SQLite knows: so it is read-only for root, too.
  const handle = openSync(path, "r+");
  writeSync(handle, new Uint8Array([3]), 0, 1, 18);
  closeSync(handle);
  assert.throws(() => open(path), UsageError);
  assert.throws(() => open(path), /cannot be written.*right to write/);
  assert.equal(ownerOf(path), undefined);
  const reader = readOnlySqlite(path);
  assert.equal(await reader.log.end(0), 0);
  await reader.close();
});

test("a folder in the file's place is refused", () => {
  const path = newPath();
  mkdirSync(path, { recursive: true });
  assert.throws(() => open(path), /is not a file/);
});

test("a folder that cannot be made is refused", () => {
  const path = made();
  assert.throws(() => open(join(path, "sub", "dev.db")), /folder/);
});

test("reading needs a file, and makes none", () => {
  const path = newPath();
  assert.throws(() => readOnlySqlite(path), NotFoundError);
  assert.equal(existsSync(path), false);
});

test("the number of partitions is fixed when the file is made", () => {
  const path = newPath();
  open(path, 4).close();
  const again = open(path);
  assert.equal(again.partitions, 4);
  again.close();
  assert.throws(() => open(path, 2), /has 4 partitions, fixed when it was made, got 2/);
  assert.throws(() => open(newPath(), 0), UsageError);
});

test("an SQLite with the WAL bug is refused", () => {
  for (const version of ["3.46.0", "3.51.2", "2.99.99"])
    assert.throws(() => checkSqliteVersion(version), /3\.51\.3/);
  for (const version of ["3.51.3", "3.52.0", "4.0.0"]) checkSqliteVersion(version);
});

test("a URL opens its file, with the app's name on it", async () => {
  const path = newPath();
  const engine = await openEngine(`sqlite:${path}?partitions=2`, { name: "billing" });
  assert.equal(engine.name, `sqlite:${path}`);
  assert.equal(engine.partitions, 2);
  engine.setUrl?.("http://127.0.0.1:4400");
  assert.equal(ownerOf(path)?.name, "billing");
  assert.equal(ownerOf(path)?.url, "http://127.0.0.1:4400");
  await assert.rejects(openEngine(`sqlite:${path}`), ConflictError);
  await engine.close();
});

/** What a process leaves that is killed while it makes the file: pages of a transaction, and the journal that undoes them. */
function killedInTheMaking(): string {
  const making = newPath();
  mkdirSync(join(making, ".."), { recursive: true });
  const db = new DatabaseSync(making);
  db.exec("pragma cache_size = 1; begin; create table half (text)");
  for (let n = 0; n < 50; n += 1) db.prepare("insert into half values (?)").run("x".repeat(4_000));
  const left = `${making}-left`;
  for (const more of ["", "-journal"]) copyFileSync(`${making}${more}`, `${left}${more}`);
  db.close();
  return left;
}

test("a file whose maker was killed in the middle is checked as empty, and made anew by the next owner", () => {
  const path = killedInTheMaking();
  const raw = openRaw(path);
  assert.equal(raw.isEmpty, true);
  raw.close();
  assert.ok(existsSync(`${path}-journal`), "a check changes nothing");
  const file = openFile(path, { name: "next", since });
  assert.equal(file.partitions, 1);
  file.close();
});
