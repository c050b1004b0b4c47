import { app, flow, job } from "../src/index.ts";
import { z } from "zod";

const sendInvoice = job("send-invoice", {
  input: z.object({ customer: z.string(), cents: z.int() }),
  run: ({ cents }) => new Promise<number>((sent) => setTimeout(sent, 100, cents)), // Your mail here.
});

const monthEnd = flow("month-end", { input: z.object({ customers: z.int() }) })
  .fanOut("invoices", sendInvoice, {
    *over({ input }) {
      for (let n = 1; n <= input.customers; n++) yield { customer: `c-${n}`, cents: 990 + n };
    },
    key: ({ customer }) => customer,
    fold: (f) => ({ sent: f.count(), cents: f.sum((cents) => cents) }),
  })
  .step("report", ({ invoices }) => invoices.value);

const billing = app({ name: "billing", parts: [monthEnd, sendInvoice] });
const run = await billing.start(monthEnd, { customers: 1_000 }, { id: "month-end-2026-10" });
void billing.work({ concurrency: 50 });
for await (const { state, done } of run.watch()) console.log(state, done);
console.log(await run.result());
await billing.close();
