import assert from "node:assert/strict";
import { test } from "node:test";
import { testApp } from "../../src/testing.ts";
import { billing } from "./app.ts";
import { monthlyInvoices, sendInvoice } from "./invoices.ts";

test("120 workers make the 90 minutes, and one bad address does not stop the report", async () => {
  const t = testApp(billing, { workers: 120, seed: 7, from: "2026-11-01T02:00:00Z" });
  t.stub(sendInvoice, ({ customerId }, ctx) => {
    ctx.takes("1m"); // A virtual minute.
    if (customerId === "c13") ctx.fatal("no address");
    return { customerId, cents: 990, issued: t.now.toISOString() };
  });
  const run = await t.start(monthlyInvoices, { month: "2026-10" });

  await t.advance("45m");
  assert.ok((await run.status()).done > 5_000);

  await t.crash(); // Whatever was in memory is lost, in the middle of 120 invoices.
  await t.settle(); // Until nothing more can happen.

  const status = await run.status();
  assert.equal(status.state, "done");
  assert.equal(status.failed, 1);
  assert.equal(await run.result(), "msg_2026-10: 9999 of 10000 sent, 1 failed");
  assert.ok(Number(status.endedAt) - status.startedAt <= 90 * 60_000, "the 90 minutes are kept");
});
