/** The file as it is on the disk, in one snapshot: rows and bytes, read without any code of the product. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";

export type Violation = {
  /** Of G1 to G20; docs/reliability.md says what each promises. */
  readonly guarantee: string;
  readonly where: string;
  readonly expected: string;
  readonly got: string;
};

/** Says that something is not as it was promised. */
export type Tell = (guarantee: string, where: string, expected: string, got: string) => void;

/** Counts what was looked at. */
export type Seen = (what: string, n?: number) => void;

export type Value = string | Uint8Array;
export type Row = { readonly offset: number; readonly at: number; readonly text: string };

export type Partition = {
  readonly number: number;
  /** Up to here the manager has decided, and up to here the list of runs says it. */
  readonly consumed: number;
  readonly viewed: number;
  /** Records before this one were deleted on purpose. */
  readonly trimmed: number;
  /** In order, with gaps where there are gaps. */
  readonly log: () => Iterable<Row>;
  /** What the manager keeps, without the rows of the key index. */
  readonly state: ReadonlyMap<string, Value>;
};

export type Raw = {
  readonly partitions: readonly Partition[];
  /** The list of runs: JSON by id. */
  readonly rows: ReadonlyMap<string, string>;
  /** What SQLite itself finds wrong. */
  readonly damage: readonly string[];
  /** Nothing was ever written to it. */
  readonly isEmpty: boolean;
  readonly close: () => void;
};

/** Ids of a partition's records begin at a multiple of this. */
export const span: number = 2 ** 40;

type Looked = { readonly file: string; readonly forget: () => void };

const as = (file: string): Looked => ({ file, forget: () => undefined });

/** A copy without what was begun and not ended: a reader may not undo that in the file itself, and the store is not ours to change. */
function rolledBack(path: string): Looked {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-check-"));
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  const file = join(folder, "copy.db");
  try {
    for (const more of ["", "-journal"]) copyFileSync(`${path}${more}`, `${file}${more}`);
    const db = new (sqlite().DatabaseSync)(file);
    db.prepare("select count(*) from sqlite_schema").get();
    db.close();
    return { file, forget };
  } catch (error) {
    forget();
    throw error;
  }
}

/** Asked for when there is a file to open: the simulator's checks need none, and Node 22 warns of it. */
const sqlite = () => process.getBuiltinModule("node:sqlite");

/** Opens a file beside whoever works on it. Throws where it is no such file; closing ends the snapshot. */
export function openRaw(path: string): Raw {
  if (!existsSync(path)) throw new Error(`there is no file ${path}`);
  const { file, forget } = existsSync(`${path}-journal`) ? rolledBack(path) : as(path);
  const db = new (sqlite().DatabaseSync)(file, { readOnly: true, timeout: 5_000 });
  try {
    db.exec("begin");
    const close = (): void => {
      db.close();
      forget();
    };
    // Whoever made it was stopped before it was a store; nobody was told that it is one.
    if (isEmpty(db)) return { partitions: [], rows: new Map(), damage: [], isEmpty: true, close };
    const damage = db
      .prepare("pragma integrity_check(20)")
      .all()
      .map((row) => textOf(row["integrity_check"]))
      .filter((line) => line !== "ok");
    const rows = db.prepare("select run, row from runs").all();
    const partitions = db
      .prepare("select partition, offset, viewed, trimmed from partition order by partition")
      .all()
      .map((row): Partition => {
        const number = numberOf(row["partition"]);
        return {
          number,
          consumed: numberOf(row["offset"]),
          viewed: numberOf(row["viewed"]),
          trimmed: numberOf(row["trimmed"]),
          log: () => records(db, number),
          state: stateOf(db, number),
        };
      });
    return {
      partitions,
      rows: new Map(rows.map(({ run, row }) => [textOf(run), textOf(row)])),
      damage,
      isEmpty: false,
      close,
    };
  } catch (error) {
    db.close();
    forget();
    throw error;
  }
}

function isEmpty(db: DatabaseSync): boolean {
  const of = (pragma: string): unknown =>
    Object.values(db.prepare(`pragma ${pragma}`).get() ?? {})[0];
  const { tables } = db.prepare("select count(*) as tables from sqlite_schema").get() ?? {};
  return tables === 0 && of("user_version") === 0 && of("application_id") === 0;
}

function* records(db: DatabaseSync, partition: number): Generator<Row> {
  const from = partition * span;
  const statement = db.prepare("select id, at, text from log where id >= ? and id < ? order by id");
  for (const { id, at, text } of statement.iterate(from, from + span))
    yield { offset: numberOf(id) - from, at: numberOf(at), text: textOf(text) };
}

function stateOf(db: DatabaseSync, partition: number): ReadonlyMap<string, Value> {
  const rows = db
    .prepare(
      "select key, value from state where partition = ? and not (key >= 'index/' and key < 'index0')",
    )
    .all(partition);
  return new Map(
    rows.map(({ key, value }) => [
      textOf(key),
      value instanceof Uint8Array ? value : textOf(value),
    ]),
  );
}

function numberOf(value: SQLOutputValue | undefined): number {
  if (typeof value === "number") return value;
  throw new Error(`a column that holds numbers holds ${typeof value}`);
}

function textOf(value: SQLOutputValue | undefined): string {
  if (typeof value === "string") return value;
  throw new Error(`a column that holds text holds ${typeof value}`);
}

/** One page of a step's sub-jobs: of each its state and where its last outcome stands. */
export type Page = {
  readonly states: Uint8Array;
  /** Relative to the step's base, plus one; 0: none. */
  readonly outcomes: readonly number[];
  readonly issues: readonly number[];
  readonly attempts: readonly number[];
};

/** Sub-jobs of one page. */
export const pageSize = 1_024;

/**
 * Reads a page: version 1, flags, length as 16 bits, then one array after the other, little-endian: states (1 byte each),
 * outcomes (4); with flag 1 also issues (2), attempts (1), crashes (1), failure group (1), due at (8).
 */
export function pageOf(bytes: Uint8Array): Page {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getUint8(0) !== 1) throw new Error("its version is not 1");
  const length = view.getUint16(2, true);
  const more = view.getUint8(1) === 1;
  if (view.getUint8(1) > 1 || length > pageSize || bytes.length !== 4 + length * (more ? 18 : 5))
    throw new Error(`${bytes.length} bytes do not hold ${length} sub-jobs`);
  const each = (read: (at: number) => number): number[] =>
    Array.from({ length }, (_, slot) => read(slot));
  const issueAt = 4 + length * 5;
  return {
    states: bytes.subarray(4, 4 + length),
    outcomes: each((slot) => view.getUint32(4 + length + slot * 4, true)),
    issues: more ? each((slot) => view.getUint16(issueAt + slot * 2, true)) : [],
    attempts: more ? each((slot) => view.getUint8(issueAt + length * 2 + slot)) : [],
  };
}
