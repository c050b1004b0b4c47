import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";

import { engineContract } from "../contract/engine.ts";
import { givenTask, virtualClock } from "../contract/given.ts";
import type { Lease } from "../ports/queue.ts";
import { httpEngine } from "../engines/http/client.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { systemClock } from "../engines/system.ts";
import {
  ConflictError,
  CorruptError,
  FanfoldError,
  LeaseLostError,
  NotFoundError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
import type { Engine, Hint } from "../ports/engine.ts";
import { server } from "./server.ts";

type Given = {
  readonly partitions?: number;
  readonly token?: string;
  /** Calls of the owner's log that go wrong. */
  readonly log?: Partial<Engine["log"]>;
};

/** An owner in this process, and a client that reaches it over HTTP. */
async function given({ partitions = 1, token, log }: Given = {}) {
  const clock = virtualClock();
  const owner = memoryEngine({ clock, partitions });
  const engine = { ...owner, log: { ...owner.log, ...log } };
  const served = await server({ engine, port: 0, token });
  const client = await httpEngine(served.url, { clock, token });
  const close = async (): Promise<void> => {
    await client.close();
    await served.close();
    await owner.close();
  };
  return { clock, owner, served, client, close };
}

type Bench = Omit<Awaited<ReturnType<typeof given>>, "close">;

function testWith(title: string, how: Given, body: (bench: Bench) => Promise<void>): void {
  test(title, async () => {
    const { close, ...bench } = await given(how);
    try {
      await body(bench);
    } finally {
      await close();
    }
  });
}

for (const partitions of [1, 3])
  engineContract(test, async () => {
    const bench = await given({ partitions });
    const { load, scan, position } = bench.client.store;
    // To claim and to commit is the owner's alone; what it did is read over HTTP.
    const store = { ...bench.owner.store, load, scan, position };
    const engine: Engine = { ...bench.client, store, close: () => bench.close() };
    return { engine, advance: bench.clock.advance };
  });

testWith(
  "only the owner manages: claim, resign and commit are refused, with the reason",
  {},
  async ({ client, owner }) => {
    const claim = await owner.store.claim(0, "ann", 1_000);
    assert.ok(claim);
    const commit = { to: 0, puts: [], events: [], tasks: [], wakeAt: undefined };
    assert.equal(client.manages, false);
    for (const call of [
      client.store.claim(0, "bob", 1_000),
      client.store.resign(claim, "ann"),
      client.store.commit(claim, commit),
    ])
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, /process that owns the file/);
        return true;
      });
  },
);

testWith(
  "the past that a client is told is the owner's, before a failover and after it",
  {},
  async ({ client, owner }) => {
    const before = await client.log.past(0);
    assert.equal(before, await owner.log.past(0));
    owner.copy()();
    const after = await client.log.past(0);
    assert.equal(after, await owner.log.past(0));
    assert.notEqual(after, before);
  },
);

testWith(
  "bytes and texts travel as they are, whatever is in them",
  {},
  async ({ client, owner }) => {
    const claim = await owner.store.claim(0, "ann", 1_000);
    assert.ok(claim);
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const text = 'a\nb "\\ \u0000 é 😀 {"bytes":"AA=="} <script> ${7*7}';
    const puts = [
      ["bytes", bytes.subarray(3)],
      ["none", new Uint8Array()],
      ["text", text],
    ] as const;
    await owner.store.commit(claim, { to: 0, puts, events: [], tasks: [], wakeAt: 7.5 });
    assert.deepEqual(await client.store.load(0, ["text", "lost", "bytes", "none"]), [
      text,
      undefined,
      bytes.subarray(3),
      new Uint8Array(),
    ]);
    assert.deepEqual(await client.store.scan(0, "", 9), [
      ["bytes", bytes.subarray(3)],
      ["none", new Uint8Array()],
      ["text", text],
    ]);
    assert.deepEqual(await client.store.position(0), { offset: 0, wakeAt: 7.5 });
    const offset = await client.log.append(0, [text]);
    const [entry] = await client.log.read(0, offset, { records: Infinity, bytes: Infinity });
    assert.equal(entry?.text, text);
  },
);

testWith(
  "every task comes back as it was put: a retried slice, a split with its cursor",
  {},
  async ({ client }) => {
    const ofTask = {
      queue: "default",
      partition: 0,
      run: "r",
      flow: "invoices",
      step: "bill",
      generation: 2,
      priority: "normal",
    } as const;
    const tasks = [
      {
        ...ofTask,
        kind: "split",
        issue: 1,
        attempt: 2,
        size: 0,
        cursor: { page: ["x", null, 1.5] },
      },
      {
        ...ofTask,
        kind: "slice",
        job: "j",
        from: 3,
        count: 2,
        again: [
          { index: 3, issue: 2, attempt: 2, previous: 17 },
          { index: 4, issue: 1, attempt: 1 },
        ],
        pages: [0, 12],
        deadlineAt: 12.25,
      },
    ] as const;
    await client.queue.put(tasks);
    const leases = await client.queue.take("w", ["default"], Infinity, 1_000);
    assert.deepEqual(
      leases.map(({ task }) => task),
      tasks,
    );
    assert.equal(await client.queue.release("w", leases), 2);
  },
);

for (const error of [
  new UsageError("a", { details: { id: "x" } }),
  new NotFoundError("b"),
  new ConflictError("c", { details: { offset: 3 } }),
  new LeaseLostError("d"),
  new UnavailableError("e"),
  new CorruptError("f"),
])
  testWith(
    `${error.name} of the owner's is the same error here, with its message and details`,
    { log: { end: () => Promise.reject(error) } },
    async ({ client }) => {
      await assert.rejects(client.log.end(0), (got) => {
        assert.ok(got instanceof FanfoldError);
        assert.equal(got.constructor, error.constructor);
        const { code, message, details, retryable } = got;
        assert.deepEqual(
          { code, message, details, retryable },
          {
            code: error.code,
            message: error.message,
            details: error.details,
            retryable: error.retryable,
          },
        );
        return true;
      });
    },
  );

const secret = "select * from secrets at /home/me/file.ts";
testWith(
  "an error that is a bug of ours says nothing of our insides, and may have happened",
  { log: { end: () => Promise.reject(new TypeError(secret)) } },
  async ({ client, served }) => {
    await assert.rejects(client.log.end(0), UnavailableError);
    const response = await fetch(`${served.url}/v1/log/end`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"partition":0}',
    });
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secrets|\.ts/);
  },
);

testWith(
  "Q2 a worker that vanishes loses its tasks after leaseMs, to whoever asks next",
  {},
  async ({ client, owner, clock, served }) => {
    const victim = await httpEngine(served.url, { clock });
    await owner.queue.put([givenTask("r"), givenTask("s")]);
    const lost = await victim.queue.take("victim", ["default"], 10, 1_000);
    assert.equal(lost.length, 2);
    await victim.close(); // As kill -9 does: the connections are cut, nothing is said.
    clock.advance(999);
    assert.deepEqual(await client.queue.take("heir", ["default"], 10, 1_000), []);
    clock.advance(1);
    const leases = await client.queue.take("heir", ["default"], 10, 1_000);
    assert.deepEqual(
      leases.map(({ task, delivery }) => [task.run, delivery]),
      [
        ["r", 2],
        ["s", 2],
      ],
    );
    assert.equal(await client.queue.ack("victim", lost), 0);
    assert.equal(await client.queue.ack("heir", leases), 2);
  },
);

/** Resolves when the client has heard all of these. */
function heard(client: Engine, wanted: readonly string[]): Promise<void> {
  const missing = new Set(wanted);
  return new Promise((resolve) => {
    client.onHint((hint: Hint, partition) => {
      missing.delete(partition === undefined ? hint : `${hint} ${partition}`);
      if (missing.size === 0) resolve();
    });
  });
}

testWith(
  "hints of the owner reach the client: every kind once at first, then as they come",
  { partitions: 3 },
  async ({ client, owner }) => {
    await heard(client, ["log", "state", "queue"]);
    const next = heard(client, ["log 2", "queue"]);
    await owner.log.append(2, ["a"]);
    await owner.queue.put([givenTask("r")]);
    await next;
  },
);

testWith(
  "a client whose owner was away hears hints again when it is back, by itself",
  {},
  async ({ client, owner, clock, served }) => {
    await heard(client, ["queue"]);
    await served.close();
    await assert.rejects(client.log.end(0), UnavailableError);
    const back = heard(client, ["log", "state", "queue"]);
    const again = await server({ engine: owner, port: served.port });
    assert.equal(again.port, served.port);
    let isBack = false;
    void back.then(() => (isBack = true));
    const real = systemClock();
    while (!isBack) {
      clock.advance(50); // Whatever its backoff is by now.
      await real.sleep(0);
    }
    const next = heard(client, ["queue"]);
    await owner.queue.put([givenTask("r")]);
    await next;
    assert.equal((await client.queue.take("w", ["default"], 1, 1_000)).length, 1);
    await client.close();
    await again.close();
  },
);

testWith(
  "where nobody answers, or never does, the client says that it may have happened",
  { log: { append: () => new Promise<never>(() => undefined) } },
  async ({ client, served, clock }) => {
    const asked = assert.rejects(client.log.append(0, ["a"]), (error) => {
      assert.ok(error instanceof UnavailableError && error.retryable);
      assert.match(error.message, /may have happened/);
      return true;
    });
    clock.advance(30_000);
    await asked;
    const cut = assert.rejects(client.log.append(0, ["a"]), UnavailableError);
    await client.close();
    await cut;
    await served.close();
    await assert.rejects(httpEngine(served.url, { clock }), UnavailableError);
  },
);

testWith(
  "a client refuses an address that is not of this machine, or not ours",
  {},
  async ({ clock }) => {
    for (const url of [
      "http://10.0.0.1:4400",
      "http://example.com",
      "https://localhost:1",
      "nonsense",
    ])
      await assert.rejects(httpEngine(url, { clock }), UsageError, url);
  },
);

testWith(
  "a take is not done for a caller that left before it was heard, and an append is",
  {},
  async ({ owner, served }) => {
    await owner.queue.put([givenTask("r")]);
    const append = { partition: 0, texts: ['{"type":"worker.gone","worker":"w"}'] };
    const take = { worker: "w", queues: ["default"], max: 1, leaseMs: 1_000 };
    // Both are sent and the connections closed before the server's turn comes: as after it was blocked.
    for (const [path, body] of [
      ["/v1/queue/take", take],
      ["/v1/log/append", append],
    ] as const) {
      const socket = connect(served.port, "127.0.0.1");
      await once(socket, "connect");
      const text = JSON.stringify(body);
      socket.write(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${served.port}\r\ncontent-type: application/json\r\n` +
          `content-length: ${text.length}\r\n\r\n${text}`,
      );
      socket.destroy();
    }
    while ((await owner.log.end(0)) === 0) await systemClock().sleep(1);
    const leases = await owner.queue.take("heir", ["default"], 1, 1_000);
    assert.deepEqual(
      leases.map(({ delivery }) => delivery),
      [1],
    );
  },
);

testWith(
  "the answer to a take that was lost leaves the tasks to the session, and they come back",
  {},
  async ({ client, clock, owner }) => {
    await owner.queue.put([givenTask("r")]);
    const taken: readonly Lease[] = await owner.queue.take("w", ["default"], 1, 1_000); // The answer of which got lost.
    assert.equal(taken.length, 1);
    clock.advance(1_000);
    assert.equal((await client.queue.take("w", ["default"], 1, 1_000))[0]?.delivery, 2);
  },
);
