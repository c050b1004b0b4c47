import assert from "node:assert/strict";
import { test } from "node:test";
import { largestFirst, nobody, type Report, reportText } from "./report.ts";

const report: Report = {
  totals: {
    documents: { invoice: 1_200, "credit note": 3 },
    pence: 1_234_567,
    badDebtPence: 0,
    countries: [
      { country: "United Kingdom", pence: 1_234_967 },
      { country: "Czech Republic", pence: -400 },
    ],
    customers: [{ customer: "17450", pence: 99_900 }],
  },
  delivery: { mails: 1_203, failed: 0, expectedPence: 1_234_567 },
};

test("the report shows what there is, in pounds", () => {
  const text = reportText(report);
  assert.match(text, /^ {2}invoices +1,200$/m);
  assert.match(text, /^ {2}Czech Republic +-£4\.00$/m);
  assert.match(text, /^ {2}total +£12,345\.67$/m);
  assert.match(text, /^ {2}17450 +£999\.00$/m);
  assert.match(text, /agrees with the file: £12,345\.67/);
});

test("what there is none of is left out", () => {
  assert.doesNotMatch(reportText(report), /bad debts|cash sales/);
});

test("a difference from the file is said, with its reason", () => {
  const delivery = { ...report.delivery, failed: 2, expectedPence: 1_235_567 };
  assert.match(
    reportText({ ...report, delivery }),
    /differs from the file by -£10\.00 \(2 documents failed\)/,
  );
});

test("sums are listed largest first, of equals by name, and without what is nobody's", () => {
  assert.deepEqual(largestFirst({ [nobody]: 99, c: 2, a: -4, b: 2 }), [
    ["b", 2],
    ["c", 2],
    ["a", -4],
  ]);
});
