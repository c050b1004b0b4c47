/** The main job on PostgreSQL: four worker processes, one killed half-way, and the same report to the penny. Then the examples. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { parts } from "../examples/invoicing/app.ts";
import { monthlyInvoicing } from "../examples/invoicing/flow.ts";
import { settled } from "../examples/invoicing/progress.ts";
import { reportText } from "../examples/invoicing/report.ts";
import { writeSample } from "../examples/invoicing/sample.ts";
import { mailServer } from "../examples/invoicing/smtp.ts";
import { totalsOf } from "../examples/invoicing/totals.ts";
import { checkDatabase } from "../src/check/postgres.ts";
import { app } from "../src/index.ts";
import { newDatabase, skip, sql } from "./servers/databases.ts";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "fanfold-invoicing-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

/** The real order lines: where FANFOLD_INVOICES says, or beside the project. */
const real =
  process.env["FANFOLD_INVOICES"] ?? join(root, "../shared/data/online-retail-invoices.csv.gz");

function sample(): string {
  const file = join(folder, "orders.csv");
  writeSample(file, { invoices: 1_000 });
  return file;
}

function startWorker(env: NodeJS.ProcessEnv): ChildProcess {
  const main = join(root, "src/cli/main.ts");
  const worker = join(root, "examples/invoicing/app.ts");
  return spawn(process.execPath, [main, "worker", worker, "--concurrency", "4"], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Runs the invoices of a file, and holds the report against an independent computation: the one that SQLite is held against. */
async function invoiced(file: string): Promise<void> {
  const url = await newDatabase();
  const place = mkdtempSync(join(folder, "run-"));
  const smtp = await mailServer({ folder: join(place, "mail"), busyShare: 0.02 });
  const documents = join(place, "documents");
  const env = {
    ...process.env,
    FANFOLD_URL: url,
    INVOICING_SMTP: smtp.url,
    INVOICING_DOCUMENTS: documents,
  };
  const workers = Array.from({ length: 4 }, () => startWorker(env));
  const shop = app({ name: "invoicing", url, parts });
  try {
    const run = await shop.start(monthlyInvoicing, { file }, { id: "month-end" });
    const [victim, ...others] = workers;
    let killed = false;
    for await (const { steps } of run.watch()) {
      const step = steps.find(({ kind }) => kind === "fan-out");
      if (killed || step?.total === undefined || settled(step) < step.total / 2) continue;
      killed = true;
      victim?.kill("SIGKILL");
    }
    assert.ok(killed, "one was killed half-way");
    const totals = totalsOf(file);
    const { mails, repeats } = smtp.counts();
    const delivery = { mails, failed: 0, expectedPence: totals.pence };
    assert.equal(reportText(await run.result()), reportText({ totals, delivery }));
    assert.equal(readdirSync(documents).length, mails);
    assert.ok(
      repeats <= 100,
      `${repeats} of ${mails} mails came twice: at most what the victim had in hand, and had not told of yet`,
    );
    assert.deepEqual((await checkDatabase(url)).violations, []);
    for (const worker of others) {
      worker.kill("SIGTERM");
      assert.deepEqual(await once(worker, "exit"), [0, null]);
    }
  } finally {
    for (const worker of workers) worker.kill("SIGKILL");
    await shop.close();
    await smtp.close();
  }
}

test(
  "the invoices on four worker processes, one killed half-way: the same report, to the penny",
  { skip },
  () => invoiced(sample()),
);

test(
  "the real order lines on four worker processes, one killed half-way: the same report, to the penny",
  { skip: existsSync(real) ? skip : `there is no "${real}": name it in FANFOLD_INVOICES` },
  () => invoiced(real),
);

for (const [example, said] of [
  ["01-hello.ts", /^done 1000\n\{ sent: 1000, cents: 1490500 \}\n$/m],
  ["02-fan-out.ts", /read: 3000,[\s\S]*customers: 2500,/],
  ["04-processes.ts", /primes: 148933/],
] as const)
  test(`${example} runs on PostgreSQL by FANFOLD_URL alone`, { skip }, async () => {
    const url = await newDatabase();
    const cwd = mkdtempSync(join(folder, "example-"));
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [join(root, "examples", example)],
      { cwd, env: { ...process.env, FANFOLD_URL: url } },
    );
    assert.equal(stderr, "");
    assert.match(stdout, said);
    assert.equal(existsSync(join(cwd, ".fanfold")), false);
    const [row] = await sql(url, "select count(*)::integer as runs from fanfold.run");
    assert.equal(row?.["runs"], 1);
  });
