/** invoices.ts: a flow that fans out, folds in and goes on. */
import type { SchemaLibrary } from "../options.ts";

const schemas: Readonly<
  Record<
    SchemaLibrary,
    { readonly imports: string; readonly month: string; readonly customer: string }
  >
> = {
  zod: {
    imports: `import { z } from "zod";`,
    month: `z.object({ month: z.string().regex(/^\\d{4}-\\d{2}$/) })`,
    customer: `z.object({ id: z.string(), email: z.email() })`,
  },
  valibot: {
    imports: `import * as v from "valibot";`,
    month: `v.object({ month: v.pipe(v.string(), v.regex(/^\\d{4}-\\d{2}$/)) })`,
    customer: `v.object({ id: v.string(), email: v.pipe(v.string(), v.email()) })`,
  },
  arktype: {
    imports: `import { type } from "arktype";`,
    month: `type({ month: /^\\d{4}-\\d{2}$/ })`,
    customer: `type({ id: "string", email: "string.email" })`,
  },
};

export function invoicesFile(library: SchemaLibrary): string {
  const { imports, month, customer } = schemas[library];
  return `import { setTimeout as sleep } from "node:timers/promises";

import { flow, job } from "fanfold";
${imports}

/** The work of one sub-job. It may be tried again, so hand ctx.key to whatever must not happen twice. */
export const sendInvoice = job("send-invoice", {
  input: ${customer},
  retry: { attempts: 5, first: "200ms" },
  timeout: "1m",
  async run({ id, email }, ctx) {
    await sleep(50, undefined, { signal: ctx.signal }); // Render and mail it here.
    if (email.startsWith("nobody@")) return ctx.fatal("customer has no address");
    if (ctx.attempt === 1 && id.endsWith("7")) throw new Error("451 mailbox busy");
    return { id, cents: 990 + id.length };
  },
});

export const monthlyInvoices = flow("monthly-invoices", { input: ${month} })
  .step("check", ({ input }) => ({ month: input.month, expected: 1_000 }))
  .fanOut("invoices", sendInvoice, {
    over: () => customers(1_000), // Your data: an array, a generator, or an async generator; it is streamed.
    key: (customer) => customer.id,
    tolerate: "1%", // Beyond that the run is held, and you decide.
    fold: (f) => ({ sent: f.count(), cents: f.sum((invoice) => invoice.cents) }),
  })
  .step("report", ({ check, invoices }) => ({
    month: check.month,
    sent: invoices.value.sent,
    failed: invoices.failed,
    total: invoices.value.cents / 100,
  }));

function* customers(count: number) {
  for (let i = 1; i <= count; i++)
    yield { id: \`c-\${i}\`, email: i % 250 === 0 ? "nobody@example.com" : \`c\${i}@example.com\` };
}
`;
}
