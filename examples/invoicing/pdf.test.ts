import assert from "node:assert/strict";
import { test } from "node:test";
import type { Invoice } from "./invoices.ts";
import { invoicePdf } from "./pdf.ts";

const line = {
  stockCode: "22423",
  description: "CAKE STAND",
  quantity: 1,
  unitMicros: 12_750_000,
  pence: 1_275,
};

const invoice: Invoice = {
  invoice: "536365",
  kind: "invoice",
  date: "2010-12-01",
  customer: "17850",
  country: "United Kingdom",
  pence: 1_275,
  lines: [line],
};

const pages = (pdf: Buffer): number =>
  pdf.toString("latin1").match(/\/Type \/Page\b/g)?.length ?? 0;

test("an invoice becomes a PDF of one page, named in its title", async () => {
  const pdf = await invoicePdf(invoice);
  const text = pdf.toString("latin1");
  assert.ok(text.startsWith("%PDF-1."));
  assert.ok(text.trimEnd().endsWith("%%EOF"));
  assert.ok(text.includes("(Invoice 536365)"));
  assert.equal(pages(pdf), 1);
});

test("the same invoice gives the same bytes, so a second attempt changes nothing", async () => {
  assert.deepEqual(await invoicePdf(invoice), await invoicePdf({ ...invoice }));
});

test("long invoices go on, on as many pages as they need", async () => {
  const lines = (count: number): Invoice => ({
    ...invoice,
    lines: Array.from({ length: count }, () => line),
  });
  assert.equal(pages(await invoicePdf(lines(27))), 1);
  assert.equal(pages(await invoicePdf(lines(28))), 2);
  assert.equal(pages(await invoicePdf(lines(27 + 34 + 1))), 3);
});

test("whatever a description contains, it can be printed", async () => {
  const description = "ΚΕΡΙ 🎁 £5 \u0000 ".repeat(40);
  await invoicePdf({ ...invoice, lines: [{ ...line, description }] });
});
