import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { invoices, isSale } from "./invoices.ts";
import { orderLines } from "./lines.ts";
import { largestFirst, nobody, type Totals } from "./report.ts";
import { sampleCsv, writeSample } from "./sample.ts";
import { totalsOf } from "./totals.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-totals-"));
after(() => rmSync(folder, { recursive: true }));

/** The real order lines: where FANFOLD_INVOICES says, or beside the project. */
const real =
  process.env["FANFOLD_INVOICES"] ??
  join(import.meta.dirname, "../../../shared/data/online-retail-invoices.csv.gz");

/** The report by way of invoices and folds, without Fanfold. */
async function folded(file: string): Promise<Totals> {
  const documents: Record<string, number> = {};
  const countries: Record<string, number> = {};
  const customers: Record<string, number> = {};
  let pence = 0;
  let badDebtPence = 0;
  for await (const invoice of invoices(file, orderLines(file))) {
    documents[invoice.kind] = (documents[invoice.kind] ?? 0) + 1;
    if (invoice.kind === "bad debt") badDebtPence += invoice.pence;
    if (!isSale(invoice.kind)) continue;
    pence += invoice.pence;
    add(countries, invoice.country, invoice.pence);
    add(customers, invoice.customer ?? nobody, invoice.pence);
  }
  return {
    documents,
    pence,
    badDebtPence,
    countries: largestFirst(countries).map(([country, pence]) => ({ country, pence })),
    customers: largestFirst(customers)
      .slice(0, 10)
      .map(([customer, pence]) => ({ customer, pence })),
  };
}

function add(to: Record<string, number>, name: string, pence: number): void {
  to[name] = (to[name] ?? 0) + pence;
}

test("the sample comes to the same both ways, with every kind of document in it", async () => {
  const file = join(folder, "sample.csv");
  writeSample(file, { invoices: 3_000 });
  const totals = totalsOf(file);
  assert.deepEqual(await folded(file), totals);
  for (const kind of [
    "invoice",
    "credit note",
    "cash sale",
    "cash refund",
    "stock adjustment",
    "bad debt",
  ]) {
    assert.ok((totals.documents[kind] ?? 0) > 0, `there is no ${kind} in it`);
  }
});

test("the sample is the same every time, and another for another seed", () => {
  assert.equal(sampleCsv({ invoices: 50 }), sampleCsv({ invoices: 50 }));
  assert.notEqual(sampleCsv({ invoices: 50 }), sampleCsv({ invoices: 50, seed: 2 }));
});

test(
  "the real order lines come to the same both ways, to the penny",
  { skip: existsSync(real) ? false : `there is no "${real}": name it in FANFOLD_INVOICES` },
  async () => {
    const totals = totalsOf(real);
    assert.deepEqual(await folded(real), totals);
    assert.ok(totals.countries.length > 1);
  },
);
