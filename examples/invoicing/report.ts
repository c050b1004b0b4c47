/** What the month came to, as data and as a page of text. */
import { type Kind, kinds } from "./invoices.ts";
import { pounds } from "./money.ts";

export type CountryTotal = { readonly country: string; readonly pence: number };
export type CustomerTotal = { readonly customer: string; readonly pence: number };

/** Plain JSON. */
export type Totals = {
  /** How many documents there are of each kind; a kind without any is left out. */
  readonly documents: Readonly<Record<string, number>>;
  /** Sales less what was credited and refunded. */
  readonly pence: number;
  /** Debts given up: on their own, in no total. */
  readonly badDebtPence: number;
  /** Largest first. */
  readonly countries: readonly CountryTotal[];
  /** The ten largest, largest first. */
  readonly customers: readonly CustomerTotal[];
};

/** What else the page says: of this run, not of the month. */
export type Delivery = {
  readonly mails: number;
  /** Documents that could not be made or mailed, and are in no total. */
  readonly failed: number;
  /** What the documents in the file come to, added up before anything was sent. */
  readonly expectedPence: number;
};

/** Plain JSON: the result of a run. */
export type Report = { readonly totals: Totals; readonly delivery: Delivery };

/** Whose sums are left out: a document that is no sale is for no country, and a cash sale for no customer. */
export const nobody = "";

/** The names and what they come to, largest first; of equals, the name that sorts first. */
export function largestFirst(
  sums: Readonly<Record<string, number>>,
): readonly (readonly [name: string, amount: number])[] {
  return Object.entries(sums)
    .filter(([name]) => name !== nobody)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
}

/** The report as text, for a terminal of 80 columns. */
export function reportText({ totals, delivery }: Report): string {
  const documents = kinds
    .map((kind): Row => [plurals[kind], count(totals.documents[kind] ?? 0)])
    .filter(([, many]) => many !== "0");
  return [
    heading("Documents"),
    ...table([...documents, ["mails", count(delivery.mails)]]),
    heading("Net sales by country"),
    ...table(totals.countries.map(({ country, pence }) => [country, pounds(pence)])),
    ...table([["total", pounds(totals.pence)]]),
    ...(totals.badDebtPence === 0
      ? []
      : table([["bad debts, not in the total", pounds(totals.badDebtPence)]])),
    heading("Largest customers"),
    ...table(totals.customers.map(({ customer, pence }) => [customer, pounds(pence)])),
    heading("Control"),
    `  ${control(totals, delivery)}`,
    "",
  ].join("\n");
}

/** Whether the folds came to what was in the file. An accountant looks here first. */
function control({ pence }: Totals, { expectedPence, failed }: Delivery): string {
  if (pence === expectedPence) return `agrees with the file: ${pounds(expectedPence)}`;
  const why =
    failed > 0 ? `${count(failed)} documents failed` : "nothing failed: this is a mistake";
  return `differs from the file by ${pounds(pence - expectedPence)} (${why})`;
}

const plurals: Readonly<Record<Kind, string>> = {
  invoice: "invoices",
  "credit note": "credit notes",
  "cash sale": "cash sales",
  "cash refund": "cash refunds",
  "stock adjustment": "stock adjustments, not sent",
  "bad debt": "bad debts, not sent",
};

type Row = readonly [name: string, value: string];

function heading(text: string): string {
  return `\n${text}`;
}

function table(rows: readonly Row[]): readonly string[] {
  return rows.map(([name, value]) => `  ${name.padEnd(32)}${value.padStart(16)}`);
}

function count(many: number): string {
  return many.toLocaleString("en-GB");
}
