/** The main job: a month's order lines become documents, mailed, counted and reported. */
import { z } from "zod";
import { type Flow, flow, type Job, job } from "../../src/index.ts";
import { type Invoice, invoices, isSale, kinds } from "./invoices.ts";
import { OrderFileError, orderLines } from "./lines.ts";
import { isRefusedForGood } from "./mail.ts";
import { office } from "./office.ts";
import { invoicePdf } from "./pdf.ts";
import { largestFirst, nobody, type Report } from "./report.ts";

const invoiceLine = z.object({
  stockCode: z.string(),
  description: z.string(),
  quantity: z.int(),
  unitMicros: z.int(),
  pence: z.int(),
});

const invoice = z.object({
  invoice: z.string(),
  kind: z.enum(kinds),
  date: z.iso.date(),
  customer: z.string().nullable(),
  country: z.string(),
  pence: z.int(),
  lines: z.array(invoiceLine).readonly(),
});

/** What the folds see of a document. */
type Made = Pick<Invoice, "invoice" | "kind" | "customer" | "country" | "pence"> & {
  readonly mailed: boolean;
};

export const makeInvoice: Job<"make-invoice", Invoice, Made> = job("make-invoice", {
  input: invoice,
  timeout: "1m",
  retry: {
    attempts: 5,
    backoff: "exponential",
    first: "200ms",
    max: "10s",
    unless: isRefusedForGood,
  },
  estimate: "10ms",
  async run({ lines, date, ...document }, ctx) {
    if (!isSale(document.kind)) return { ...document, mailed: false };
    const whole = { ...document, date, lines };
    const pdf = await invoicePdf(whole);
    await office().file(`${document.invoice}.pdf`, pdf);
    await office().mailer.send(whole, pdf, ctx.key); // The same key on every attempt.
    return { ...document, mailed: true };
  },
});

/** A mistake in the file is there the next time, too. */
const reading = { retry: { unless: (error: unknown) => error instanceof OrderFileError } };

export type Month = { readonly file: string };

export const monthlyInvoicing: Flow<"monthly-invoicing", Month, unknown, Report> = flow(
  "monthly-invoicing",
  { input: z.object({ file: z.string() }) },
)
  .step("check", ({ input }) => controlTotals(input.file), reading)
  .fanOut("invoices", makeInvoice, {
    over: ({ input }) => invoices(input.file, orderLines(input.file)),
    key: ({ invoice }) => invoice,
    tolerate: "1%",
    split: reading,
    fold: (f) => ({
      documents: f.countBy(({ kind }) => kind),
      mails: f.count(({ mailed }) => mailed),
      pence: f.sum(({ kind, pence }) => (isSale(kind) ? pence : 0)),
      badDebtPence: f.sum(({ kind, pence }) => (kind === "bad debt" ? pence : 0)),
      countries: f.sumBy(({ kind, country }) => (isSale(kind) ? country : nobody), penceOf),
      customers: f.sumBy(({ kind, customer }) => (isSale(kind) && customer) || nobody, penceOf),
    }),
  })
  .step("report", ({ check, invoices: { failed, value } }) => {
    const { mails, countries, customers, ...totals } = value;
    return {
      totals: {
        ...totals,
        countries: largestFirst(countries).map(([country, pence]) => ({ country, pence })),
        customers: largestFirst(customers)
          .slice(0, 10)
          .map(([customer, pence]) => ({ customer, pence })),
      },
      delivery: { mails, failed, expectedPence: check.pence },
    };
  });

function penceOf({ pence }: Made): number {
  return pence;
}

/** Reads the whole file before anything is sent: a mistake on the last line is found before the first mail. */
async function controlTotals(file: string): Promise<{ documents: number; pence: number }> {
  let documents = 0;
  let pence = 0;
  for await (const invoice of invoices(file, orderLines(file))) {
    documents++;
    if (isSale(invoice.kind)) pence += invoice.pence;
  }
  return { documents, pence };
}
