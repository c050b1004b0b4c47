import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode, type Event } from "../core/event.ts";
import { keys } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { RunEvent } from "../core/run-event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Heard } from "../define/listener.ts";
import type { Log } from "../ports/log.ts";
import { aboutRuns } from "./about.ts";
import { listening } from "./listening.ts";
import { news as newsOf } from "./news.ts";

const step = { run: "r", step: "s", generation: 1 };
const began: Event = {
  type: "run.began",
  run: "r",
  flow: "f",
  priority: "normal",
  customer: "acme",
};
const stepBegan: Event = { type: "step.began", ...step };
const ended: Event = { type: "run.ended", run: "r", state: "done" };
const outcome: Event = {
  type: "sub-jobs.settled",
  ...step,
  worker: "w",
  ok: [0, 1, 1],
  took: { us: 1, histogram: [] },
};
const all: Heard = { types: undefined, flows: undefined };

/** An engine, and listeners on it as of processes that come and go. */
function given() {
  const clock = virtualClock();
  const memory = memoryEngine({ clock });
  const read = { records: 0 };
  const log: Log = {
    ...memory.log,
    async read(...args) {
      const entries = await memory.log.read(...args);
      read.records += entries.length;
      return entries;
    },
  };
  const engine = { ...memory, log };
  const add = (...events: readonly Event[]) =>
    engine.log.append(
      0,
      events.map((event) => encode(event)),
    );
  const passedOver: string[] = [];
  function started(
    run: (event: RunEvent) => unknown,
    more: { heard?: Heard; isDurable?: boolean; name?: string } = {},
  ) {
    const stop = new AbortController();
    const news = newsOf(engine);
    const role = listening({
      engine,
      clock,
      news,
      about: aboutRuns(engine),
      partition: 0,
      name: more.name ?? "ear",
      heard: more.heard ?? all,
      run,
      isDurable: more.isDurable ?? true,
      stopped: stop.signal,
      onPassedOver: (event, error) => passedOver.push(`${event.type}: ${String(error)}`),
    });
    const follow = async () => {
      for (const { tick } of news.roles) while ((await tick()) > 0);
    };
    /** As the host: until it is idle. */
    const settle = async () => {
      await follow();
      while ((await role.tick()) > 0);
    };
    return { ...role, settle, stop: () => stop.abort("stop") };
  }
  const checkpoint = async () => (await engine.store.load(0, [keys.reader("ear")]))[0];
  return { clock, engine, add, started, read, passedOver, checkpoint };
}

test("a listener hears events from its first day on, in order, with what they are about", async () => {
  const { add, started } = given();
  await add(began);
  const heard: unknown[] = [];
  const ear = started(({ id, at, ...event }) => heard.push([id !== "", at > 0, event]));
  await ear.begin();
  await add(outcome, stepBegan, outcome, ended);
  await ear.settle();
  const about = { flow: "", partition: 0 }; // Of a run that the store does not know.
  assert.deepEqual(heard, [
    [true, true, { ...stepBegan, ...about, offset: 2 }],
    [true, true, { ...ended, ...about, offset: 4 }],
  ]);
});

test("flow, customer and tags of a run are known from its first event on", async () => {
  const { add, started } = given();
  const heard: unknown[] = [];
  const ear = started(({ type, flow, customer }) => heard.push([type, flow, customer]));
  await ear.begin();
  await add(began, ended);
  await ear.settle();
  assert.deepEqual(heard, [
    ["run.began", "f", "acme"],
    ["run.ended", "f", "acme"],
  ]);
});

test("it goes on where it was in the process before, and hears nothing twice that was kept", async () => {
  const { add, started } = given();
  const heard: number[] = [];
  const first = started(({ offset }) => heard.push(offset));
  await first.begin();
  await add(began, stepBegan);
  await first.settle();
  await add(ended);
  const second = started(({ offset }) => heard.push(offset));
  await second.settle();
  assert.deepEqual(heard, [0, 1, 2]);
});

test("one that throws is told again after a while, and holds nobody else up", async () => {
  const { add, started, clock } = given();
  const heard: string[] = [];
  let broken = true;
  const ear = started(({ type }) => {
    heard.push(type);
    if (broken && type === "step.began") throw new Error("451");
  });
  const other: string[] = [];
  const second = started(({ type }) => other.push(type), { name: "other" });
  await ear.begin();
  await second.begin();
  await add(began, stepBegan, ended);
  await ear.settle();
  await second.settle();
  assert.deepEqual(heard, ["run.began", "step.began"]);
  assert.deepEqual(other, ["run.began", "step.began", "run.ended"]);
  broken = false;
  clock.advance(60_000);
  await ear.settle();
  assert.deepEqual(heard, ["run.began", "step.began", "step.began", "run.ended"]);
});

test("an event that is never heard is passed over after so many attempts, with a word", async () => {
  const { add, started, clock, passedOver } = given();
  const heard: string[] = [];
  const ear = started(({ type }) => {
    heard.push(type);
    if (type === "run.began") throw new Error("no");
  });
  await ear.begin();
  await add(began, ended);
  for (let n = 0; n < limits.listenerAttempts; n += 1) {
    await ear.settle();
    clock.advance(60_000);
  }
  assert.equal(heard.filter((type) => type === "run.began").length, limits.listenerAttempts);
  assert.deepEqual(heard.at(-1), "run.ended");
  assert.deepEqual(passedOver, ["run.began: Error: no"]);
});

test("one that does not answer is given up on after its time, and one that stops is not waited for", async () => {
  const { add, started, clock, checkpoint } = given();
  let calls = 0;
  const ear = started(() => {
    calls += 1;
    return new Promise(() => undefined);
  });
  await ear.begin();
  await add(began);
  const telling = ear.settle();
  await atRest();
  clock.advance(limits.listenerMs);
  await telling;
  clock.advance(60_000);
  const again = ear.settle();
  await atRest();
  assert.equal(calls, 2);
  ear.stop();
  await again;
  assert.equal(await checkpoint(), "0");
});

test("who is far behind reads each record once, though its checkpoint is written every hundred events", async () => {
  const { add, started, read, checkpoint } = given();
  const heard: number[] = [];
  const ear = started(({ offset }) => heard.push(offset));
  await ear.begin();
  const many = 12_000; // The newest 4,096 are kept for all; who is behind them reads the log itself.
  await add(...Array.from({ length: many }, () => stepBegan));
  await ear.settle();
  assert.equal(heard.length, many);
  assert.equal(await checkpoint(), `${many}`);
  assert.ok(read.records <= 3 * many, `${read.records} records read for ${many}`);
});

test("a hundred thousand outcomes without an event cost a checkpoint now and then", async () => {
  const { add, started, checkpoint } = given();
  const ear = started(() => undefined);
  await ear.begin();
  await add(...Array.from({ length: 500 }, () => outcome));
  await ear.settle();
  assert.equal(await checkpoint(), "0");
  await add(...Array.from({ length: 1_000 }, () => outcome));
  await ear.settle();
  assert.equal(await checkpoint(), "1500");
});

test("events that it does not want cost a checkpoint now and then, as outcomes do", async () => {
  const { add, started, checkpoint } = given();
  const ends: Heard = { types: new Set(["run.ended"]), flows: undefined };
  const ear = started(() => undefined, { heard: ends });
  await ear.begin();
  await add(...Array.from({ length: 150 }, () => stepBegan));
  await ear.settle();
  assert.equal(await checkpoint(), "0");
  await add(ended, stepBegan);
  await ear.settle();
  assert.equal(await checkpoint(), "152");
});

test("what comes shortly after a checkpoint is told together, and kept in one more", async () => {
  const { clock, add, started, checkpoint } = given();
  const heard: string[] = [];
  const ear = started(({ type }) => heard.push(type));
  await ear.begin();
  await add(began);
  await ear.settle();
  await add(stepBegan);
  await ear.settle();
  assert.deepEqual([heard, await checkpoint()], [["run.began"], "1"]);
  await add(ended);
  const restsUntil = ear.restsUntil?.() ?? Infinity;
  assert.ok(restsUntil - clock.now() <= 20, "it asks to be woken soon");
  clock.advance(restsUntil - clock.now());
  await ear.settle();
  assert.deepEqual([heard.slice(1), await checkpoint()], [["step.began", "run.ended"], "3"]);
});

test("of two processes under one name, the slower one goes on where the other is", async () => {
  const { add, started } = given();
  const heard: string[] = [];
  const one = started(({ type }) => heard.push(`one ${type}`));
  const two = started(({ type }) => heard.push(`two ${type}`));
  await one.begin();
  await two.begin();
  await add(began);
  await one.settle();
  await assert.rejects(two.settle(), /somebody else reads under this name/);
  await add(ended);
  await two.settle();
  assert.deepEqual(heard, ["one run.began", "two run.began", "two run.ended"]);
});

test("without a name it hears from now on, once, and keeps nothing", async () => {
  const { add, started, engine, passedOver } = given();
  await add(began);
  const heard: string[] = [];
  const ear = started(
    ({ type }) => {
      heard.push(type);
      throw new Error("no");
    },
    { isDurable: false },
  );
  await ear.begin();
  await add(stepBegan, ended);
  await ear.settle();
  assert.deepEqual(heard, ["step.began", "run.ended"]);
  assert.equal(passedOver.length, 2);
  assert.deepEqual(await engine.store.scan(0, "reader/", 10), []);
});

test("it hears only what it wants, and only of the flows it wants", async () => {
  const { add, started } = given();
  const heard: string[] = [];
  const of = (types: Heard["types"], flows: Heard["flows"], name: string) =>
    started(({ type }) => heard.push(`${name} ${type}`), { heard: { types, flows }, name });
  const ears = [
    of(new Set(["run.ended"]), undefined, "ends"),
    of(undefined, new Set(["f"]), "of f"),
    of(undefined, new Set(["g"]), "of g"),
  ];
  for (const ear of ears) await ear.begin();
  await add(began, ended);
  for (const ear of ears) await ear.settle();
  assert.deepEqual(heard, ["ends run.ended", "of f run.began", "of f run.ended"]);
});

test("what was trimmed cannot be told: it goes on with what is left", async () => {
  const { add, started, engine } = given();
  const heard: number[] = [];
  const first = started(({ offset }) => heard.push(offset));
  await first.begin();
  await add(began, stepBegan, ended);
  await engine.log.trim(0, 2, await engine.log.past(0));
  const second = started(({ offset }) => heard.push(offset));
  await second.settle();
  assert.deepEqual(heard, [2]);
});

async function atRest(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
}
