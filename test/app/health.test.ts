/** What a process says of itself: alive, ready, and how things stand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/index.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";
import { summing } from "./parts.ts";

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

test("while it works it is alive and ready, and says how things stand; afterwards nobody answers", async (t) => {
  const { sums, parts } = summing((n, ctx) => (n === 0 ? ctx.fatal("no") : n), 5, { tolerate: 1 });
  const port = await freePort();
  const { app } = opened(t, parts);
  const { stop } = await working(app, { health: { port } });
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return {
      status: response.status,
      type: response.headers.get("content-type"),
      text: await response.text(),
    };
  };
  assert.deepEqual(
    [(await get("/healthz")).status, (await get("/readyz")).status, (await get("/nothing")).status],
    [200, 200, 404],
  );
  await (await app.start(sums, {}, { id: "r" })).result({ timeout: "60s" });
  let said = "";
  // What is counted by different readers may be a moment behind, each by itself.
  for (const line of [
    'fanfold_sub_jobs{flow="sums",step="add",outcome="ok"} 4',
    'fanfold_sub_jobs{flow="sums",step="add",outcome="failed"} 1',
    'fanfold_runs{state="running"} 0',
    "fanfold_workers 1",
  ])
    await until(
      async () => {
        said = (await get("/metrics")).text;
        return said.split("\n").includes(line);
      },
      { what: line },
    );
  const [, commits = ""] =
    /^fanfold_write_duration_seconds_count\{engine="sqlite",operation="commit"\} (\d+)$/m.exec(
      said,
    ) ?? [];
  assert.ok(Number(commits) > 0, said);
  assert.equal((await get("/metrics")).type, "text/plain; version=0.0.4; charset=utf-8");
  const refused = await fetch(`http://127.0.0.1:${port}/metrics`, { method: "POST" });
  assert.equal(refused.status, 405);
  await stop();
  await assert.rejects(get("/healthz"));
});

test("while it drains it is alive, and not ready", async (t) => {
  let finish: () => void = () => undefined;
  const { sums, parts } = summing(
    () => new Promise<number>((resolve) => (finish = () => resolve(1))),
    1,
  );
  const port = await freePort();
  const { app } = opened(t, parts);
  const { stop } = await working(app, { health: { port }, drain: "10s" });
  const run = await app.start(sums, {}, { id: "r" });
  await until(async () => (await run.status()).steps[0]?.inFlight === 1);
  const stopped = stop();
  const ready = await until(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return response.status === 503 && response.text();
  });
  assert.equal(ready, "it drains\n");
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
  finish();
  await stopped;
});

test("a port that is taken is refused, not passed over: who probes there would ask another process", async (t) => {
  const { parts } = summing((n) => n, 1);
  const port = await freePort();
  await given(t, parts, { work: { health: { port } } });
  const { app } = opened(t, parts);
  await assert.rejects(
    app.work({ health: { port } }),
    (error) => error instanceof UsageError && error.message.includes(String(port)),
  );
});
