/**
 * The report computed a second time, another way, for a test to compare: the whole file at once, a parser of its own, exact
 * fractions instead of rounded numbers, no invoices. It shares no code with what it checks, and is to stay like that.
 *
 * The rules it repeats, in an accountant's words: a document without a customer on which nothing is charged is a stock
 * adjustment; numbers in A are bad debts; neither is a sale. Amounts are rounded per line, half away from zero.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { Totals } from "./report.ts";

/** Reads a file, plain or gzipped, and adds it up. */
export function totalsOf(file: string): Totals {
  const bytes = readFileSync(file);
  const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const [names = [], ...rows] = cells(text);
  const documents = new Map<string, Row[]>();
  for (const row of rows) {
    const record = Object.fromEntries(names.map((name, at) => [name, row[at] ?? ""]));
    const number = (record["InvoiceNo"] ?? "").trim();
    const lines = documents.get(number);
    if (lines === undefined) documents.set(number, [record]);
    else lines.push(record);
  }

  const counts = new Map<string, bigint>();
  const countries = new Map<string, bigint>();
  const customers = new Map<string, bigint>();
  let sales = 0n;
  let badDebts = 0n;
  for (const [number, lines] of documents) {
    const [first = {}] = lines;
    const customer = (first["CustomerID"] ?? "").trim().split(".")[0] ?? "";
    const country = (first["Country"] ?? "").trim();
    const pence = lines.reduce((sum, line) => sum + penceOf(line), 0n);
    const kind = kindOf(number, customer, lines);
    add(counts, kind, 1n);
    if (kind === "bad debt") badDebts += pence;
    if (kind === "bad debt" || kind === "stock adjustment") continue;
    sales += pence;
    add(countries, country, pence);
    if (customer !== "") add(customers, customer, pence);
  }
  return {
    documents: Object.fromEntries(ranked(counts)),
    pence: Number(sales),
    badDebtPence: Number(badDebts),
    countries: ranked(countries).map(([country, pence]) => ({ country, pence })),
    customers: ranked(customers)
      .slice(0, 10)
      .map(([customer, pence]) => ({ customer, pence })),
  };
}

type Row = Readonly<Record<string, string>>;

function kindOf(number: string, customer: string, lines: readonly Row[]): string {
  if (number[0] === "A") return "bad debt";
  if (number[0] === "C") return customer === "" ? "cash refund" : "credit note";
  if (customer !== "") return "invoice";
  return lines.some((line) => Number(line["UnitPrice"]) !== 0) ? "cash sale" : "stock adjustment";
}

function penceOf(line: Row): bigint {
  const [whole = "0", fraction = ""] = (line["UnitPrice"] ?? "").trim().split(".");
  const scale = 10n ** BigInt(fraction.length);
  const hundredfold = BigInt((line["Quantity"] ?? "").trim()) * BigInt(whole + fraction) * 100n;
  const size = hundredfold < 0n ? -hundredfold : hundredfold;
  const rounded = (2n * size + scale) / (2n * scale);
  return hundredfold < 0n ? -rounded : rounded;
}

function add(to: Map<string, bigint>, name: string, more: bigint): void {
  to.set(name, (to.get(name) ?? 0n) + more);
}

function ranked(sums: ReadonlyMap<string, bigint>): readonly (readonly [string, number])[] {
  return [...sums]
    .map(([name, pence]) => [name, Number(pence)] as const)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}

/** Rows of a CSV: a quoted field may contain commas, line ends and, doubled, quotes. */
function cells(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain = "", end] of text.matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g,
  )) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end?.endsWith("\n")) rows.push([]);
    else if (end === "") break;
  }
  return rows.filter((row) => row.length > 1);
}
