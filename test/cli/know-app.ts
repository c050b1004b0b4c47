/** What the command line is asked about in know.test.ts: sub-jobs that succeed, fail in two ways, are skipped, wait and never end. */
import { z } from "zod";
import { app, flow, job, type App, type Flow, type Part } from "../../src/index.ts";

const item = z.object({ id: z.string(), email: z.string() });

const send = job("send", {
  input: item,
  retry: { attempts: 2, backoff: "fixed", first: "0ms" },
  queue: "mail",
  redact: ["email"],
  async run({ id, email }, ctx) {
    if (id === "c-1") return ctx.fatal("customer has no address");
    if ((id === "c-2" || id === "c-3") && email.endsWith(".com"))
      throw new Error("451 4.3.2 mailbox busy");
    if (id === "c-4") return ctx.skip("nothing to send");
    if (id === "c-8") return ctx.retryLater("1h", "not before noon");
    if (id === "c-9") await new Promise((_, stop) => ctx.signal.addEventListener("abort", stop));
    return { id, cents: 990 };
  },
});

const customers = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ id: `c-${n}`, email: `c-${n}@example.com` }));

const mail = flow("mail", { input: z.object({ count: z.number() }) })
  .fanOut("invoices", send, {
    over: ({ input }) => customers(input.count),
    key: ({ id }) => id,
    tolerate: 1,
    fold: (f) => ({ sent: f.count(), cents: f.sum(({ cents }) => cents) }),
  })
  .step("report", ({ invoices }) => invoices.value);

const evil = job("evil", {
  input: z.object({ id: z.string() }),
  retry: 1,
  run({ id }) {
    if (id.startsWith("=")) throw new Error('two\nlines, "quoted"');
    return -5;
  },
});

const evils = flow("evils", { input: z.object({}) }).fanOut("evil", evil, {
  over: () => [{ id: "=HYPERLINK(1)" }, { id: "@sum(A1)" }],
  key: ({ id }) => id,
});

export const parts: readonly Part[] = [send, mail, evil, evils];
export const evilFlow: Flow<"evils", Record<string, never>> = evils;
export const mailFlow: Flow<"mail", { count: number }> = mail;
export const billing: App = app({ name: "billing", parts, url: process.env["FANFOLD_URL"] });
