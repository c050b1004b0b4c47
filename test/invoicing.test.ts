/** The main job end to end: the program people run, real files, real mails, and a kill in the middle. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { invoices, isSale } from "../examples/invoicing/invoices.ts";
import { orderLines } from "../examples/invoicing/lines.ts";
import { reportText } from "../examples/invoicing/report.ts";
import { writeSample } from "../examples/invoicing/sample.ts";
import { totalsOf } from "../examples/invoicing/totals.ts";
import { exitCodes } from "../src/cli/exit.ts";
import { until } from "./until.ts";

const demo = join(import.meta.dirname, "../examples/invoicing/demo.ts");
const root = join(import.meta.dirname, "..");

/** The real order lines: where FANFOLD_INVOICES says, or beside the project. */
const real =
  process.env["FANFOLD_INVOICES"] ?? join(root, "../shared/data/online-retail-invoices.csv.gz");

type Ended = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly said: string;
};

const runDemo = (...args: readonly string[]): Promise<Ended> => startDemo(...args).ended;

function startDemo(...args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>();
  const child = spawn(process.execPath, [demo, ...args], { cwd: root });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => said.push(chunk));
  child.on("error", reject);
  child.on("close", (code, signal) =>
    resolve({ code, signal, said: Buffer.concat(said).toString("utf8") }),
  );
  return { child, ended };
}

/** Every document that is a sale was written and mailed, once each, and nothing else was. */
async function checkDelivered(file: string, folder: string): Promise<number> {
  const numbers: string[] = [];
  for await (const { invoice, kind } of invoices(file, orderLines(file)))
    if (isSale(kind)) numbers.push(invoice);
  const mailed = readdirSync(join(folder, "mail")).map((name) =>
    name.replace(/^.*%2F(.+)@.*$/, "$1"),
  );
  const written = readdirSync(join(folder, "documents")).map((name) => name.replace(/\.pdf$/, ""));
  assert.deepEqual(mailed.toSorted(), numbers.toSorted());
  assert.deepEqual(written.toSorted(), numbers.toSorted());
  return numbers.length;
}

/** The report equals the one of the independent computation, to the letter and the penny. */
function checkReported(file: string, mails: number, said: string): void {
  const totals = totalsOf(file);
  const expected = reportText({
    totals,
    delivery: { mails, failed: 0, expectedPence: totals.pence },
  });
  assert.ok(said.includes(expected), `expected the report\n${expected}\ngot\n${said}`);
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-invoicing-"));
  await body(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

test("killed half-way and started again, every invoice is mailed and folded once", () =>
  inFolder(async (folder) => {
    const file = join(folder, "orders.csv");
    writeSample(file, { invoices: 2_000 });
    const args = ["--file", file, "--folder", folder];

    const killed = await runDemo(...args, "--kill-at", "1000");
    assert.equal(killed.signal, "SIGKILL", killed.said);

    const { code, said } = await runDemo(...args);
    assert.equal(code, 0, said);
    const [, done = "0"] = /resumed: ([\d,]+) of 2,000 were done/.exec(said) ?? [];
    assert.ok(Number(done.replace(",", "")) >= 1_000, said);
    checkReported(file, await checkDelivered(file, folder), said);

    const again = await runDemo(...args);
    assert.match(again.said, /done before/);
    checkReported(file, await checkDelivered(file, folder), again.said);
  }));

test("a second demo in the folder of one that works is refused, and touches nothing, also if it is to begin again", () =>
  inFolder(async (folder) => {
    const { child, ended } = startDemo("--items", "600", "--folder", folder);
    const mail = join(folder, "mail");
    await until(() => existsSync(mail) && readdirSync(mail).length > 5);
    child.kill("SIGSTOP"); // It is in the middle of its work, however long the second takes to begin.
    const arriving = join(mail, "somebody-else.part");
    writeFileSync(arriving, "");
    for (const more of [[], ["--fresh"]]) {
      const second = await runDemo("--items", "600", "--folder", folder, ...more); // oxlint-disable-line no-await-in-loop -- one after the other
      assert.equal(second.code, exitCodes.conflict);
      // What the error says, and what to do: no stack around it.
      assert.match(
        second.said,
        /^\S+ is in use by process \d+ \("invoicing", [^\n]*: stop it first, [^\n]*\n$/,
      );
      assert.ok(existsSync(arriving));
    }
    rmSync(arriving);
    child.kill("SIGCONT");
    const { code, said } = await ended;
    assert.equal(code, 0, said);
  }));

test("a mistake on the last line of the file is found before the first mail", () =>
  inFolder(async (folder) => {
    const file = join(folder, "orders.csv");
    writeSample(file, { invoices: 20 });
    appendFileSync(file, "700000,POST,POSTAGE,one,2026-10-31 10:00:00,18.00,,France\n");
    const { code, said } = await runDemo("--file", file, "--folder", folder);
    assert.notEqual(code, 0);
    assert.match(said, /column Quantity: must be a whole number, got "one"/);
    assert.deepEqual(readdirSync(join(folder, "mail")), []);
  }));

test(
  "the real order lines come to what an independent computation says, to the penny",
  { skip: existsSync(real) ? false : `there is no "${real}": name it in FANFOLD_INVOICES` },
  () =>
    inFolder(async (folder) => {
      const { code, said } = await runDemo("--file", real, "--folder", folder);
      assert.equal(code, 0, said);
      checkReported(real, await checkDelivered(real, folder), said);
    }),
);

test("wrong arguments are refused with what to do", async () => {
  const none = await runDemo("--file", "no-such.csv");
  assert.deepEqual([none.code, none.said], [2, '--file "no-such.csv": there is no such file\n']);
  assert.equal((await runDemo("--items", "many")).code, 2);
  assert.match(
    (await runDemo("--fiel", "x")).said,
    /Unknown option '--fiel'[\s\S]*npm run demo -- /,
  );
});
