import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type OrderLine, OrderFileError, orderLines } from "./lines.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-lines-"));
after(() => rmSync(folder, { recursive: true }));

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
const good = "536365,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom";
let files = 0;

function fileOf(content: string | Buffer): string {
  const file = join(folder, `${++files}.csv`);
  writeFileSync(file, content);
  return file;
}

async function readAll(file: string): Promise<readonly OrderLine[]> {
  const lines: OrderLine[] = [];
  for await (const line of orderLines(file)) lines.push(line);
  return lines;
}

async function refused(content: string | Buffer): Promise<OrderFileError> {
  try {
    await readAll(fileOf(content));
  } catch (error) {
    assert.ok(error instanceof OrderFileError);
    return error;
  }
  return assert.fail("it was not refused");
}

test("a line is read in the types it means", async () => {
  assert.deepEqual(await readAll(fileOf(`${header}\n${good}\n`)), [
    {
      line: 2,
      invoice: "536365",
      stockCode: "85123A",
      description: "HEART",
      quantity: 6,
      orderedAt: "2010-12-01 08:26:00",
      unitMicros: 2_550_000,
      customer: "17850",
      country: "United Kingdom",
    },
  ]);
});

test("a gzipped file is read like a plain one, whatever its name", async () => {
  const text = `${header}\n${good}\n`;
  assert.deepEqual(await readAll(fileOf(gzipSync(text))), await readAll(fileOf(text)));
});

test("quotes, commas, spaces, a byte order mark and CRLF are what CSV says they are", async () => {
  const odd = good.replace("HEART", '"FRAME 7"" SINGLE, RED "');
  const [line] = await readAll(fileOf(`\uFEFF${header}\r\n${odd}\r\n`));
  assert.equal(line?.description, 'FRAME 7" SINGLE, RED');
});

test("columns are found by their names, and others are ignored", async () => {
  const text = `Country,Extra,${header.replace(",Country", "")}\nEIRE,x,${good.replace(",United Kingdom", "")}\n`;
  const [line] = await readAll(fileOf(text));
  assert.equal(line?.country, "EIRE");
  assert.equal(line?.unitMicros, 2_550_000);
});

test("a line without a customer is a sale over the counter", async () => {
  const [line] = await readAll(fileOf(`${header}\n${good.replace("17850.0", "")}\n`));
  assert.equal(line?.customer, undefined);
});

test("a wrong value is refused with its file, line and column", async () => {
  const error = await refused(`${header}\n${good}\n${good.replace(",6,", ",six,")}\n`);
  assert.deepEqual([error.line, error.column], [3, "Quantity"]);
  assert.match(
    error.message,
    /\.csv", line 3, column Quantity: must be a whole number, got "six"$/,
  );
});

test("an invoice number that could lead out of the folder is refused", async () => {
  const error = await refused(`${header}\n${good.replace("536365", "../536365")}\n`);
  assert.equal(error.column, "InvoiceNo");
});

test("prices beyond a millionth, dates that are none and text that is not UTF-8 are refused", async () => {
  const price = await refused(`${header}\n${good.replace("2.55", "2.5555555")}\n`);
  assert.equal(price.column, "UnitPrice");
  const date = await refused(`${header}\n${good.replace("2010-12-01", "2010-13-01")}\n`);
  assert.equal(date.column, "InvoiceDate");
  const latin1 = Buffer.from(`${header}\n${good.replace("HEART", "\u00A3 HEART")}\n`, "latin1");
  assert.equal((await refused(latin1)).column, "Description");
});

test("a missing column is named", async () => {
  const error = await refused(`${header.replace(",CustomerID", "")}\n`);
  assert.match(error.message, /line 1: has no column CustomerID; expected InvoiceNo,/);
});

test("a line with too few fields is refused with its number", async () => {
  const error = await refused(`${header}\n${good}\n536366,85123A\n`);
  assert.equal(error.line, 3);
});

test("a quote that is never closed is refused and not searched for in the whole file", async () => {
  const open = good.replace("HEART", '"HEART');
  const error = await refused(`${header}\n${open}\n${`${good}\n`.repeat(5_000)}`);
  assert.match(error.message, /record/i);
});

test("an empty file, a missing one and half a gzip each say what is wrong", async () => {
  assert.match((await refused("")).message, /is empty: expected a first line InvoiceNo,/);
  await assert.rejects(readAll(join(folder, "none.csv")), /none\.csv": cannot be read \(ENOENT/);
  const whole = gzipSync(`${header}\n${good}\n`);
  const half = await refused(whole.subarray(0, whole.length - 12));
  assert.match(half.message, /cannot be read \(unexpected end of file\)/);
});

test("a reader that stops early closes the file", async () => {
  const lines = orderLines(fileOf(`${header}\n${`${good}\n`.repeat(50_000)}`));
  await lines.next();
  assert.deepEqual(await lines.return(undefined), { done: true, value: undefined });
});
