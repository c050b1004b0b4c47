/** Order lines from a CSV file, plain or gzipped: streamed, checked, and refused with the line and the column. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { CsvError, type Parser, parse } from "csv-parse";

/** One row of the file, in the types it meant. */
export type OrderLine = {
  /** 1-based line of the file on which the row ends. */
  readonly line: number;
  readonly invoice: string;
  readonly stockCode: string;
  /** May be empty. */
  readonly description: string;
  /** Negative on what comes back. */
  readonly quantity: number;
  /** "2011-10-06 16:20:00", the shop's own time. */
  readonly orderedAt: string;
  /** Price of one, in millionths of a pound. */
  readonly unitMicros: number;
  /** Absent for a sale over the counter. */
  readonly customer: string | undefined;
  readonly country: string;
};

/** The file is not what it should be; `line` and `column` say where. Reading it again will not help. */
export class OrderFileError extends Error {
  override readonly name = "OrderFileError";
  readonly file: string;
  readonly line: number | undefined;
  readonly column: string | undefined;

  constructor(file: string, what: string, at: Where = {}) {
    const where = [`"${file}"`, at.line && `line ${at.line}`, at.column && `column ${at.column}`];
    super(`${where.filter(Boolean).join(", ")}: ${what}`, { cause: at.cause });
    this.file = file;
    this.line = at.line;
    this.column = at.column;
  }
}

type Where = { readonly line?: number; readonly column?: string; readonly cause?: unknown };

const columns = [
  "InvoiceNo",
  "StockCode",
  "Description",
  "Quantity",
  "InvoiceDate",
  "UnitPrice",
  "CustomerID",
  "Country",
] as const;
type Column = (typeof columns)[number];

/** A quote that is never closed would otherwise swallow the rest of the file. */
const longestRow = 65_536;

/**
 * The lines of a file, in its order; memory stays flat however long it is.
 *
 * The first line names the columns: any order, more of them are ignored. Throws OrderFileError.
 */
export async function* orderLines(file: string): AsyncGenerator<OrderLine> {
  const rows = await csvRows(file);
  let at: ReadonlyMap<Column, number> | undefined;
  let seen = 0;
  try {
    for await (const row of rows) {
      const { record, info } = row as CsvRow; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what csv-parse yields with `info` and without `columns`
      seen = info.lines;
      if (at === undefined) at = header(file, record);
      else yield orderLine(file, seen, record, at);
    }
  } catch (error) {
    if (error instanceof OrderFileError) throw error;
    if (error instanceof CsvError) {
      const line = typeof error["lines"] === "number" ? error["lines"] : seen + 1;
      throw new OrderFileError(file, error.message, { line, cause: error });
    }
    throw unreadable(file, error, seen);
  }
  if (at === undefined) {
    throw new OrderFileError(file, `is empty: expected a first line ${columns.join(",")}`);
  }
}

type CsvRow = { readonly record: readonly string[]; readonly info: { readonly lines: number } };

async function csvRows(file: string): Promise<Parser> {
  const gzipped = await isGzipped(file);
  const source = createReadStream(file);
  const rows = parse({
    bom: true,
    info: true,
    skip_empty_lines: true,
    max_record_size: longestRow,
  });
  const done = () => {}; // An error of any part destroys `rows` with it; whoever iterates gets it there.
  if (gzipped) pipeline(source, createGunzip(), rows, done);
  else pipeline(source, rows, done);
  return rows;
}

async function isGzipped(file: string): Promise<boolean> {
  try {
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
      return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(file, error, 0);
  }
}

function unreadable(file: string, cause: unknown, seen: number): OrderFileError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const after = seen > 0 ? ` after line ${seen}: is the file complete?` : "";
  return new OrderFileError(file, `cannot be read (${why})${after}`, { cause });
}

function header(file: string, names: readonly string[]): ReadonlyMap<Column, number> {
  const at = new Map(columns.map((column) => [column, names.indexOf(column)]));
  const missing = columns.filter((column) => at.get(column) === -1);
  if (missing.length > 0) {
    const what = `has no column ${missing.join(", ")}; expected ${columns.join(",")}`;
    throw new OrderFileError(file, what, { line: 1 });
  }
  return at;
}

function orderLine(
  file: string,
  line: number,
  record: readonly string[],
  at: ReadonlyMap<Column, number>,
): OrderLine {
  /** The text of a column, if it has the form it should have. */
  function text(column: Column, form: RegExp, expected: string): string {
    const value = (record[at.get(column) ?? -1] ?? "").trim();
    if (form.test(value)) return value;
    throw new OrderFileError(file, `must be ${expected}, got "${value}"`, { line, column });
  }
  const customer = text("CustomerID", /^([A-Za-z0-9-]+(\.0)?)?$/, "letters and digits, or empty");
  return {
    line,
    // It becomes the name of a file.
    invoice: text("InvoiceNo", /^[A-Za-z0-9-]{1,40}$/, "1 to 40 letters, digits and dashes"),
    stockCode: text("StockCode", /./, "a code"),
    description: text("Description", /^[^\uFFFD]*$/, "text in UTF-8"),
    quantity: Number(text("Quantity", /^-?\d{1,9}$/, "a whole number")),
    orderedAt: text("InvoiceDate", dateAndTime, 'a date like "2011-10-06 16:20:00"'),
    unitMicros: micros(text("UnitPrice", /^-?\d{1,9}(\.\d{1,6})?$/, 'pounds like "4.15"')),
    customer: customer === "" ? undefined : customer.replace(/\.0$/, ""), // A spreadsheet made numbers of them.
    country: text("Country", /./, "a country"),
  };
}

const dateAndTime = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;

/** "4.15" is 4150000: by its digits, since 4.15 is not a binary fraction. */
function micros(decimal: string): number {
  const [whole = "", fraction = ""] = decimal.split(".");
  return Number(whole + fraction.padEnd(6, "0"));
}
