/** Being told of events in the same program: what a user may rely on, on a file, through restarts, and in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import { app, flow, job, listener, type RunEvent } from "../../src/index.ts";
import { testApp } from "../../src/testing.ts";
import { until } from "../until.ts";
import { given, opened, working } from "./given.ts";
import { anything, summing } from "./parts.ts";

const told = ({ type, run, ...event }: RunEvent): string =>
  [type, run, "step" in event ? event.step : "", "state" in event ? event.state : ""]
    .filter(Boolean)
    .join(" ");

test("on hears start and end of a run and of its steps, and held", async (t) => {
  const { sums, parts } = summing((n, ctx) => (n === 0 ? ctx.fatal("no") : n), 3);
  const { app } = await given(t, parts);
  const heard: string[] = [];
  const stop = app.on("*", (event) => heard.push(told(event)));
  const ends: string[] = [];
  app.on("run.ended", ({ run, flow, state }) => ends.push(`${run} of ${flow} is ${state}`));
  const run = await app.start(sums, {}, { id: "r" });
  await until(async () => (await run.status()).state === "held");
  await run.release("fine");
  await until(() => ends.length === 1 && heard.length >= 7); // Each is told by itself.
  assert.deepEqual(heard, [
    "run.began r",
    "step.began r add",
    "run.held r add",
    "run.resumed r add",
    "fan-out.joined r add",
    "step.ended r add",
    "run.ended r done",
  ]);
  assert.deepEqual(ends, ["r of sums is done"]);
  stop();
  await (await app.start(sums, {}, { id: "q" })).cancel("enough");
  await until(() => ends.length === 2);
  assert.equal(heard.length, 7);
});

test("who asked before anything was open hears the first event", async (t) => {
  const { sums, parts } = summing((n) => n, 1);
  const { app } = opened(t, parts);
  const heard: string[] = [];
  app.on(["run.began", "step.began"], (event) => heard.push(told(event)), { flows: [sums] });
  await app.start(sums, {}, { id: "r" });
  await until(() => heard.length === 2);
  assert.deepEqual(heard, ["run.began r", "step.began r add"]);
});

test("what is asked after on is heard, however long the engine takes to say where the log ends", async (t) => {
  const memory = memoryEngine({ clock: systemClock() });
  let isFar = false;
  const far = async (partition: number): Promise<number> => {
    for (let turn = 0; isFar && turn < 100; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    return memory.log.end(partition);
  };
  const { sums, parts } = summing((n) => n, 1);
  const engine = { ...memory, log: { ...memory.log, end: far } };
  const { app } = opened(t, parts, { engine });
  await app.runs();
  const heard: string[] = [];
  isFar = true;
  app.on("run.began", (event) => heard.push(told(event)));
  const run = await app.start(sums, {}, { id: "r" });
  app.on("run.ended", (event) => heard.push(told(event)));
  await run.cancel("enough");
  isFar = false;
  await (await app.start(sums, {}, { id: "later" })).cancel("enough");
  await until(() => heard.includes("run.ended later cancelled"));
  assert.deepEqual(heard.slice(0, 2), ["run.began r", "run.ended r cancelled"]);
});

test("a listener that throws, and one that never answers, harm neither a run nor another listener, and close waits for none", async (t) => {
  const { sums, parts } = summing((n) => n, 100);
  const { app, lines } = await given(t, parts);
  const heard: string[] = [];
  app.on("*", () => {
    throw new Error("broken listener");
  });
  app.on("*", () => new Promise(() => undefined));
  app.on("run.ended", (event) => heard.push(told(event)));
  await (await app.start(sums, {}, { id: "r" })).result({ timeout: "60s" });
  await until(() => heard.length === 1);
  await until(() =>
    lines.some((line) => /^error a listener did not hear .*broken listener/.test(line)),
  );
  await app.close();
});

test("a listener among the parts misses nothing that happens while no process is there", async (t) => {
  const { sums, parts } = summing((n) => n, 2);
  const heard: RunEvent[] = [];
  const ears = listener("ears", {
    events: ["run.began", "run.ended"],
    run: (event) => heard.push(event),
  });
  const first = await given(t, [...parts, ears]);
  await (await first.app.start(sums, {}, { id: "a" })).result({ timeout: "60s" });
  await until(() => heard.length === 2);
  await first.app.close();
  // Without the listener: its events wait for it.
  const second = await given(t, parts, { path: first.path });
  await (
    await second.app.start(sums, {}, { id: "b", customer: "acme", tags: { month: "09" } })
  ).result({ timeout: "60s" });
  await second.app.close();
  const third = await given(t, [...parts, ears], { path: first.path });
  await until(() => heard.length === 4);
  assert.deepEqual(heard.map(told), [
    "run.began a",
    "run.ended a done",
    "run.began b",
    "run.ended b done",
  ]);
  assert.deepEqual(
    heard.slice(2).map(({ flow, customer, tags }) => [flow, customer, tags?.["month"]]),
    [
      ["sums", "acme", "09"],
      ["sums", "acme", "09"],
    ],
  );
  assert.equal(new Set(heard.map(({ id }) => id)).size, 4);
  await third.app.close();
});

test("one process tells: not those that work for it over HTTP", async (t) => {
  const { sums, parts } = summing((n) => n, 10);
  const heard: string[] = [];
  const ears = (name: string) =>
    listener("ears", { events: ["run.ended"], run: () => heard.push(name) });
  const owner = await given(t, [...parts, ears("owner")], {
    work: { listen: 0, queues: ["none"] },
  });
  const client = app({
    name: "helper",
    parts: [...parts, ears("helper")],
    url: owner.url,
    log: silent,
  });
  t.after(client.close);
  const helper = await working(client);
  const asked: string[] = [];
  client.on("run.ended", ({ run }) => asked.push(run));
  await (await client.start(sums, {}, { id: "r" })).result({ timeout: "60s" });
  await until(() => heard.length === 1 && asked.length === 1);
  await helper.stop();
  assert.deepEqual([heard, asked], [["owner"], ["r"]]);
});

test("in a test, listeners are told in virtual time, again after a crash if they did not hear", async () => {
  const send = job("send", { input: anything, run: () => undefined });
  const mails = flow("mails", { input: anything }).fanOut("send", send, {
    over: () => [{}],
    key: () => "k",
  });
  const heard: string[] = [];
  let broken = true;
  const ears = listener("ears", {
    events: ["run.ended"],
    run(event) {
      if (broken) throw new Error("not now");
      heard.push(told(event));
    },
  });
  const t = testApp(app({ name: "mails", parts: [send, mails, ears] }));
  const run = await t.start(mails, {}, { id: "r" });
  await run.result();
  await t.advance("1s");
  assert.deepEqual(heard, []);
  broken = false;
  await t.crash();
  await t.settle();
  assert.deepEqual(heard, ["run.ended r done"]);
});

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
