/** Requests to servers that are slow, endless, redirecting, private or gone: real ones, on loopback. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { rangesIn } from "../core/address.ts";
import { limits } from "../core/limits.ts";
import { systemClock } from "../engines/system.ts";
import { post, type Target } from "./post.ts";
import { signed } from "./request.ts";

const secret = Buffer.alloc(32, 7).toString("base64");
const what = signed("evt_1", '{"a":1}', 1_000, [secret]);
const loopback = rangesIn("loopback");
const never = new AbortController().signal;

async function served(
  t: TestContext,
  answer: RequestListener,
): Promise<{ url: string; port: number; asked: () => number }> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  return { url: `http://127.0.0.1:${port}/hook`, port, asked: () => asked };
}

const to = (url: string, more: Partial<Target> = {}): Target => ({
  url,
  allowed: loopback,
  timeoutMs: 5_000,
  ...more,
});
const send = post(systemClock());

test("body and headers arrive as they were signed, and the answer's beginning is kept", async (t) => {
  let got: unknown;
  const { url } = await served(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      got = [
        request.method,
        request.url,
        Buffer.concat(chunks).toString(),
        request.headers["webhook-id"],
        request.headers["content-length"],
      ];
      response.writeHead(202).end("  thank you\n");
    });
  });
  const answer = await send(to(url), what, never);
  assert.deepEqual(got, ["POST", "/hook", '{"a":1}', "evt_1", "7"]);
  assert.deepEqual([answer.status, answer.body, answer.error], [202, "thank you", undefined]);
});

test("one that never answers, and one that never ends its answer slowly, are cut off after their time", async (t) => {
  const silent = await served(t, () => undefined);
  const dripping = await served(t, (_, response) => {
    response.writeHead(200);
    const drip = setInterval(() => response.write("x"), 5);
    response.once("close", () => clearInterval(drip));
  });
  for (const { url } of [silent, dripping]) {
    const answer = await send(to(url, { timeoutMs: 60 }), what, never);
    assert.deepEqual([answer.status, answer.error], [undefined, "no answer within 60 ms"]);
  }
});

test("of an answer without an end, so much is read and no more", async (t) => {
  let written = 0;
  const { url } = await served(t, (_, response) => {
    const block = Buffer.alloc(65_536, "x");
    const more = (): void => {
      while (!response.destroyed && response.write(block)) written += block.length;
    };
    response.on("drain", more);
    more();
  });
  const answer = await send(to(url), what, never);
  assert.equal(answer.status, 200);
  assert.equal(answer.body?.length, limits.noticeBodyLength);
  assert.ok(written < 100 * limits.noticeReadBytes, `${written} bytes were written`);
});

test("a redirect is an answer like others, and is not followed", async (t) => {
  const inside = await served(t, (_, response) => response.end("secret"));
  for (const status of [301, 302, 307, 308]) {
    const { url } = await served(t, (_, response) =>
      response.writeHead(status, { location: inside.url }).end(),
    );
    assert.equal((await send(to(url), what, never)).status, status);
  }
  assert.equal(inside.asked(), 0);
});

test("nobody listening, and somebody who does not speak HTTP, are answers too", async (t) => {
  const { url, port } = await served(t, () => undefined);
  const tcp = createTcpServer((socket) => socket.end("hello\r\n"));
  tcp.listen(0, "127.0.0.1");
  await once(tcp, "listening");
  t.after(() => tcp.close());
  const other = (tcp.address() as AddressInfo).port; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const closing = createTcpServer((socket) => socket.destroy());
  closing.listen(0, "127.0.0.1");
  await once(closing, "listening");
  t.after(() => closing.close());
  const third = (closing.address() as AddressInfo).port; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  const at = (one: number): string => url.replace(`${port}`, `${one}`);
  for (const [one, message] of [
    [1_025, /ECONNREFUSED/],
    [other, /Parse Error/],
    [third, /ECONNRESET|socket hang up/],
  ] as const) {
    const answer = await send(to(at(one)), what, never);
    assert.equal(answer.status, undefined);
    assert.match(answer.error ?? "", message);
  }
});

test("DNS rebinding: a name that is public first and private then is not connected to, at any attempt", async (t) => {
  const { port, asked } = await served(t, (_, response) => response.end());
  const answers = [
    ["93.184.215.14"],
    ["127.0.0.1"],
    ["93.184.215.14", "169.254.169.254"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    [],
  ];
  let looked = 0;
  const rebinding = post(systemClock(), async () => {
    looked += 1;
    return answers[looked] ?? [];
  });
  const target = { url: `https://hook.example:${port}/`, allowed: [], timeoutMs: 2_000 };
  const errors: string[] = [];
  for (let n = 1; n < answers.length; n += 1)
    errors.push((await rebinding(target, what, never)).error ?? "");
  assert.deepEqual(
    errors.map(
      (error) => /which is ([^:]+): not connected|has no address/.exec(error)?.[1] ?? error,
    ),
    ["loopback", "link-local", "loopback", "loopback", '"hook.example" has no address'],
  );
  assert.equal(looked, 5);
  assert.equal(asked(), 0);
});

test("the name is looked up once per attempt, and the socket goes to an address that was checked", async (t) => {
  const { port, asked } = await served(t, (request, response) =>
    response.end(String(request.headers.host)),
  );
  let looked = 0;
  const named = post(systemClock(), async () => {
    looked += 1;
    return ["127.0.0.1"];
  });
  const answer = await named(to(`http://hook.example:${port}/`), what, never);
  assert.deepEqual(
    [answer.status, answer.body, looked, asked()],
    [200, `hook.example:${port}`, 1, 1],
  );
});

test("a literal address is checked without a look-up", async (t) => {
  const { port, asked } = await served(t, (_, response) => response.end());
  const answer = await send(
    { url: `https://127.0.0.1:${port}/`, allowed: [], timeoutMs: 2_000 },
    what,
    never,
  );
  assert.match(answer.error ?? "", /must be a public address.*this one is loopback/);
  assert.equal(asked(), 0);
});

test("Retry-After is passed on, and an abort cuts the request", async (t) => {
  const busy = await served(t, (_, response) =>
    response.writeHead(429, { "retry-after": "120" }).end(),
  );
  assert.equal((await send(to(busy.url), what, never)).retryAfterMs, 120_000);
  const silent = await served(t, () => stop.abort("stop"));
  const stop = new AbortController();
  const answer = await send(to(silent.url), what, stop.signal);
  assert.match(answer.error ?? "", /cut off/);
});
