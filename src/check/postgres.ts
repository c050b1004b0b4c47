/**
 * A store in PostgreSQL, as it is at one moment, brought into a file as SQLite keeps one: what judges files judges that.
 *
 * So there is one reader and one set of rules, the log may be larger than memory, and the database's snapshot is held no longer
 * than copying takes. The file is evidence, too: `fanfold check` reads it again, on another machine.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Client } from "pg";
import { check, type Checked } from "./check.ts";
import { span, type Violation } from "./store.ts";

/** What only the database could show; the rest is in the file. */
export type Copied = {
  readonly violations: readonly Violation[];
  readonly unchecked: readonly string[];
  /** Runs that a transaction of a user has started, and that are not on the log yet. */
  readonly sent: ReadonlySet<string>;
};

/** Checks schema `fanfold` of a database; what cannot be read is a violation of G20. Rejects with the client's error where it does not answer. */
export async function checkDatabase(url: string, witnessFile?: string): Promise<Checked> {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-check-"));
  try {
    const file = join(folder, "copy.db");
    return judged(await copyStore(url, file), check(file, witnessFile));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a check of the copy says, with what only the database could show. */
export function judged({ violations, unchecked, sent }: Copied, checked: Checked): Checked {
  const isFound = ({ guarantee, where }: Violation): boolean =>
    guarantee !== "G1" || !sent.has(where.slice("run ".length));
  return {
    ...checked,
    violations: [...violations, ...checked.violations.filter(isFound)],
    unchecked: [...unchecked, ...checked.unchecked],
  };
}

/** Rows that travel together: a record or a page of a ledger has some hundred KB at the most. */
const page = 200;

const tables = `
  create table log (id integer primary key, at integer not null, text text not null);
  create table state (partition integer not null, key text not null, value not null);
  create table partition (
    partition integer primary key, offset integer not null, viewed integer not null, trimmed integer not null);
  create table runs (run text primary key, row text not null)`;

/** The file must not be there yet. Rejects with the client's error where the database does not answer. */
export async function copyStore(url: string, file: string): Promise<Copied> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url, application_name: "fanfold check" });
  client.on("error", () => undefined); // The query that is under way hears of it, or the next one.
  await client.connect();
  const db = new DatabaseSync(file);
  try {
    await client.query("begin isolation level repeatable read, read only");
    db.exec("pragma journal_mode = off; pragma synchronous = off");
    const there = await client.query(
      "select from pg_tables where schemaname = 'fanfold' and tablename = 'meta'",
    );
    if (there.rowCount === 0) return { violations: [], unchecked: [], sent: new Set() };
    db.exec(tables);
    db.exec("begin");
    const violations = await copyAll(client, db);
    db.exec("commit");
    return {
      violations: [...violations, ...(await damageOf(client))],
      unchecked: await unseenBy(client),
      sent: new Set((await all(client, "select record from fanfold.outbox")).map(runOf)),
    };
  } catch (error) {
    if (!isDamage(error)) throw error;
    const where = client.database ?? "the database";
    const violation = {
      guarantee: "G20",
      where,
      expected: "rows that can be read",
      got: error.message,
    };
    return { violations: [violation], unchecked: [], sent: new Set() };
  } finally {
    db.close();
    await client.end();
  }
}

/** A damaged page, a table or column that is gone, a row that is none; not a connection that was lost. */
function isDamage(error: unknown): error is Error {
  if (error instanceof TypeError || error instanceof SyntaxError) return true;
  return (
    error instanceof Error && "code" in error && /^(?:XX|42P01|42703)/.test(String(error.code))
  );
}

type Row = Readonly<Record<string, unknown>>;

async function all(client: Client, text: string, values: unknown[] = []): Promise<readonly Row[]> {
  const { rows } = await client.query<Row>(text, values);
  return rows;
}

/** Calls back for each row, a page at a time; `next` says what the statement needs to go on after a row. */
async function each(
  client: Client,
  text: string,
  first: readonly unknown[],
  next: (row: Row) => readonly unknown[],
  act: (row: Row) => void,
): Promise<void> {
  for (let from = first; ;) {
    const rows = await all(client, `${text} limit ${page}`, [...from]);
    for (const row of rows) act(row);
    const last = rows.at(-1);
    if (last === undefined || rows.length < page) return;
    from = next(last);
  }
}

async function copyAll(client: Client, db: DatabaseSync): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const partitions = await all(
    client,
    `select partition, seat."offset", viewed."offset" as viewed, head.trimmed, head."end"
     from fanfold.head join fanfold.seat using (partition) join fanfold.viewed using (partition) order by partition`,
  );
  const addPartition = db.prepare("insert into partition values (?, ?, ?, ?)");
  const addRecord = db.prepare("insert into log values (?, ?, ?)");
  const addState = db.prepare("insert into state values (?, ?, ?)");
  const addRun = db.prepare("insert into runs values (?, ?)");
  for (const { partition: n, offset, viewed, trimmed, end } of partitions) {
    const partition = Number(n);
    addPartition.run(partition, Number(offset), Number(viewed), Number(trimmed));
    let next = 0;
    await each(
      client,
      `select "offset", at, record from fanfold.log where partition = $1 and "offset" > $2 order by "offset"`,
      [partition, -1],
      (row) => [partition, row["offset"]],
      (row) => {
        const at = Number(row["offset"]);
        next = at + 1;
        addRecord.run(partition * span + at, Number(row["at"]), textOf(row["record"]));
      },
    );
    // The next record would stand there: beyond a gap, or on another.
    if (Number(end) !== Math.max(next, Number(trimmed)))
      violations.push({
        guarantee: "G19",
        where: `partition ${partition}`,
        expected: `an end of the log at ${next}`,
        got: String(end),
      });
    await each(
      client,
      `select key, body, bytes from fanfold.state where partition = $1 and key > $2
         and not (key >= 'index/' and key < 'index0') order by key`,
      [partition, ""],
      (row) => [partition, row["key"]],
      (row) => addState.run(partition, textOf(row["key"]), valueOf(row)),
    );
  }
  await each(
    client,
    "select run, row from fanfold.run where run > $1 order by run",
    [""],
    (row) => [row["run"]],
    (row) => addRun.run(textOf(row["run"]), textOf(row["row"])),
  );
  return violations;
}

function valueOf({ body, bytes }: Row): SQLInputValue {
  return bytes instanceof Uint8Array ? bytes : textOf(body);
}

/** PostgreSQL keeps no NUL: 01 01 stands for it, and 01 02 for 01. */
function textOf(value: unknown): string {
  if (typeof value !== "string")
    throw new TypeError(`a column that holds text holds ${typeof value}`);
  // oxlint-disable-next-line no-control-regex -- that is what stands there
  return value.replace(/\u0001([\u0001\u0002])/g, (_, what) =>
    what === "\u0001" ? "\0" : "\u0001",
  );
}

function runOf({ record }: Row): string {
  const [header = "{}"] = textOf(record).split("\n");
  const { run } = JSON.parse(header) as { readonly run?: unknown }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- asked below
  return typeof run === "string" ? run : "";
}

/** What the server itself has found wrong; every row was read, so it has looked at every page of ours. */
async function damageOf(client: Client): Promise<readonly Violation[]> {
  const [row] = await all(
    client,
    "select datname, checksum_failures from pg_stat_database where datname = current_database()",
  );
  if (Number(row?.["checksum_failures"] ?? 0) === 0) return [];
  const got = `${String(row?.["checksum_failures"])} of them wrong`;
  const where = `database ${String(row?.["datname"])}`;
  return [{ guarantee: "G20", where, expected: "pages with sound checksums", got }];
}

async function unseenBy(client: Client): Promise<readonly string[]> {
  const [row] = await all(
    client,
    "select current_setting('data_checksums') as sums, (select count(*) from fanfold.outbox) as sent",
  );
  const sent = Number(row?.["sent"]);
  return [
    ...(row?.["sums"] === "on"
      ? []
      : ["G20 below the rows: the server keeps no checksums (initdb --data-checksums)"]),
    ...(sent > 0 ? [`${sent} in the outbox, which are not on the log yet`] : []),
  ];
}
