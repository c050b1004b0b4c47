/** Ten thousand invoices a month, a minute each, in ninety minutes; invoices.test.ts shows it before anything is deployed. */
import { z } from "zod";
import { type Flow, flow, type Job, job } from "../../src/index.ts";
import { type Customer, customers, mail, pdf } from "./office.ts";

export type Sent = { readonly customerId: string; readonly cents: number; readonly issued: string };

export const sendInvoice: Job<"send-invoice", Customer, Sent> = job("send-invoice", {
  input: z.object({ customerId: z.string(), email: z.string(), month: z.string() }),
  timeout: "5m",
  retry: { attempts: 5, max: "10m" },
  estimate: "1m", // Before anything has run, this says how much to hand out at once.
  async run({ customerId, email, month }, ctx) {
    const document = await pdf.render(customerId, month, ctx.signal);
    await mail.send(email, document.url, ctx.key);
    return { customerId, cents: document.cents, issued: ctx.now.toISOString() };
  },
});

export const monthlyInvoices: Flow<"monthly-invoices", { month: string }, unknown, string> = flow(
  "monthly-invoices",
  { input: z.object({ month: z.string() }), deadline: "90m" },
)
  .step("check", ({ input }) => ({ expected: customers.count(input.month) }))
  .fanOut("invoices", sendInvoice, {
    over: ({ input }) => customers.of(input.month),
    key: (customer) => customer.customerId,
    tolerate: "1%",
    fold: (f) => ({ sent: f.count(), cents: f.sum((invoice) => invoice.cents) }),
  })
  .step("report", ({ input, check, invoices }) =>
    mail.report(input.month, { ...check, failed: invoices.failed, ...invoices.value }),
  );
