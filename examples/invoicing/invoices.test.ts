import assert from "node:assert/strict";
import { test } from "node:test";
import { type Invoice, invoices } from "./invoices.ts";
import { type OrderLine, OrderFileError } from "./lines.ts";

let lineNumber = 1;

function line(invoice: string, more: Partial<OrderLine> = {}): OrderLine {
  return {
    line: ++lineNumber,
    invoice,
    stockCode: "22423",
    description: "CAKE STAND",
    quantity: 2,
    orderedAt: "2010-12-01 08:26:00",
    unitMicros: 12_750_000,
    customer: "17850",
    country: "United Kingdom",
    ...more,
  };
}

async function* each(lines: readonly OrderLine[]): AsyncGenerator<OrderLine> {
  yield* lines;
}

async function grouped(...lines: readonly OrderLine[]): Promise<readonly Invoice[]> {
  const all: Invoice[] = [];
  for await (const invoice of invoices("orders.csv", each(lines))) all.push(invoice);
  return all;
}

async function only(...lines: readonly OrderLine[]): Promise<Invoice> {
  const [first, ...others] = await grouped(...lines);
  assert.ok(first !== undefined);
  assert.deepEqual(others, []);
  return first;
}

test("lines of an invoice are brought together from all over the file, in its order", async () => {
  const all = await grouped(line("3"), line("1", { stockCode: "A" }), line("2"), line("1"));
  assert.deepEqual(
    all.map(({ invoice, lines }) => [invoice, lines.map(({ stockCode }) => stockCode)]),
    [
      ["1", ["A", "22423"]],
      ["2", ["22423"]],
      ["3", ["22423"]],
    ],
  );
});

test("no lines are no invoices", async () => {
  assert.deepEqual(await grouped(), []);
});

test("the total is the sum of the lines as they are printed", async () => {
  const third = { quantity: 1, unitMicros: 335_000 };
  const { lines, pence } = await only(line("1", third), line("1", third), line("1", third));
  assert.deepEqual(
    lines.map((one) => one.pence),
    [34, 34, 34],
  );
  assert.equal(pence, 102);
});

test("an invoice is dated by its earliest line", async () => {
  const late = line("1", { orderedAt: "2010-12-02 00:01:00" });
  const early = line("1", { orderedAt: "2010-12-01 23:59:00" });
  assert.equal((await only(late, early)).date, "2010-12-01");
});

test("a document is what an accountant would call it", async () => {
  const nobody = { customer: undefined };
  const free = { unitMicros: 0 };
  const cases: readonly (readonly [Invoice["kind"], readonly OrderLine[]])[] = [
    ["invoice", [line("1")]],
    ["invoice", [line("1", free)]],
    ["credit note", [line("C1", { quantity: -2 })]],
    ["cash sale", [line("1", nobody)]],
    ["cash sale", [line("1", nobody), line("1", { ...nobody, ...free })]],
    ["cash refund", [line("C1", { ...nobody, quantity: -2 })]],
    ["stock adjustment", [line("1", { ...nobody, ...free, quantity: -9 })]],
    ["bad debt", [line("A1", { ...nobody, quantity: -1 })]],
  ];
  for (const [kind, lines] of cases) assert.equal((await only(...lines)).kind, kind);
});

test("a credit note is negative, and free lines stay on an invoice", async () => {
  assert.equal((await only(line("C1", { quantity: -2 }))).pence, -2_550);
  const gift = await only(line("1"), line("1", { unitMicros: 0 }));
  assert.deepEqual([gift.lines.length, gift.pence], [2, 2_550]);
});

test("an invoice for two customers or countries is refused: it cannot be known whom to bill", async () => {
  const one = line("1");
  await assert.rejects(grouped(one, line("1", { customer: "13047" })), (error) => {
    assert.ok(error instanceof OrderFileError);
    assert.equal(error.column, "CustomerID");
    assert.match(error.message, /invoice 1 has "13047" here and "17850" on line \d+$/);
    return true;
  });
  await assert.rejects(grouped(line("1"), line("1", { country: "EIRE" })), /column Country/);
});

test("the same lines give the same invoices", async () => {
  const lines = [line("2"), line("C1", { quantity: -1 }), line("1")];
  assert.deepEqual(await grouped(...lines), await grouped(...lines));
});

test("whoever stops early leaves nothing open", async () => {
  const some = invoices("orders.csv", each([line("1"), line("2")]));
  await some.next();
  assert.deepEqual(await some.return(undefined), { done: true, value: undefined });
});
