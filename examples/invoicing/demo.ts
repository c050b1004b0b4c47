/**
 * npm run demo: a mail server, a month's order lines, and a run that makes, mails, counts and reports the invoices.
 *
 * Kill it at any moment and start it again with the same arguments: it goes on where it was.
 */
import { randomUUID } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type App, app, ConflictError, type Run, type Status } from "../../src/index.ts";
import { parts } from "./app.ts";
import { monthlyInvoicing } from "./flow.ts";
import { closeOffice } from "./office.ts";
import { progress, settled } from "./progress.ts";
import { type Report, reportText } from "./report.ts";
import { writeSample } from "./sample.ts";
import { type MailServer, mailServer } from "./smtp.ts";

const usage = `npm run demo -- [options]

  --file FILE         order lines as CSV, plain or gzipped; without one, a sample is made
  --items N           invoices in the sample (2000)
  --concurrency N     documents in the works at once (16)
  --folder FOLDER     where everything is kept (.fanfold/invoicing/NAME)
  --fresh             begin again: removes that folder first
  --kill-at N         kill -9 this program when N documents are done, to see that nothing is lost
`;

type Settings = {
  readonly name: string;
  /** Of the order lines. */
  readonly file: string;
  /** Invoices in the sample, if the file is one. */
  readonly sample: number | undefined;
  readonly fresh: boolean;
  readonly folder: string;
  readonly concurrency: number;
  readonly killAt: number | undefined;
};

/** The program; its exit code is 0 done, 1 failed, 2 wrong usage, 3 held, 5 the folder is in use, 130 interrupted. */
async function main(): Promise<number> {
  const settings = settingsOf(process.argv.slice(2));
  if (typeof settings === "string") {
    process.stderr.write(settings);
    return settings === usage ? 0 : 2;
  }
  try {
    return await demo(settings);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 5;
  }
}

async function demo(settings: Settings): Promise<number> {
  const { folder, name, file, sample } = settings;
  if (settings.fresh) await clear(settings);
  if (sample !== undefined && !existsSync(file)) writeSample(file, { invoices: sample });
  const shop = shopIn(folder);
  let smtp: MailServer | undefined;
  try {
    // First: another demo that works in this folder owns the file, and its mails are not to be touched.
    const run = await shop.start(monthlyInvoicing, { file }, { id: name });
    smtp = await mailServer({ folder: join(folder, "mail"), busyShare: 0.02 });
    process.env["INVOICING_SMTP"] = smtp.url;
    process.env["INVOICING_DOCUMENTS"] = join(folder, "documents");
    say(`file       ${file}`);
    say(`mail       ${smtp.url}, keeps mails in ${join(folder, "mail")}`);
    say(`documents  ${join(folder, "documents")}`);
    return await follow(shop, run, settings, smtp);
  } finally {
    await shop.close();
    closeOffice();
    await smtp?.close();
  }
}

function shopIn(folder: string): App {
  return app({ name: "invoicing", url: `sqlite:${join(folder, "fanfold.db")}`, parts });
}

/** Removes the folder, unless another demo works in it: who starts a run has to own the file. */
async function clear({ folder, file }: Settings): Promise<void> {
  const last = shopIn(folder);
  try {
    await last.start(monthlyInvoicing, { file }, { id: randomUUID() });
  } catch (error) {
    if (error instanceof ConflictError) throw error; // Whatever else is wrong with it goes with it.
  } finally {
    await last.close();
  }
  rmSync(folder, { recursive: true, force: true });
}

async function follow(
  shop: App,
  run: Run<unknown, Report>,
  { concurrency, folder, killAt }: Settings,
  smtp: MailServer,
): Promise<number> {
  const before = await run.status();
  say(`run        ${run.id}${run.created ? "" : `, ${resumed(before)}`}\n`);
  const stop = new AbortController();
  const working = shop.work({ concurrency, signal: stop.signal });
  const line = progress(process.stdout);
  const startedAt = Date.now();
  const watching = (async (): Promise<Status> => {
    let last = before;
    for await (const status of run.watch()) {
      last = status;
      line.show(status);
      if (killAt !== undefined && documentsDone(status) >= killAt)
        process.kill(process.pid, "SIGKILL");
      if (status.state === "held") break;
    }
    return last;
  })();
  watching.catch(() => {}); // After Ctrl-C nobody waits for it.
  const last = await Promise.race([watching, working]);
  line.end();
  if (last === undefined) {
    say("\nstopped; the same command goes on where it was");
    return 130;
  }
  stop.abort();
  await working;
  if (last.state !== "done") {
    say(`\n${last.state}: ${last.because ?? ""}`);
    for (const step of last.steps) {
      for (const group of step.failures)
        say(`${String(group.count).padStart(6)}  ${group.message}`);
    }
    return last.state === "held" ? 3 : 1;
  }
  process.stdout.write(reportText(await run.result()));
  const { mails, repeats, busy } = smtp.counts();
  const many = documentsDone(last) - documentsDone(before);
  say(
    `\ndone in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s: ${many.toLocaleString("en-GB")} documents`,
  );
  say(
    `the mail server has ${mails.toLocaleString("en-GB")} mails; it said 451 ${busy} times, and got ${repeats} mails twice`,
  );
  say(`\nnext       kill it half-way, and start it again:  npm run demo -- --fresh --kill-at 1000`);
  say(
    `           look at a mail, or a PDF:  ls ${relative("", folder)}/mail ${relative("", folder)}/documents`,
  );
  say(
    `           read the flow:  examples/invoicing/flow.ts     make one of your own:  docs/start.md`,
  );
  return 0;
}

function resumed(status: Status): string {
  if (status.state === "done") return "done before; --fresh begins again";
  const step = status.steps.find(({ kind }) => kind === "fan-out");
  const of = step?.total === undefined ? "" : ` of ${step.total.toLocaleString("en-GB")}`;
  return `resumed: ${documentsDone(status).toLocaleString("en-GB")}${of} were done`;
}

function documentsDone(status: Status): number {
  return status.steps.reduce((sum, step) => sum + (step.kind === "fan-out" ? settled(step) : 0), 0);
}

/** What the arguments ask for, with the sample made; a text if they are wrong or ask for help. */
function settingsOf(args: readonly string[]): Settings | string {
  let values: Arguments;
  try {
    values = parsed(args);
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}\n\n${usage}`;
  }
  const { file, items = "2000", concurrency = "16", fresh = false } = values;
  if (values.help === true) return usage;
  for (const [option, value] of Object.entries({
    items,
    concurrency,
    "kill-at": values["kill-at"],
  })) {
    if (value !== undefined && !/^[1-9]\d{0,6}$/.test(value)) {
      return `--${option} must be a whole number from 1, got "${value}"\n`;
    }
  }
  if (file !== undefined && values.items !== undefined)
    return "--items is for the sample, not for --file\n";
  if (file !== undefined && !existsSync(file)) return `--file "${file}": there is no such file\n`;
  const name =
    file === undefined ? `sample-${items}` : basename(file).replaceAll(/[^A-Za-z0-9-]+/g, "-");
  const folder = values.folder ?? join(".fanfold", "invoicing", name);
  const killAt = values["kill-at"];
  return {
    name,
    file: resolve(file ?? join(folder, "orders.csv")),
    sample: file === undefined ? Number(items) : undefined,
    fresh,
    folder,
    concurrency: Number(concurrency),
    killAt: killAt === undefined ? undefined : Number(killAt),
  };
}

type Arguments = ReturnType<typeof parsed>;

function parsed(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      file: { type: "string" },
      items: { type: "string" },
      concurrency: { type: "string" },
      folder: { type: "string" },
      fresh: { type: "boolean" },
      "kill-at": { type: "string" },
      help: { type: "boolean" },
    },
  }).values;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

process.exitCode = await main();
