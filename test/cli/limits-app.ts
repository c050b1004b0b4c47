/** What limits.test.ts asks about: mails to hosts, some of which refuse for an hour, and calls to somebody who refuses altogether. */
import { z } from "zod";
import { app, flow, job, limit, type App, type Flow, type Part } from "../../src/index.ts";

const hosts = limit("hosts", { key: ({ host }: { host: string }) => host, concurrency: 1 });
const smtp = limit("smtp", { concurrency: 3 });

const send = job("send", {
  input: z.object({ id: z.string(), host: z.string() }),
  queue: "mail",
  concurrency: 200,
  rate: "1000/s",
  limits: [smtp, hosts],
  run: ({ host }, ctx) =>
    host === "open" ? 1 : ctx.retryLater("1h", "429 Retry-After", { of: "key" }),
});

const mail = flow("mail", { input: z.object({}) }).fanOut("mails", send, {
  over: () =>
    ["busy", "open", "full", "busy", "open", "full"].map((host, n) => ({ id: `m-${n}`, host })),
  key: ({ id }) => id,
  concurrency: 50,
});

const call = job("call", {
  input: z.object({ id: z.string() }),
  queue: "calls",
  run: (_, ctx) => ctx.retryLater("1h", "503 Retry-After", { of: "job" }),
});

const phone = flow("phone", { input: z.object({}) }).fanOut("calls", call, {
  over: () => [{ id: "p-0" }],
  key: ({ id }) => id,
});

export const parts: readonly Part[] = [send, mail, call, phone];
export const mailFlow: Flow<"mail", Record<string, never>> = mail;
export const phoneFlow: Flow<"phone", Record<string, never>> = phone;
export const billing: App = app({ name: "billing", parts, url: process.env["FANFOLD_URL"] });
