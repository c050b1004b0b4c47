/** Hostile input: what comes from a web page, a stranger or a broken client is refused before anything happens. */
import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { after, test } from "node:test";

import { givenTask, virtualClock } from "../contract/given.ts";
import { httpEngine } from "../engines/http/client.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { UsageError } from "../errors.ts";
import { portsApi } from "./ports.ts";
import { server } from "./server.ts";

const token = "a-token-of-some-length";
const clock = virtualClock();
const owner = memoryEngine({ clock, partitions: 2 });
const open = await server({ engine: owner, port: 0 });
const locked = await server({ engine: owner, port: 0, token });
after(async () => {
  await open.close();
  await locked.close();
});

type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly code: unknown;
};

type Asked = {
  readonly port?: number;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Uint8Array;
};

/** One request, as raw as Node lets it be: fetch would set headers of its own. */
function ask(path: string, { port = open.port, method, headers, body }: Asked = {}) {
  return new Promise<Answer>((resolve, reject) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path,
        agent: false,
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          ...(body !== undefined && {
            "content-type": "application/json",
            "content-length": body.length,
          }),
          ...headers,
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.once("end", () => {
          const { statusCode: status = 0, headers: got } = response;
          const isProblem = got["content-type"] === "application/problem+json";
          const problem: unknown = isProblem ? JSON.parse(text) : undefined;
          const code =
            typeof problem === "object" && problem !== null && "code" in problem
              ? problem.code
              : undefined;
          resolve({ status, headers: got, text, code });
        });
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

async function refuses(path: string, asked: Asked, status: number, code: string): Promise<Answer> {
  const ends = await logEnds();
  const answer = await ask(path, asked);
  assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
  assert.deepEqual(await logEnds(), ends, "no record was written");
  return answer;
}

async function logEnds(): Promise<readonly number[]> {
  return [await owner.log.end(0), await owner.log.end(1)];
}

const post = (value: unknown): Asked => ({ body: JSON.stringify(value) });

for (const host of [
  "evil.example",
  "evil.example:4400",
  "127.0.0.1.evil.example",
  "10.0.0.1",
  "[::2]",
])
  test(`a request whose Host is "${host}" is refused: a web page may call itself anything`, async () => {
    await refuses("/v1/engine", { headers: { host } }, 403, "foreign-host");
  });

for (const host of ["localhost", "LOCALHOST:4400", "127.0.0.1:1", "[::1]:4400"])
  test(`a request whose Host is "${host}" is answered`, async () => {
    assert.equal((await ask("/v1/engine", { headers: { host } })).status, 200);
  });

test("a browser that asks whether another site may send is told nothing", async () => {
  for (const origin of ["https://evil.example", "null"]) {
    const headers = { origin, "access-control-request-method": "POST" };
    const answer = await refuses(
      "/v1/log/append",
      { method: "OPTIONS", headers },
      405,
      "wrong-method",
    );
    const cors = Object.keys(answer.headers).filter((name) => name.startsWith("access-control"));
    assert.deepEqual(cors, []);
  }
});

test("a form of a web page cannot send JSON", async () => {
  const body = JSON.stringify({ partition: 0, texts: ["forged"] });
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
    await refuses("/v1/log/append", { body, headers: { "content-type": type } }, 415, "media-type");
});

test("a compressed body is refused: it may be a bomb", async () => {
  const headers = { "content-encoding": "gzip" };
  await refuses("/v1/log/append", { ...post({}), headers }, 415, "media-type");
});

test("without the token, or with another, everything is refused in the same words", async () => {
  const asked: readonly (readonly [string, Asked])[] = [
    ["/v1/engine", {}],
    ["/v1/hints", {}],
    ["/v1/log/append", post({ partition: 0, texts: ["a"] })],
    ["/v1/no-such-route", {}],
    [`/v1/engine?token=${token}`, {}],
  ];
  const texts = new Set<string>();
  for (const [path, more] of asked)
    for (const authorization of [
      "",
      "Bearer ",
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      token,
    ]) {
      const headers = { authorization };
      const answer = await refuses(
        path,
        { ...more, port: locked.port, headers },
        401,
        "unauthorized",
      );
      assert.equal(answer.headers["www-authenticate"], "Bearer");
      texts.add(answer.text);
    }
  assert.equal(texts.size, 1);
});

test("with the token, a client works; without it, it says what to set", async () => {
  const client = await httpEngine(locked.url, { clock, token });
  assert.equal(await client.log.end(0), await owner.log.end(0));
  await client.close();
  await assert.rejects(httpEngine(locked.url, { clock }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /FANFOLD_TOKEN/);
    return true;
  });
});

test("a path that does not exist is 404, a method that does not fit 405 and says which does", async () => {
  for (const path of [
    "/",
    "/v2/engine",
    "/v1/store/commit",
    "/v1/store/claim",
    "/v1/../etc/passwd",
    "/v1/log/append/",
    `/${"a/".repeat(100)}`,
  ])
    await refuses(path, {}, 404, "no-such-route");
  const answer = await refuses("/v1/queue/take", {}, 405, "wrong-method");
  assert.equal(answer.headers["allow"], "POST");
  for (const method of ["PUT", "DELETE", "PATCH", "TRACE"])
    await refuses("/v1/queue/take", { method }, 405, "wrong-method");
  await refuses("/v1/engine", { ...post({}) }, 405, "wrong-method");
});

test("a body above the limit is refused by its length, before it is read", async () => {
  const headers = { "content-length": 8 * 1_048_576 + 1 };
  const answer = await refuses("/v1/log/append", { ...post({}), headers }, 413, "too-large");
  assert.equal(answer.headers["connection"], "close");
});

test("a body without a length is refused", async () => {
  const headers = { "transfer-encoding": "chunked", "content-type": "application/json" };
  const answer = await refuses(
    "/v1/log/append",
    { method: "POST", headers },
    411,
    "length-required",
  );
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
});

test("a body just below the limit is taken", async () => {
  const text = "x".repeat(8 * 1_048_576 - 100);
  const answer = await ask("/v1/log/append", post({ partition: 1, texts: [text] }));
  assert.equal(answer.status, 200, answer.text);
});

test("millions of nested lists are refused at once, without being parsed", async () => {
  await refuses("/v1/log/append", { body: "[".repeat(8_000_000) }, 400, "usage");
  await refuses("/v1/queue/put", { body: '{"a":'.repeat(65) + "1" + "}".repeat(65) }, 400, "usage");
  const escaped = post({ partition: 0, texts: [`\\"${"[".repeat(100)}`] });
  assert.equal((await ask("/v1/log/append", escaped)).status, 200, "brackets in a text are text");
});

for (const [what, body] of [
  ["no JSON", "{"],
  ["nothing", ""],
  ["UTF-8 that is none", Uint8Array.from([0x22, 0xc3, 0x28, 0x22])],
  ["a BOM", Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
  ["a list", "[]"],
  ["null", "null"],
] as const)
  test(`a body that is ${what} is refused`, async () => {
    await refuses("/v1/log/end", { body }, 400, "usage");
  });

for (const [path, body] of [
  ["/v1/log/end", {}],
  ["/v1/log/end", { partition: 0, epoch: 3 }],
  ["/v1/log/end", '{"partition":0,"__proto__":{"admin":true}}'],
  ["/v1/log/end", '{"partition":1e400}'],
  ["/v1/log/append", { partition: 0, texts: "a" }],
  ["/v1/log/append", { partition: 0, texts: [1] }],
  ["/v1/log/append", { partition: 0, texts: ["half a character: \ud800"] }],
  ["/v1/log/append", { partition: 0, texts: Array.from({ length: 10_001 }, () => "") }],
  ["/v1/queue/take", { worker: "w", queues: ["q"], max: 1, leaseMs: 315_360_000_000 }],
  ["/v1/queue/take", { worker: "w".repeat(10_000), queues: ["q"], max: 1, leaseMs: 1 }],
  ["/v1/queue/extend", { worker: "w", leaseMs: 0 }],
  ["/v1/queue/ack", { worker: "w", leases: [{ id: "l" }] }],
  ["/v1/queue/put", { tasks: [{ ...givenTask("r"), owner: "me" }] }],
  ["/v1/queue/put", { tasks: [{ ...givenTask("r"), kind: "constructor" }] }],
  ["/v1/queue/put", { tasks: [{ ...givenTask("r"), kind: "slice" }] }],
  ["/v1/queue/put", { tasks: [{ ...givenTask("r"), attempt: "1" }] }],
  ["/v1/store/scan", { partition: 0, prefix: "", max: 1_000_000 }],
  ["/v1/views/runs", { query: { limit: 1, states: ["gone"] } }],
  ["/v1/views/apply", { partition: 0, from: 0, to: 1, past: "p", rows: [{ run: "r" }] }],
] as const)
  test(`${path} refuses ${JSON.stringify(body).slice(0, 90)}`, async () => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const { text: said } = await refuses(path, { body: text }, 400, "usage");
    assert.ok(said.length < 1_000, "a refusal does not echo what it was sent");
    assert.equal(Reflect.get({}, "admin"), undefined);
  });

for (const partition of [-1, 2, 1.5, "0", null, 2 ** 53, true])
  test(`partition ${JSON.stringify(partition)} is refused`, async () => {
    for (const path of ["/v1/log/end", "/v1/store/position", "/v1/views/checkpoint"])
      await refuses(path, post({ partition }), 400, "usage");
  });

test("a refusal names the field, what was expected and what came", async () => {
  const { text } = await ask(
    "/v1/queue/take",
    post({ worker: "w", queues: ["q"], max: -1, leaseMs: 9 }),
  );
  assert.match(text, /body\.max must be an integer from 0 to \d+, got -1/);
});

test("half a request does not keep the server from closing", async () => {
  const own = await server({ engine: owner, port: 0 });
  const socket = connect(own.port, "127.0.0.1");
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  const listening = new Promise((resolve) => socket.once("connect", resolve));
  await listening;
  socket.write(
    "POST /v1/log/append HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
  );
  assert.equal((await ask("/v1/engine", { port: own.port })).status, 200); // By now it has come.
  await own.close();
  await own.close();
  await gone;
});

test("beyond loopback it listens with a token only, one that is hard to guess, and says why", async () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.com", ""])
    for (const token of [undefined, "", "fifteen-letters"])
      await assert.rejects(server({ engine: owner, host, port: 0, token }), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /a token of at least 16 characters.*tunnel/);
        return true;
      });
  await assert.rejects(
    server({ engine: owner, host: "192.0.2.1", port: 0, token }),
    /cannot listen on host "192.0.2.1", port 0: expected an address of this machine/,
  );
});

test("on all addresses, who knows the token is answered under any name, and nobody else under none", async () => {
  const own = await server({ engine: owner, host: "0.0.0.0", port: 0, token });
  assert.equal(own.url, `http://127.0.0.1:${own.port}`);
  const headers = { host: "owner.example:4400" };
  const known = { ...headers, authorization: `Bearer ${token}` };
  assert.equal((await ask("/v1/engine", { port: own.port, headers: known })).status, 200);
  await refuses("/v1/engine", { port: own.port, headers }, 401, "unauthorized");
  await own.close();
});

test("a client asks an owner on another machine with a token only", async () => {
  const other = "http://192.0.2.1:1";
  await assert.rejects(httpEngine(other, { clock }), /without a token.*set FANFOLD_TOKEN.*tunnel/);
});

test("read only: whatever would change something is refused, and what asks is answered", async () => {
  const own = await server({ engine: owner, port: 0, readOnly: true });
  const actions = [
    ["/v1/log/append", { partition: 0, texts: ["a"] }],
    ["/v1/log/trim", { partition: 0, before: 1, past: "p" }],
    ["/v1/queue/put", { tasks: [] }],
    ["/v1/queue/take", { worker: "w", queues: ["q"], max: 1, leaseMs: 1_000 }],
    ["/v1/queue/extend", { worker: "w", leaseMs: 1_000 }],
    ["/v1/queue/ack", { worker: "w", leases: [] }],
    ["/v1/queue/release", { worker: "w", leases: [] }],
    ["/v1/store/keep", { partition: 0, reader: "r", to: 1, past: "p", puts: [] }],
    ["/v1/views/apply", { partition: 0, from: 0, to: 1, past: "p", rows: [] }],
  ] as const;
  for (const [path, body] of actions) {
    const asked = { ...post(body), port: own.port };
    const { text } = await refuses(path, asked, 403, "read-only");
    assert.match(text, /answers questions only, and [a-z/]+ changes something/);
  }
  const client = await httpEngine(own.url, { clock });
  assert.equal(await client.log.end(0), await owner.log.end(0));
  assert.deepEqual(await client.views.runs({ limit: 1 }), []);
  assert.deepEqual(await client.store.load(0, ["partition"]), [undefined]);
  const refusal = { code: "usage", details: { refused: "read-only" } };
  await assert.rejects(client.log.append(0, ["a"]), refusal);
  await client.close();
  await own.close();
});

test("every route is a question or is refused read only", async () => {
  const [all, own] = [portsApi(owner), portsApi(owner, { readOnly: true })];
  const posts = all.routes.filter(({ method }) => method === "POST").map(({ path }) => path);
  const questions: string[] = [];
  for (const path of posts) {
    const headers = { host: "localhost" };
    const { status } = await own.request(path, { method: "POST", headers });
    if (status !== 403) questions.push(path);
  }
  assert.deepEqual(questions, [
    "/v1/log/read",
    "/v1/log/end",
    "/v1/log/past",
    "/v1/store/load",
    "/v1/store/scan",
    "/v1/store/position",
    "/v1/views/checkpoint",
    "/v1/views/run",
    "/v1/views/runs",
  ]);
});

test("where its port is taken it uses the next free one, and says which", async () => {
  const stranger = createServer((_, response) => response.end("hello"));
  const port = await new Promise<number>((resolve) => {
    stranger.listen(0, "127.0.0.1", () => {
      const address = stranger.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const own = await server({ engine: owner, port });
  assert.ok(own.port > port && own.port < port + 20, `${own.port} after ${port}`);
  assert.equal(own.url, `http://127.0.0.1:${own.port}`);
  assert.equal((await ask("/v1/engine", { port: own.port })).status, 200);
  await own.close();
  await assert
    .rejects(
      httpEngine(`http://127.0.0.1:${port}`, { clock }),
      "a stranger there never answers as one of us would",
    )
    .finally(() => stranger.close());
});
