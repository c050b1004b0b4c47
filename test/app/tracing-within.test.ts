/** A run that is started inside the user's own transaction belongs to the trace of whoever has it open. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { trace } from "@opentelemetry/api";
import { Client } from "pg";
import { app } from "../../src/index.ts";
import { openTelemetry } from "../../src/opentelemetry.ts";
import { newDatabase, skip } from "../servers/databases.ts";
import { until } from "../until.ts";
import { working } from "./given.ts";
import { summing } from "./parts.ts";
import { recorded } from "./spans.ts";

const spans = recorded();

test("what is started within a transaction goes on with its trace", { skip }, async (t) => {
  const url = await newDatabase();
  const { sums, parts } = summing((n) => n, 1);
  const shop = app({ name: "shop", url, parts, tracing: openTelemetry({ subJobs: "100%" }) });
  t.after(shop.close);
  await working(shop);
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query("begin");
  await trace.getTracer("test").startActiveSpan("request", async (request) => {
    await shop.within(client).start(sums, {}, { id: "r" });
    request.end();
  });
  await client.query("commit");
  await client.end();
  await until(() => spans.named("run sums").length === 1);
  const [request] = spans.named("request");
  const [started] = spans.named("start sums");
  assert.equal(started?.parent, request?.id);
  for (const name of ["run sums", "process add"])
    assert.equal(spans.named(name)[0]?.parent, started?.id, name);
});
