/**
 * The file: settings that make a commit durable, the schema and its versions, and what is refused.
 *
 * Page size, checkpoint size and the cost of each setting: bench/raw-sqlite.ts, and the figures in docs/adr.
 */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CorruptError, NotFoundError, UsageError } from "../../errors.ts";
import { checkPartitions } from "../memory/checks.ts";
import { own, type Ownership } from "./owner.ts";
import { explained } from "./problems.ts";
import { numberIn, type Row, textIn } from "../rows.ts";

export type SqliteFile = {
  /** As it was given; for people. */
  readonly path: string;
  readonly db: DatabaseSync;
  readonly partitions: number;
  readonly setUrl: (url: string) => void;
  /** May be called twice. */
  readonly close: () => void;
};

export type FileOptions = {
  /** The app's, for those who find the file in use. */
  readonly name: string;
  /** Epoch ms. */
  readonly since: number;
  /** Fixed when the file is created; default 1. */
  readonly partitions?: number | undefined;
};

export const inMemory = ":memory:";

/** "Fnfd": what PRAGMA application_id says of a file of ours. */
const applicationId = 0x46_6e_66_64;
/** The first SQLite without the bug that could damage a WAL at a checkpoint, fixed in 3.51.3. */
const oldestSqlite = "3.51.3";
/** How long a commit waits for somebody else's lock (a person's sqlite3, a backup) before it fails. */
const patienceMs = 2_000;

/** Forward only: each brings the file from the version before to its own, 1-based. Never changed once released. */
const migrations: readonly string[] = [
  `create table meta (name text primary key, value not null) without rowid;
   create table log (id integer primary key, at integer not null, text text not null);
   create table state (
     partition integer not null, key text not null, value not null, primary key (partition, key));
   create table partition (
     partition integer primary key, epoch integer not null default 0, holder text,
     offset integer not null default 0, wake_at real,
     trimmed integer not null default 0, viewed integer not null default 0);
   create table runs (
     run text primary key, state text not null, flow text not null, customer text,
     started_at real not null, row text not null);
   create index runs_by_start on runs (started_at desc, run);
   create index runs_by_state on runs (state, started_at desc, run);
   create index runs_by_flow on runs (flow, started_at desc, run);
   create index runs_by_customer on runs (customer, started_at desc, run);`,
];

/**
 * Opens the file for its one owner, and makes it (and its folder) if there is none.
 *
 * Throws ConflictError when another process owns it; UsageError when it is another program's, was written by a newer
 * fanfold or cannot be written; CorruptError when it is damaged. Then nothing was changed.
 */
export function openFile(path: string, options: FileOptions): SqliteFile {
  checkSqlite();
  if (options.partitions !== undefined) checkPartitions(options.partitions);
  if (path === inMemory) return opened(path, options, undefined);
  const isNew = !existsSync(path);
  if (isNew) makeFolder(path);
  else checkOurs(path); // Before anything is put beside a file that may be somebody else's.
  const ownership = own(path, options.name, options.since);
  try {
    const file = opened(path, options, ownership);
    if (isNew) syncFolder(path);
    return file;
  } catch (error) {
    ownership.release();
    throw error;
  }
}

/** Opens a file of ours beside its owner, if it has one. An empty file is refused as one that was not made yet. */
export function openFileToRead(path: string): SqliteFile {
  checkSqlite();
  if (!existsSync(path)) throw new NotFoundError(`there is no file ${path}`, { details: { path } });
  const db = openToRead(path);
  try {
    if (versionOf(db, path) === 0)
      throw new NotFoundError(`${path} is empty: nothing ran on it yet`);
    return fileOf(path, db, undefined);
  } catch (error) {
    db.close();
    throw explained(error, path);
  }
}

/** One more connection of the owner's, for its thread. */
export function openToWrite(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: patienceMs });
  settle(db, path);
  return db;
}

/** Throws where the file is not ours, or cannot be read. */
function checkOurs(path: string): void {
  try {
    openToRead(path).close();
  } catch (error) {
    if (!existsSync(`${path}-journal`)) throw error;
    // Whoever made the file was stopped in the middle. What it had begun is undone by whoever may write, and by no reader.
    const db = new DatabaseSync(path, { timeout: patienceMs });
    try {
      versionOf(db, path);
    } catch (other) {
      throw explained(other, path);
    } finally {
      db.close();
    }
  }
}

function openToRead(path: string): DatabaseSync {
  if (!statSync(path).isFile())
    throw new UsageError(`${path} is not a file: name one, as in sqlite:.fanfold/dev.db`);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: patienceMs });
    versionOf(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw explained(error, path);
  }
}

function opened(
  path: string,
  { partitions }: FileOptions,
  ownership: Ownership | undefined,
): SqliteFile {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: patienceMs });
    if (versionOf(db, path) === 0)
      db.exec("pragma page_size = 8192; pragma auto_vacuum = incremental");
    settle(db, path);
    migrate(db, versionOf(db, path), partitions ?? 1);
    // On a file that cannot be written, "begin immediate" alone quietly begins to read.
    db.exec(`begin immediate; pragma user_version = ${migrations.length}; rollback`);
    const file = fileOf(path, db, ownership);
    if (partitions !== undefined && partitions !== file.partitions)
      throw new UsageError(
        `${path} has ${file.partitions} partitions, fixed when it was made, got ${partitions}: leave ?partitions out, or begin another file`,
      );
    return file;
  } catch (error) {
    db?.close();
    throw explained(error, path);
  }
}

function fileOf(path: string, db: DatabaseSync, ownership: Ownership | undefined): SqliteFile {
  const row = db.prepare("select value from meta where name = 'partitions'").get();
  return {
    path,
    db,
    partitions: numberIn(row, "value"),
    setUrl: (url) => ownership?.setUrl(url),
    close() {
      if (db.isOpen) db.close();
      ownership?.release();
    },
  };
}

/** The settings, and that they hold: others have been known to reopen a WAL with less. */
function settle(db: DatabaseSync, path: string): void {
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma fullfsync = on;
    pragma checkpoint_fullfsync = on;
    pragma wal_autocheckpoint = 500;
  `);
  const journal = textIn(db.prepare("pragma journal_mode").get(), "journal_mode");
  const expected = path === inMemory ? "memory" : "wal";
  const synchronous = numberIn(db.prepare("pragma synchronous").get(), "synchronous");
  if (journal !== expected || synchronous !== 2)
    throw new UsageError(
      `${path} cannot be made durable: journal_mode is ${journal} (expected ${expected}), synchronous is ${synchronous} (expected 2): put it on a local disk`,
    );
}

function migrate(db: DatabaseSync, from: number, partitions: number): void {
  if (from === migrations.length) return;
  db.exec("begin exclusive");
  for (const migration of migrations.slice(from)) db.exec(migration);
  if (from === 0) {
    db.prepare("insert into meta values ('partitions', cast(? as integer))").run(partitions);
    const row = db.prepare("insert into partition (partition) values (?)");
    for (let partition = 0; partition < partitions; partition += 1) row.run(partition);
  }
  db.exec(`pragma application_id = ${applicationId}; pragma user_version = ${migrations.length}`);
  db.exec("commit");
}

/** Our schema's version; 0 of an empty file. Throws UsageError on what is not ours, or newer than we are. */
function versionOf(db: DatabaseSync, path: string): number {
  const owner = numberIn(db.prepare("pragma application_id").get(), "application_id");
  const version = numberIn(db.prepare("pragma user_version").get(), "user_version");
  const tables = db.prepare("select name from sqlite_schema where type = 'table' limit 5").all();
  if (owner !== applicationId && (owner !== 0 || version !== 0 || tables.length > 0))
    throw new UsageError(
      `${path} is the database of another program (${contents(tables)}): choose another path`,
      { details: { path, applicationId: owner } },
    );
  if (version > migrations.length)
    throw new UsageError(
      `${path}: this file was written by a newer fanfold (schema ${version}, this one knows ${migrations.length}): upgrade fanfold`,
      { details: { path, schema: version, knows: migrations.length } },
    );
  if (owner === applicationId && version === 0)
    throw new CorruptError(`${path} says that it is ours, and has no schema`);
  return version;
}

function contents(tables: readonly Row[]): string {
  if (tables.length === 0) return "it has another application id";
  return `its tables: ${tables.map((row) => `"${textIn(row, "name")}"`).join(", ")}`;
}

function checkSqlite(): void {
  const db = new DatabaseSync(inMemory);
  const version = textIn(db.prepare("select sqlite_version() as version").get(), "version");
  db.close();
  checkSqliteVersion(version);
}

/** Throws UsageError below 3.51.3. */
export function checkSqliteVersion(version: string): void {
  if (compareVersions(version, oldestSqlite) < 0)
    throw new UsageError(
      `this Node brings SQLite ${version}, which can damage a file: expected ${oldestSqlite} or newer, as in Node 22.22.3 and 24.15`,
    );
}

function compareVersions(left: string, right: string): number {
  const parts = right.split(".").map(Number);
  const differences = left.split(".").map((part, index) => Number(part) - (parts[index] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw new UsageError(`the folder of ${path} cannot be made: ${String(cause)}`, { cause });
  }
}

/** Makes the new file's name durable too. Windows cannot open a folder, and needs not. */
function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}
