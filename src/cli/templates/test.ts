/** invoices.test.ts: the flow on an engine in memory. */
export function testFile(): string {
  return `import assert from "node:assert/strict";
import { test } from "node:test";

import { app } from "fanfold";

import { monthlyInvoices, sendInvoice } from "./invoices.ts";

test("every customer with an address gets an invoice, and the report counts them", async () => {
  const inMemory = app({ name: "test", url: "memory:", parts: [monthlyInvoices, sendInvoice] });
  const stop = new AbortController();
  const working = inMemory.work({ concurrency: 200, signal: stop.signal });

  const run = await inMemory.start(monthlyInvoices, { month: "2026-10" }, { id: "invoices-2026-10" });
  const report = await run.result({ timeout: "30s" });

  assert.equal(report.sent, 996);
  assert.equal(report.failed, 4);
  stop.abort();
  await working;
  await inMemory.close();
});

test("a month that is none is refused before anything is stored", async () => {
  const inMemory = app({ name: "test", url: "memory:", parts: [monthlyInvoices, sendInvoice] });
  await assert.rejects(inMemory.start(monthlyInvoices, { month: "October" }, { id: "wrong" }));
  await inMemory.close();
});
`;
}
