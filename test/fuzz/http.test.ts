/**
 * Whatever a program of this machine posts to the owner's API is answered: with the result, or with a refusal that has a code. The
 * owner lives, nothing is written down that was refused, and the manager can decide on all that was taken.
 */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, test } from "node:test";
import * as fc from "fast-check";
import { forOthers } from "../../src/api/for-others.ts";
import { server } from "../../src/api/server.ts";
import { givenTask, virtualClock } from "../../src/contract/given.ts";
import { begin, done, fanOutPlan, flowPlan, page, settled } from "../../src/contract/events.ts";
import { plansOf } from "../../src/contract/decider.ts";
import { encode } from "../../src/core/event.ts";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import { manager } from "../../src/roles/manager.ts";
import { projector } from "../../src/roles/projector.ts";
import { assertUnpolluted, damaged, runs, twisted } from "./given.ts";

const clock = virtualClock();
const owner = memoryEngine({ clock, partitions: 1 });
const served = await server({ engine: forOthers(owner), port: 0 });
const plans = plansOf([flowPlan([fanOutPlan("all")])]);
const managing = manager({ engine: owner, clock, partition: 0, holder: "fuzz", plans });
const listing = projector({ engine: owner, clock, partition: 0 });
after(async () => {
  await served.close();
  await owner.close();
});

const records = [
  begin(0),
  page(0, 0, 2),
  done(0, "all", { outcome: "failed" }),
  settled(0, { ok: [0, 2, 1] }, [1, 2]),
].map(({ event, body }) => encode(event, body));

const slice = {
  ...givenTask("r"),
  kind: "slice",
  job: "work",
  from: 0,
  count: 2,
  again: [{ index: 0, issue: 2, attempt: 1, previous: 3 }],
  pages: [0, 1],
  issue: undefined,
  attempt: undefined,
};
const row = {
  run: "r",
  flow: "f",
  state: "running",
  priority: "normal",
  startedAt: 1,
  tags: { a: "b" },
};

const past = await owner.log.past(0);

/** A body that each route takes. */
const bodies: Readonly<Record<string, unknown>> = {
  "/v1/log/append": { partition: 0, texts: records },
  "/v1/log/read": { partition: 0, from: 0, records: 5, bytes: 1_000, past },
  "/v1/log/end": { partition: 0 },
  "/v1/log/past": { partition: 0 },
  "/v1/queue/put": { tasks: [givenTask("r"), slice] },
  "/v1/queue/take": { worker: "w", queues: ["default"], max: 3, leaseMs: 1_000 },
  "/v1/queue/extend": { worker: "w", leaseMs: 1_000 },
  "/v1/queue/ack": { worker: "w", leases: [{ id: "x", task: slice, delivery: 1 }] },
  "/v1/queue/release": { worker: "w", leases: [{ id: "x", task: givenTask("r"), delivery: 1 }] },
  "/v1/store/load": { partition: 0, keys: ["run/r", "x"] },
  "/v1/store/scan": { partition: 0, prefix: "run/", max: 10, after: "run/a" },
  "/v1/store/position": { partition: 0 },
  "/v1/views/checkpoint": { partition: 0 },
  "/v1/views/apply": { partition: 0, from: 0, to: 1, past, rows: [row] },
  "/v1/views/run": { run: "r" },
  "/v1/views/runs": { query: { states: ["held"], flow: "f", customer: "c", since: 1, limit: 5 } },
};

/** More often than the others: what is taken here, managers have to live with. */
const appends = Object.entries(bodies).filter(([path]) => path === "/v1/log/append");

type Answer = { readonly status: number; readonly text: string };

function post(path: string, body: string): Promise<Answer> {
  const bytes = Buffer.from(body.toWellFormed(), "utf8");
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": bytes.length };
    const url = new URL(path, served.url);
    const sent = request(url, { method: "POST", headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.once("error", reject);
    sent.end(bytes);
  });
}

const asked: fc.Arbitrary<readonly [path: string, body: string]> = fc
  .constantFrom(...Object.entries(bodies), ...appends, ...appends, ...appends)
  .chain(([path, body]) => {
    const text = JSON.stringify(body);
    return fc
      .oneof(
        fc.constant(text),
        twisted(JSON.parse(text)).map((twist) => JSON.stringify(twist)),
        damaged(fc.constant(text)),
        fc.json(),
        fc.string({ unit: "binary", maxLength: 50 }),
      )
      .map((changed) => [path, changed] as const);
  });

test("the bodies that this begins with are ones that the routes take", async () => {
  for (const [path, body] of Object.entries(bodies)) {
    const { status, text } = await post(path, JSON.stringify(body));
    assert.equal(status, 200, `${path}: ${text}`);
  }
});

test("every body is answered or refused with a code, and what was refused changed nothing", async () => {
  await fc.assert(
    fc.asyncProperty(asked, async ([path, body]) => {
      const end = await owner.log.end(0);
      const { status, text } = await post(path, body);
      const said: unknown = JSON.parse(text);
      if (status === 200) return;
      assert.ok(status >= 400 && status < 500, `${status} ${text}`);
      const code: unknown = Reflect.get(said as object, "code");
      assert.ok(["usage", "conflict", "lease-lost", "not-found"].includes(String(code)), text);
      assert.equal(await owner.log.end(0), end);
    }),
    runs(1_500),
  );
  assertUnpolluted();
});

test("G18 the manager and the list of runs go on over all that was taken", async () => {
  for (const [texts, code] of [
    [["nothing"], "event"],
    [[`{"type":"run.ended","run":"r"}`], "managers"],
  ] as const) {
    // prettier-ignore
    const refused = await post("/v1/log/append", JSON.stringify({ partition: 0, texts }));
    assert.equal(refused.status, 400);
    assert.match(refused.text, new RegExp(code));
  }
  assert.equal((await post("/v1/log/trim", '{"partition":0,"before":1}')).status, 400);
  const end = await owner.log.end(0);
  assert.ok(end > 100, `${end} records were taken`);
  while ((await owner.store.position(0)).offset < end) await managing.tick();
  while ((await listing.tick()) > 0);
  assert.equal((await post("/v1/log/end", '{"partition":0}')).status, 200);
});
