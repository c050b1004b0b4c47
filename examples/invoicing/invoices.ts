/**
 * Order lines become invoices.
 *
 * The lines of an invoice may be anywhere in the file, so nothing can be handed on before the last line was read. Keeping
 * them in a Map would do for the thirty thousand lines of the real file and not for five million; a temporary SQLite
 * database sorts either, on disk where it must, and removes itself however the program ends (1.5 million lines: 12 s and a peak
 * of 214 MB, of which 105 MB are there for thirty thousand; 2 shared cores, Node 24.21). One way for both sizes is less to
 * get wrong than two. (Declined: refusing unsorted files, which would make the accountant sort them; a window of
 * open invoices, which is right until the day a line comes late.)
 *
 * What a document is, as an accountant sees it:
 *
 *   invoice           a customer bought something.
 *   credit note       its number starts with C: something came back, or was wrongly charged; its amounts are negative.
 *   cash sale         a sale without a customer's account, over the counter or by a marketplace. It is revenue like any
 *                     other, so it gets a numbered document and is in every total; but there is nobody to send it to, so
 *                     the shop's own archive receives it, and it is nobody's in the ranking of customers.
 *   cash refund       a credit note without a customer's account.
 *   stock adjustment  no customer and nothing charged ("check", "damages", "found"): a note of the warehouse in the same
 *                     series of numbers. There is nobody to bill and nothing to bill: reported, never sent.
 *   bad debt          its number starts with A: a debt given up. It corrects what is owed, not what was sold: reported on
 *                     a line of its own, never sent, and in no total of sales.
 *
 * A line with price zero on any other document stays on it, as free of charge: the customer did receive it.
 */
import { DatabaseSync } from "node:sqlite";
import { type OrderLine, OrderFileError } from "./lines.ts";
import { linePence } from "./money.ts";

export const kinds = [
  "invoice",
  "credit note",
  "cash sale",
  "cash refund",
  "stock adjustment",
  "bad debt",
] as const;
export type Kind = (typeof kinds)[number];

export type InvoiceLine = {
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  /** Millionths of a pound. */
  readonly unitMicros: number;
  readonly pence: number;
};

/** Plain JSON: this is what a sub-job is given. */
export type Invoice = {
  readonly invoice: string;
  readonly kind: Kind;
  /** Of its earliest line: "2011-10-06". */
  readonly date: string;
  /** Null: no account, a sale over the counter. */
  readonly customer: string | null;
  readonly country: string;
  readonly pence: number;
  readonly lines: readonly InvoiceLine[];
};

/** Whether a document sells something or takes it back: then it is sent, and counts in the totals. */
export function isSale(kind: Kind): boolean {
  return kind !== "stock adjustment" && kind !== "bad debt";
}

/** Lines of one invoice: an item must fit in a megabyte. The longest one known has 1,114. */
const longestInvoice = 5_000;

/**
 * The invoices of a file's lines, by number; the same lines give the same invoices in the same order.
 *
 * Throws OrderFileError if lines of one invoice name different customers or countries: it cannot be known whom to bill.
 */
export async function* invoices(
  file: string,
  lines: AsyncIterable<OrderLine>,
): AsyncGenerator<Invoice> {
  const sorter = lineSorter();
  try {
    for await (const line of lines) sorter.add(line);
    let open: OrderLine[] = [];
    for (const line of sorter.sorted()) {
      const [first] = open;
      if (first !== undefined && first.invoice !== line.invoice) {
        yield invoice(first, open);
        open = [];
      }
      checkBelongs(file, open, line);
      open.push(line);
    }
    const [first] = open;
    if (first !== undefined) yield invoice(first, open);
  } finally {
    sorter.close();
  }
}

function checkBelongs(file: string, open: readonly OrderLine[], line: OrderLine): void {
  const [first] = open;
  if (first === undefined) return;
  if (open.length === longestInvoice) {
    const what = `invoice ${line.invoice} has more than ${longestInvoice} lines`;
    throw new OrderFileError(file, what, { line: line.line });
  }
  for (const [column, mine, theirs] of [
    ["CustomerID", line.customer ?? "none", first.customer ?? "none"],
    ["Country", line.country, first.country],
  ] as const) {
    if (mine === theirs) continue;
    const what = `invoice ${line.invoice} has "${mine}" here and "${theirs}" on line ${first.line}`;
    throw new OrderFileError(file, what, { line: line.line, column });
  }
}

function invoice(first: OrderLine, open: readonly OrderLine[]): Invoice {
  const lines = open.map(({ stockCode, description, quantity, unitMicros }) => {
    const pence = linePence(quantity, unitMicros);
    return { stockCode, description, quantity, unitMicros, pence };
  });
  return {
    invoice: first.invoice,
    kind: kindOf(first, open),
    date: open
      .reduce((at, line) => (line.orderedAt < at ? line.orderedAt : at), first.orderedAt)
      .slice(0, 10),
    customer: first.customer ?? null,
    country: first.country,
    pence: lines.reduce((sum, line) => sum + line.pence, 0),
    lines,
  };
}

function kindOf({ invoice: number, customer }: OrderLine, open: readonly OrderLine[]): Kind {
  if (number.startsWith("A")) return "bad debt";
  if (number.startsWith("C")) return customer === undefined ? "cash refund" : "credit note";
  if (customer !== undefined) return "invoice";
  return open.every((line) => line.unitMicros === 0) ? "stock adjustment" : "cash sale";
}

type LineSorter = {
  readonly add: (line: OrderLine) => void;
  /** By invoice, then as in the file. */
  readonly sorted: () => Iterable<OrderLine>;
  readonly close: () => void;
};

function lineSorter(): LineSorter {
  const db = new DatabaseSync(""); // No name: a temporary file, made when memory does not do, gone when closed.
  db.exec(`
    pragma journal_mode = off;
    pragma synchronous = off;
    pragma cache_size = -16000;
    create table lines (
      invoice text, line integer, stockCode text, description text,
      quantity integer, orderedAt text, unitMicros integer, customer text, country text
    );
    begin;
  `);
  const insert = db.prepare(`insert into lines values (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const sorted = db.prepare(`select * from lines order by invoice, line`);
  return {
    add(line) {
      insert.run(
        line.invoice,
        line.line,
        line.stockCode,
        line.description,
        line.quantity,
        line.orderedAt,
        line.unitMicros,
        line.customer ?? null,
        line.country,
      );
    },
    *sorted() {
      for (const row of sorted.iterate()) {
        const line = row as Omit<OrderLine, "customer"> & { customer: string | null }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it ourselves, in add
        yield { ...line, customer: line.customer ?? undefined };
      }
    },
    close: () => db.close(),
  };
}
