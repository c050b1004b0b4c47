/** Another program is told: signed, tried until it answers, and kept to be looked at. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { app, flow, webhook } from "../src/index.ts";
import { z } from "zod";

const secret = `whsec_${randomBytes(32).toString("base64")}`;

function isFromFanfold(headers: IncomingHttpHeaders, body: string): boolean {
  const text = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const mac = createHmac("sha256", Buffer.from(secret.slice("whsec_".length), "base64"));
  const expected = Buffer.from(`v1,${mac.update(text).digest("base64")}`);
  const isFresh = Math.abs(Date.now() / 1_000 - Number(headers["webhook-timestamp"])) < 300;
  const given = String(headers["webhook-signature"])
    .split(" ")
    .map((one) => Buffer.from(one));
  return (
    isFresh && given.some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  );
}

// The other program: says that it is gone at first, as one does that is not configured yet.
let status = 410;
const receiver = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8").on("data", (text: string) => (body += text));
  request.on("end", () => {
    const isOurs = isFromFanfold(request.headers, body);
    console.log(isOurs ? "signed" : "not signed", JSON.parse(body).type, "-> answers", status);
    response.writeHead(isOurs ? status : 401).end();
  });
});
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");
const { port } = receiver.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP

const ops = webhook("ops", {
  url: `http://127.0.0.1:${port}/fanfold`,
  secrets: [secret],
  events: ["run.held", "run.ended"],
  allow: ["loopback"], // In development. Without it: https, to public addresses only.
});
const hello = flow("hello", { input: z.object({}) }).step("greet", () => "hello");
const office = app({ name: "office", parts: [hello, ops], url: "sqlite::memory:" });

const stop = new AbortController();
await new Promise<void>((resolve) => {
  void office.work({ signal: stop.signal, onReady: () => resolve() });
});
await (await office.start(hello, {}, { id: "welcome" })).result();

const settled = async (state: string): Promise<void> => {
  while ((await office.webhooks.notices({ webhook: "ops" }))[0]?.state !== state)
    await new Promise((resolve) => setTimeout(resolve, 20));
};
await settled("cancelled");

status = 204;
for (const { event, state, attempts, answers } of await office.webhooks.notices({ webhook: "ops" }))
  console.log(event.type, state, `attempts ${attempts}`, answers.at(-1)?.status);
const { matched } = await office.webhooks.redrive({ webhook: "ops" }, { reason: "it is back" });
console.log("redriven", matched);
await settled("ok");

stop.abort();
await office.close();
receiver.close();
