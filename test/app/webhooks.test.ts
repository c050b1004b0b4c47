/** Webhooks from end to end: an app on a file, and receivers on loopback that verify what they get. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { test, type TestContext } from "node:test";
import { webhook } from "../../src/index.ts";
import { onLoopback } from "../servers/loopback.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";
import { summing } from "./parts.ts";

const key = Buffer.alloc(32, 7);
const secrets = [`whsec_${key.toString("base64")}`];

type Got = { readonly headers: IncomingHttpHeaders; readonly body: string };

async function receiver(
  t: TestContext,
  answer: (response: ServerResponse, got: readonly Got[]) => void = (response) => response.end(),
): Promise<{ url: string; got: readonly Got[]; open: () => number; mostOpen: () => number }> {
  const got: Got[] = [];
  let open = 0;
  let mostOpen = 0;
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      got.push({ headers: request.headers, body });
      answer(response, got);
    });
  });
  server.on("connection", (socket) => {
    open += 1;
    mostOpen = Math.max(mostOpen, open);
    socket.once("close", () => (open -= 1));
  });
  return {
    url: `${await onLoopback(t, server)}/hook`,
    got,
    open: () => open,
    mostOpen: () => mostOpen,
  };
}

/** As a receiver does it who has only the convention's text. */
function isSigned({ headers, body }: Got): boolean {
  const text = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const expected = `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
  return String(headers["webhook-signature"]).split(" ").includes(expected);
}

test("a receiver is told of a run's end, in an envelope that it can verify", async (t) => {
  const { url, got } = await receiver(t);
  const { sums, parts } = summing((n) => n, 3);
  const ops = webhook("ops", {
    url,
    secrets,
    events: ["run.ended"],
    flows: [sums],
    allow: ["loopback"],
  });
  const { app } = await given(t, [...parts, ops]);
  await app.start(sums, {}, { id: "r", customer: "acme" });
  const [first] = await until(() => got.length > 0 && got);
  assert.ok(first !== undefined && isSigned(first));
  assert.ok(!isSigned({ ...first, body: first.body.replace("done", "gone") }));
  const { type, subject, id, data } = JSON.parse(first.body) as Record<string, unknown>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what we sent
  assert.deepEqual(
    [type, subject, id, data],
    [
      "fanfold.run.ended",
      "r",
      first.headers["webhook-id"],
      { run: "r", state: "done", flow: "sums", customer: "acme" },
    ],
  );
  await until(async () => (await app.webhooks.list())[0]?.ok === 1);
});

test("what a receiver misses while it is down, it gets when it is back, also after a restart of ours", async (t) => {
  let status = 503;
  const { url, got } = await receiver(t, (response) => response.writeHead(status).end("busy"));
  const { sums, parts } = summing((n) => n, 1);
  const ops = webhook("ops", { url, secrets, events: ["run.ended"], allow: ["loopback"] });
  const first = await given(t, [...parts, ops]);
  await first.app.start(sums, {}, { id: "r" });
  await until(async () => (await first.app.webhooks.notices())[0]?.attempts === 1);
  await first.app.close();
  status = 204;
  const second = opened(t, [...parts, ops], { path: first.path });
  const [waiting] = await second.app.webhooks.notices();
  assert.deepEqual(
    [waiting?.state, waiting?.answers[0]?.status, waiting?.answers[0]?.body],
    ["waiting", 503, "busy"],
  );
  await working(second.app);
  await until(async () => (await second.app.webhooks.notices())[0]?.state === "ok");
  const ids = new Set(got.map(({ headers }) => headers["webhook-id"]));
  assert.ok(got.length >= 2 && ids.size === 1 && got.every(isSigned));
});

test("410 disables; whoever asks from another process can enable and redrive", async (t) => {
  let status = 410;
  const { url, got } = await receiver(t, (response) => response.writeHead(status).end());
  const { sums, parts } = summing((n) => n, 1);
  const ops = webhook("ops", { url, secrets, events: ["run.ended"], allow: ["loopback"] });
  const owner = await given(t, [...parts, ops], { work: { listen: 0 } });
  const client = opened(t, [...parts, ops], owner.url === undefined ? {} : { url: owner.url });
  await owner.app.start(sums, {}, { id: "r" });
  await until(async () => (await client.app.webhooks.list())[0]?.state === "gone");
  status = 200;
  assert.deepEqual(await client.app.webhooks.redrive({ webhook: "ops" }, { author: "ann" }), {
    matched: 1,
  });
  await until(async () => (await client.app.webhooks.notices())[0]?.state === "ok");
  assert.equal(got.length, 2);
  assert.equal((await client.app.webhooks.list())[0]?.state, "active");
});

test("a thousand webhooks that hang delay no sub-job, and hold a bounded number of sockets", async (t) => {
  const { url, got, mostOpen } = await receiver(t, () => undefined);
  const { sums, parts } = summing((n) => n, 1_000);
  const plain = await given(t, parts);
  const hooks = Array.from({ length: 1_000 }, (_, n) =>
    webhook(`down-${n}`, { url, secrets, allow: ["loopback"] }),
  );
  const told = await given(t, [...parts, ...hooks]);
  const timed = async ({ app }: typeof plain, id: string): Promise<number> => {
    const began = performance.now();
    await (await app.start(sums, {}, { id })).result({ timeout: "60s" });
    return performance.now() - began;
  };
  await timed(plain, "warm");
  await told.app.start(sums, {}, { id: "first" });
  await until(() => got.length >= 50); // They hang now.
  // What else this machine does may come in between: then once more. Those that hang do so each time.
  let times = 0;
  await until(
    async () => {
      times += 1;
      const without = await timed(plain, `r${times}`);
      return (await timed(told, `r${times}`)) < 5 * without + 2_000;
    },
    { what: "as fast as without them" },
  );
  assert.ok(mostOpen() <= 100, `${mostOpen()} sockets at once`);
  await told.app.close();
});
