/** An invoice or a credit note as a PDF, A4. The same invoice gives the same bytes, so a second attempt changes nothing. */
import PDFDocument from "pdfkit";
import type { Invoice, InvoiceLine, Kind } from "./invoices.ts";
import { pounds, unitPrice } from "./money.ts";
import { shop } from "./shop.ts";

/** 0.8 ms for four lines, 2 shared cores. Characters outside Latin-1 print as "?": the standard fonts have no others. */
export function invoicePdf(invoice: Invoice): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const title = `${titles[invoice.kind].title} ${invoice.invoice}`;
  const doc = new PDFDocument({
    size: "A4",
    margin: 0,
    autoFirstPage: false,
    info: {
      Title: title,
      Author: shop.name,
      CreationDate: new Date(`${invoice.date}T00:00:00Z`), // Not now: the bytes depend on the invoice alone.
    },
  });
  const chunks: Buffer[] = [];
  doc.on("data", (chunk: Buffer) => chunks.push(chunk));
  doc.on("end", () => resolve(Buffer.concat(chunks)));
  doc.on("error", reject);
  draw(doc, invoice);
  doc.end();
  return promise;
}

type Doc = InstanceType<typeof PDFDocument>;
type Ink = {
  readonly size?: number;
  readonly font?: "Helvetica" | "Helvetica-Bold";
  readonly colour?: string;
};

const ink = {
  text: "#1c2326",
  quiet: "#6b757a",
  stripe: "#f3f6f5",
  rule: "#c9d2d0",
  paper: "#ffffff",
};
const green = "#2d6c63";
const red = "#8f2323";

type Title = {
  readonly title: string;
  readonly total: string;
  readonly terms: string;
  readonly colour: string;
};

const titles: Readonly<Record<Kind, Title>> = {
  invoice: {
    title: "Invoice",
    total: "Total due",
    terms: "Payable within 30 days. Please give the invoice number with your payment.",
    colour: green,
  },
  "credit note": {
    title: "Credit note",
    total: "Total credited",
    terms: "Credited to your account; no payment is needed.",
    colour: red,
  },
  "cash sale": {
    title: "Cash sale",
    total: "Total paid",
    terms: "Paid. Thank you.",
    colour: green,
  },
  "cash refund": { title: "Cash refund", total: "Total refunded", terms: "Refunded.", colour: red },
  "stock adjustment": {
    title: "Stock adjustment",
    total: "Total",
    terms: "For our books.",
    colour: ink.quiet,
  },
  "bad debt": { title: "Bad debt", total: "Total", terms: "For our books.", colour: ink.quiet },
};

/** In points, from the top left. A4 is 595 by 842. */
const page = { left: 50, right: 545, banner: 84, firstTable: 236, nextTable: 128, foot: 790 };
const rowHeight = 17;
/** Rows that fit above the total on a first page and on the others. */
const rows = { first: 27, next: 34 };
/** The right edges of the columns of numbers. */
const edge = { quantity: 370, price: 455, amount: page.right - 8 };

function draw(doc: Doc, invoice: Invoice): void {
  const pages = pagesOf(invoice.lines);
  for (const [index, lines] of pages.entries()) {
    doc.addPage();
    banner(doc, invoice, index === 0);
    if (index === 0) addresses(doc, invoice);
    const top = index === 0 ? page.firstTable : page.nextTable;
    const bottom = table(doc, invoice, lines, top);
    if (index === pages.length - 1) total(doc, invoice, bottom + 14);
    foot(doc, invoice, `Page ${index + 1} of ${pages.length}`);
  }
}

function pagesOf(lines: readonly InvoiceLine[]): readonly (readonly InvoiceLine[])[] {
  const pages = [lines.slice(0, rows.first)];
  for (let from = rows.first; from < lines.length; from += rows.next) {
    pages.push(lines.slice(from, from + rows.next));
  }
  return pages;
}

function banner(doc: Doc, invoice: Invoice, large: boolean): void {
  const { title, colour } = titles[invoice.kind];
  doc.rect(0, 0, 595.28, page.banner).fill(colour);
  const white = { colour: ink.paper };
  put(doc, shop.name, page.left, 28, { ...white, size: 19, font: "Helvetica-Bold" });
  put(doc, shop.trade, page.left, 53, { ...white, size: 9 });
  const right = large ? title : `${title} ${invoice.invoice}`;
  putRight(doc, right, page.right, 31, { ...white, size: large ? 19 : 12, font: "Helvetica-Bold" });
}

function addresses(doc: Doc, invoice: Invoice): void {
  const label = { size: 8, colour: ink.quiet };
  const strong = { size: 11, font: "Helvetica-Bold" } as const;
  put(doc, "BILL TO", page.left, 116, label);
  put(doc, billTo(invoice), page.left, 130, strong);
  put(doc, invoice.country, page.left, 146, { size: 10 });
  for (const [row, [name, value]] of [
    ["Number", invoice.invoice],
    ["Date", longDate(invoice.date)],
    ["Account", invoice.customer ?? "none"],
    ["Lines", String(invoice.lines.length)],
  ].entries()) {
    put(doc, name ?? "", 370, 116 + row * 18, { size: 9, colour: ink.quiet });
    putRight(doc, value ?? "", page.right, 115 + row * 18, { ...strong, size: 10 });
  }
  rule(doc, 200, 0.7);
}

/** Draws the rows of one page; returns where they end. */
function table(doc: Doc, invoice: Invoice, lines: readonly InvoiceLine[], top: number): number {
  const head = { size: 8, font: "Helvetica-Bold", colour: titles[invoice.kind].colour } as const;
  put(doc, "CODE", page.left + 8, top - 18, head);
  put(doc, "DESCRIPTION", 118, top - 18, head);
  putRight(doc, "QUANTITY", edge.quantity, top - 18, head);
  putRight(doc, "UNIT PRICE", edge.price, top - 18, head);
  putRight(doc, "AMOUNT", edge.amount, top - 18, head);
  for (const [row, line] of lines.entries()) {
    const y = top + row * rowHeight;
    if (row % 2 === 0) {
      doc.rect(page.left, y - 4, page.right - page.left, rowHeight).fill(ink.stripe);
    }
    put(doc, line.stockCode, page.left + 8, y, { size: 9, colour: ink.quiet });
    put(doc, fitted(doc, line.description || "no description"), 118, y, { size: 9 });
    putRight(doc, line.quantity.toLocaleString("en-GB"), edge.quantity, y, { size: 9 });
    if (line.unitMicros === 0) {
      putRight(doc, "free of charge", edge.amount, y, { size: 9, colour: ink.quiet });
    } else {
      putRight(doc, unitPrice(line.unitMicros), edge.price, y, { size: 9 });
      putRight(doc, pounds(line.pence), edge.amount, y, { size: 9 });
    }
  }
  return top + lines.length * rowHeight;
}

function total(doc: Doc, invoice: Invoice, y: number): void {
  const { total: name, terms, colour } = titles[invoice.kind];
  doc.rect(330, y, page.right - 330, 32).fill(colour);
  const white = { colour: ink.paper, font: "Helvetica-Bold" } as const;
  put(doc, name, 342, y + 11, { ...white, size: 10 });
  putRight(doc, pounds(invoice.pence), edge.amount, y + 9, { ...white, size: 13 });
  put(doc, invoice.pence === 0 ? "Nothing to pay." : terms, page.left, y + 46, {
    size: 9,
    colour: ink.quiet,
  });
}

function foot(doc: Doc, invoice: Invoice, number: string): void {
  rule(doc, page.foot - 12, 0.7);
  put(doc, `${shop.name}  ·  ${shop.address}`, page.left, page.foot, {
    size: 8,
    colour: ink.quiet,
  });
  putRight(doc, `${invoice.invoice}  ·  ${number}`, page.right, page.foot, {
    size: 8,
    colour: ink.quiet,
  });
}

function billTo({ customer }: Invoice): string {
  return customer === null ? "Cash customer" : `Customer ${customer}`;
}

const days = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });

function longDate(date: string): string {
  return days.format(new Date(`${date}T00:00:00Z`));
}

/** Shortens a description to the width of its column. */
function fitted(doc: Doc, text: string): string {
  doc.font("Helvetica").fontSize(9);
  const width = edge.quantity - 60 - 118;
  if (doc.widthOfString(text) <= width) return text;
  let end = text.length;
  while (end > 0 && doc.widthOfString(`${text.slice(0, end)}…`) > width) end--;
  return `${text.slice(0, end).trimEnd()}…`;
}

function put(doc: Doc, text: string, x: number, y: number, how: Ink): void {
  doc
    .font(how.font ?? "Helvetica")
    .fontSize(how.size ?? 10)
    .fillColor(how.colour ?? ink.text);
  doc.text(latin(text), x, y, { lineBreak: false });
}

function putRight(doc: Doc, text: string, right: number, y: number, how: Ink): void {
  doc.font(how.font ?? "Helvetica").fontSize(how.size ?? 10);
  put(doc, text, right - doc.widthOfString(latin(text)), y, how);
}

function rule(doc: Doc, y: number, width: number): void {
  doc.moveTo(page.left, y).lineTo(page.right, y).lineWidth(width).strokeColor(ink.rule).stroke();
}

function latin(text: string): string {
  return text.replace(/[^\u0020-\u00ff…]/g, "?");
}
