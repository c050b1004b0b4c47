/** What happened to a run: what people asked for and what followed, of it and of no other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HistoryEvent } from "../../src/index.ts";
import { until } from "../until.ts";
import { given } from "./given.ts";
import { summing } from "./parts.ts";

const said = async (history: AsyncIterable<HistoryEvent>): Promise<readonly string[]> => {
  const events: string[] = [];
  for await (const event of history) {
    const step = "step" in event && event.step !== undefined ? ` ${event.step}` : "";
    const by = "author" in event ? ` by ${event.author}: ${event.reason}` : "";
    events.push(`${event.type}${step}${by}`);
  }
  return events;
};

test("history has what people asked for and what was decided, oldest first, of this run only", async (t) => {
  let isMended = false;
  const { sums, parts } = summing((n) => {
    if (n === 1 && !isMended) throw new Error("not yet");
    return n;
  }, 3);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "r" });
  const other = await app.start(sums, {}, { id: "rr" });
  for (const one of [run, other]) await until(async () => (await one.status()).state === "held");
  await run.pause("lunch", { author: "anna", step: "add" });
  await run.resume("back", { author: "anna" }).catch(() => undefined); // Of the run: refused, and asked for all the same.
  await run.resume("back", { author: "anna", step: "add" });
  isMended = true;
  const by = { author: "bob", reason: "mended" };
  await run.redrive({ keys: ["k1"] }, by);
  await run.result({ timeout: "60s" });
  const all = [
    "run.started",
    "run.began",
    "step.began add",
    "run.held add",
    "pause.asked add by anna: lunch",
    "resume.asked by anna: back",
    "resume.asked add by anna: back",
    "redrive.asked add by bob: mended",
    "run.resumed add",
    "fan-out.joined add",
    "step.ended add",
    "run.ended",
  ];
  assert.deepEqual(await said(run.history()), all);
  assert.deepEqual(await said(run.history({ limit: 3 })), all.slice(0, 3));
  assert.deepEqual(await said(run.history({ step: "add" })), [
    ...all.slice(2, 5),
    ...all.slice(5, 11),
  ]);
  const asked = all.slice(4, 8);
  assert.deepEqual(await said(run.history({ step: "add", key: "k1" })), asked);
  assert.deepEqual(await said(run.history({ step: "add", key: "k2" })), asked.slice(0, 3));
  await assert.rejects(said(run.history({ step: "add", key: "k9" })), {
    name: "NotFoundError",
    message: 'step "add" of run "r" has no sub-job "k9"',
  });
  await assert.rejects(said(run.history({ limit: 0 })), { name: "UsageError" });
});

test("of a run that ended, nothing that others did since is read as its own", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const { app } = await given(t, parts);
  const run = await app.start(sums, {}, { id: "first" });
  await run.result({ timeout: "60s" });
  await (await app.start(sums, {}, { id: "second" })).result({ timeout: "60s" });
  await assert.rejects(run.cancel("too late"), { name: "ConflictError" });
  const history = await said(run.history());
  assert.deepEqual(history.at(-1), "run.ended");
  assert.equal(history.filter((event) => event === "run.started").length, 1);
});
