import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { type Invoice, invoices, isSale, kinds } from "../examples/invoicing/invoices.ts";
import { orderLines } from "../examples/invoicing/lines.ts";
import { mailer, type Mailer } from "../examples/invoicing/mail.ts";
import { invoicePdf } from "../examples/invoicing/pdf.ts";
import { mailServer } from "../examples/invoicing/smtp.ts";
import { app, flow, job } from "../src/index.ts";
import { working } from "./fanfold.ts";
import { numberOf, textOf } from "./fan-out.ts";
import { type Bench, type Figure, type Input, type Measure, SkippedError } from "./harness.ts";

/** Where the order lines are: --file, FANFOLD_INVOICES, or beside the project. */
function orders(): string {
  const beside = "../../shared/data/online-retail-invoices.csv.gz";
  const file = process.env["FANFOLD_INVOICES"] ?? fileURLToPath(new URL(beside, import.meta.url));
  if (!existsSync(file))
    throw new SkippedError(`there is no "${file}"; name the order lines with --file`);
  return file;
}

async function* documents(file: string): AsyncGenerator<Invoice> {
  for await (const invoice of invoices(file, orderLines(file)))
    if (isSale(invoice.kind)) yield invoice;
}

/** What both ways do for one invoice; without a mailer nothing, and what is left of the time is their own and the file's. */
async function send(invoice: Invoice, key: string, mail: Mailer | undefined): Promise<number> {
  if (mail !== undefined) await mail.send(invoice, await invoicePdf(invoice), key);
  return invoice.pence;
}

function mailerOf(input: Input): Mailer | undefined {
  return input["idle"] === 1
    ? undefined
    : mailer(textOf(input, "smtp"), numberOf(input, "connections", 8));
}

/** Of this process, user and system: what others on the machine do hardly shows in it. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

type Sent = { readonly count: number; readonly pence: number };

/** Against the file, read once more, and the folder of the mail server. */
async function check({ count, pence }: Sent, input: Input): Promise<void> {
  const file = textOf(input, "file");
  const mails = textOf(input, "mails");
  let expected = 0;
  let pounds = 0;
  for await (const invoice of documents(file)) {
    expected += 1;
    pounds += invoice.pence;
  }
  const arrived = readdirSync(mails).filter((name) => name.endsWith(".eml")).length;
  const mailed = input["idle"] === 1 ? 0 : expected;
  if (count !== expected || pence !== pounds || arrived !== mailed)
    throw new Error(
      `${count} invoices over ${pence} pence and ${arrived} mails, expected ${expected} over ${pounds}`,
    );
}

const invoiceSchema = z.object({
  invoice: z.string(),
  kind: z.enum(kinds),
  date: z.string(),
  customer: z.string().nullable(),
  country: z.string(),
  pence: z.number(),
  lines: z
    .array(
      z.object({
        stockCode: z.string(),
        description: z.string(),
        quantity: z.number(),
        unitMicros: z.number(),
        pence: z.number(),
      }),
    )
    .readonly(),
});

export const withFanfold: Measure = async (input, folder) => {
  const file = textOf(input, "file");
  const mail = mailerOf(input);
  const sendInvoice = job("send-invoice", {
    input: invoiceSchema,
    run: (invoice, ctx) => send(invoice, ctx.key, mail),
  });
  const invoicing = flow("invoicing", { input: z.object({ file: z.string() }) }).fanOut(
    "invoices",
    sendInvoice,
    {
      over: (state) => documents(state.input.file),
      key: ({ invoice }) => invoice,
      fold: (folds) => ({ count: folds.count(), pence: folds.sum((pence) => pence) }),
    },
  );
  const url = `sqlite:${join(folder, "fanfold.db")}`;
  const fanfold = app({ name: "bench", url, parts: [invoicing, sendInvoice] });
  const close = working(fanfold, { concurrency: numberOf(input, "slots", 16) });
  const from = performance.now();
  const cpuFrom = processorSeconds();
  const run = await fanfold.start(invoicing, { file }, { id: "run-0" });
  const { value } = await run.result();
  const seconds = (performance.now() - from) / 1_000;
  const cpuSeconds = processorSeconds() - cpuFrom;
  await close();
  mail?.close();
  await check(value, input);
  return { seconds, cpuSeconds, perSecond: value.count / seconds };
};

export const withALoop: Measure = async (input) => {
  const file = textOf(input, "file");
  const mail = mailerOf(input);
  const from = performance.now();
  const cpuFrom = processorSeconds();
  const source = documents(file);
  let count = 0;
  let pence = 0;
  async function slot(): Promise<void> {
    for (let next = await source.next(); next.done !== true; next = await source.next()) {
      const sent = await send(next.value, next.value.invoice, mail);
      count += 1;
      pence += sent;
    }
  }
  await Promise.all(Array.from({ length: numberOf(input, "slots", 16) }, slot));
  const seconds = (performance.now() - from) / 1_000;
  const cpuSeconds = processorSeconds() - cpuFrom;
  mail?.close();
  await check({ count, pence }, input);
  return { seconds, cpuSeconds, perSecond: count / seconds };
};

/** The mail server, in the process that measures: it is no part of what is measured, except that it takes a core. */
async function companion(folder: string): Promise<{
  readonly input: Input;
  readonly close: () => Promise<Readonly<Record<string, number>>>;
}> {
  const file = orders();
  const mails = join(folder, "mails");
  const server = await mailServer({ folder: mails });
  return {
    input: { file, mails, smtp: server.url },
    async close() {
      await server.close();
      return {};
    },
  };
}

const input = { slots: 16, connections: 8 };
const seconds: Figure = { key: "seconds", unit: "s", limited: true };
const cpuSeconds: Figure = { key: "cpuSeconds", unit: "s of processor time", limited: true };
const perSecond: Figure = { key: "perSecond", unit: "invoices/s" };
const here = new URL(import.meta.url);

const loop = "plain loop, same functions";
/** Ten seconds of rendering and mailing vary by more than Fanfold takes: without them it is seen. */
const idleFanfold = "Fanfold, nothing rendered or mailed";
const idleLoop = "plain loop, nothing rendered or mailed";
const ownShare = (all: number, without: number): number => 100 * (1 - without / all);

export const bench: Bench = {
  name: "invoices",
  question:
    "the real invoices, rendered and mailed: how long, and how much of it is Fanfold's own?",
  settings: { ...input, mails: "a real SMTP server on loopback, in another process" },
  subjects: [
    {
      name: "Fanfold",
      role: "fanfold",
      module: here,
      measure: "withFanfold",
      input,
      figures: [seconds, cpuSeconds, perSecond],
      companion,
    },
    {
      name: loop,
      role: "limit",
      module: here,
      measure: "withALoop",
      input,
      figures: [seconds, cpuSeconds, perSecond],
      companion,
    },
    {
      name: idleFanfold,
      role: "fanfold",
      module: here,
      measure: "withFanfold",
      input: { ...input, idle: 1 },
      figures: [seconds, cpuSeconds],
      companion,
    },
    {
      name: idleLoop,
      role: "limit",
      module: here,
      measure: "withALoop",
      input: { ...input, idle: 1 },
      figures: [seconds, cpuSeconds],
      companion,
    },
  ],
  derived: [
    {
      name: "Fanfold's own share, of what it takes when nothing is rendered or mailed",
      unit: "% of the time",
      target: { atMost: 1 },
      of: (value) =>
        (100 * (value(idleFanfold, "seconds") - value(idleLoop, "seconds"))) /
        value("Fanfold", "seconds"),
    },
    {
      name: "Fanfold's own share",
      unit: "% of the time",
      target: { atMost: 1 },
      of: (value) => ownShare(value("Fanfold", "seconds"), value(loop, "seconds")),
    },
    {
      name: "Fanfold's own share",
      unit: "% of processor time",
      of: (value) => ownShare(value("Fanfold", "cpuSeconds"), value(loop, "cpuSeconds")),
    },
  ],
};
