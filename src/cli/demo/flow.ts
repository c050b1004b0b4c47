/** What the demo runs, and shows at its end: `code` is this file's own text, and a test compares the two. */
import type { Part } from "../../app/parts.ts";
import type { Duration } from "../../define/duration.ts";
import { flow } from "../../define/flow.ts";
import type { Flow } from "../../define/flow.ts";
import { job } from "../../define/job.ts";
import type { Retry } from "../../define/work.ts";
import { customer, month } from "./world.ts";
import type { World } from "./world.ts";

type Invoice = { readonly id: string; readonly cents: number };

export type Folded = {
  readonly sent: number;
  readonly cents: number;
  readonly biggest: readonly Invoice[];
};

/** In real time: the world is sped up, the engine is not. */
export type Pace = { readonly retry: Retry; readonly deadline: Duration };

export type Invoicing = {
  readonly monthlyInvoices: Flow<"monthly-invoices", { readonly month: string }, unknown, Folded>;
  readonly parts: readonly Part[];
};

export function invoicing({ customers, print, mail }: World, { retry, deadline }: Pace): Invoicing {
  const sendInvoice = job("send-invoice", {
    input: customer,
    retry,
    async run(customer, ctx) {
      const cents = await print(customer, ctx);
      mail(customer, ctx);
      return { id: customer.id, cents };
    },
  });
  const monthlyInvoices = flow("monthly-invoices", { input: month, deadline })
    .fanOut("invoices", sendInvoice, {
      over: customers,
      key: (customer) => customer.id,
      tolerate: "0.5%",
      fold: (f) => ({
        sent: f.count(),
        cents: f.sum((invoice) => invoice.cents),
        biggest: f.top(3, (invoice) => invoice.cents),
      }),
    })
    .step("report", ({ invoices }) => invoices.value);
  return { monthlyInvoices, parts: [monthlyInvoices, sendInvoice] };
}

export const code = `
  const sendInvoice = job("send-invoice", {
    input: customer,
    retry,
    async run(customer, ctx) {
      const cents = await print(customer, ctx);
      mail(customer, ctx);
      return { id: customer.id, cents };
    },
  });
  const monthlyInvoices = flow("monthly-invoices", { input: month, deadline })
    .fanOut("invoices", sendInvoice, {
      over: customers,
      key: (customer) => customer.id,
      tolerate: "0.5%",
      fold: (f) => ({
        sent: f.count(),
        cents: f.sum((invoice) => invoice.cents),
        biggest: f.top(3, (invoice) => invoice.cents),
      }),
    })
    .step("report", ({ invoices }) => invoices.value);
`;
