/** A failover takes the last records back while somebody reads them, and others come to stand where they were. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { keys } from "../core/ids.ts";
import { toldOf, type Headline } from "../core/run-event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { aboutRuns } from "./about.ts";
import { listening } from "./listening.ts";
import { news as newsOf } from "./news.ts";
import { projector } from "./projector.ts";
import type { Role } from "./role.ts";
import { knownStatistics, statistician } from "./statistics.ts";
import { trimmer } from "./trimmer.ts";

const began = (run: string) => encode({ type: "run.began", run, flow: "f", priority: "normal" });
const ended = (run: string) =>
  encode({ type: "run.ended", run, state: "done", counted: { flow: "f", startedAt: 0 } });
const ticked = encode({ type: "ticked" });
const runOf = (event: Headline) => toldOf(event).run;

/** An engine whose log can lose its last records, and grows past where they stood at once. */
function given() {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const news = newsOf(engine);
  const add = (...texts: readonly string[]) => engine.log.append(0, texts);
  async function losing(...lost: readonly string[]) {
    const takeBack = engine.copy();
    await add(...lost);
    return async (...instead: readonly string[]) => {
      takeBack();
      await add(...instead);
    };
  }
  /** As the host: whatever is thrown, until nothing is left to do. */
  async function settle(...roles: readonly Role[]): Promise<void> {
    for (let idle = 0; idle < 4;) {
      clock.advance(1_000);
      let handled = 0;
      for (const { tick } of [...news.roles, ...roles])
        handled += await tick().catch((error: unknown) => {
          assert.match(String(error), /another past|went back/);
          return 1;
        });
      idle = handled > 0 ? 0 : idle + 1;
    }
  }
  return { clock, engine, news, add, losing, settle };
}

/** The engine, where something happens just before it is asked to write down how far somebody has read. */
function interrupted(engine: Engine, happen: () => Promise<void>): Engine {
  const { log, store, views } = engine;
  return {
    ...engine,
    log: { ...log, trim: (...args) => happen().then(() => log.trim(...args)) },
    store: { ...store, keep: (...args) => happen().then(() => store.keep(...args)) },
    views: { ...views, apply: (...args) => happen().then(() => views.apply(...args)) },
  };
}

const once = (happen: () => Promise<void>): (() => Promise<void>) => {
  let isOver = false;
  return async () => {
    if (isOver) return;
    isOver = true;
    await happen();
  };
};

test("C79 a listener that was told of what is lost then is told of what stands there now", async () => {
  const { clock, engine, news, add, losing, settle } = given();
  const heard: string[] = [];
  let failOver: (...instead: readonly string[]) => Promise<void> = async () => undefined;
  const role = listening({
    engine,
    clock,
    news,
    about: aboutRuns(engine),
    partition: 0,
    name: "ear",
    heard: { types: undefined, flows: undefined },
    isDurable: true,
    stopped: new AbortController().signal,
    onPassedOver: () => assert.fail("nothing is passed over"),
    async run({ run }) {
      heard.push(run);
      if (run === "lost") await failOver(ended("instead"), ended("more"));
    },
  });
  role.onWake?.(() => undefined);
  await role.begin();
  await add(ended("a"));
  await settle(role);
  failOver = await losing(ended("lost"));
  await settle(role);
  assert.deepEqual(heard, ["a", "lost", "instead", "more"]);
});

test("nothing of what only a lost log said is passed over in silence, either: no record of that stands for one of this", async () => {
  const { clock, engine, news, losing, settle } = given();
  const role = statistician({ engine, news, clock, partition: 0, mayCount: () => true });
  const failOver = await losing(ticked, ticked);
  await settle(role); // It has read them, and need not write that down.
  await failOver(ended("a"), ticked, ended("b"));
  await settle(role);
  const { statistics, asOf } = await knownStatistics(engine, {});
  assert.deepEqual([statistics[0]?.runs.done, asOf], [2, [3]]);
});

test("statistics count what is there, and nothing of what is lost", async () => {
  const { clock, engine, news, add, losing, settle } = given();
  await add(ended("a"));
  const failOver = await losing(ended("lost"));
  const on = interrupted(
    engine,
    once(() => failOver(ticked, ended("b"))),
  );
  await settle(statistician({ engine: on, news, clock, partition: 0, mayCount: () => true }));
  const { statistics, asOf } = await knownStatistics(engine, {});
  assert.deepEqual([statistics[0]?.runs.done, asOf], [2, [3]]);
});

test("C79 the list of runs has a row of each run that is there, and none of one that is lost (seed 1399)", async () => {
  const { clock, engine, add, losing, settle } = given();
  await add(began("a"));
  const failOver = await losing(began("lost"));
  const on = interrupted(
    engine,
    once(() => failOver(began("b"), began("c"))),
  );
  await settle(projector({ engine: on, clock, partition: 0 }));
  const rows = await engine.views.runs({ limit: 10 });
  assert.deepEqual(rows.map(({ run }) => run).toSorted(), ["a", "b", "c"]);
});

test("nothing is trimmed that somebody has still to read, because a log that is lost was read further", async () => {
  const { clock, engine, losing } = given();
  const { log, store, views } = engine;
  const past = await log.past(0);
  const failOver = await losing(ticked, ticked);
  const claim = await store.claim(0, "m", 1e9);
  assert.ok(claim);
  await store.commit(claim, { to: 2, puts: [], events: [], tasks: [], wakeAt: undefined });
  await views.apply(0, { from: 0, to: 2, past, rows: [] });
  await store.keep(0, "ear", { from: undefined, to: 2, past, puts: [] });
  const on = interrupted(
    engine,
    once(() => failOver(began("b"), began("c"))),
  );
  const everyMs = 1_000;
  const role = trimmer({
    engine: on,
    clock,
    partition: 0,
    everyMs,
    mayTrim: () => true,
    readers: ["ear"],
    atLeast: 1,
  });
  const look = async (): Promise<void> => {
    clock.advance(everyMs);
    while ((await role.tick()) > 0);
  };
  await assert.rejects(look, ConflictError);
  await look();
  assert.equal((await log.read(0, 0, { records: 9, bytes: 999 })).length, 2);
  assert.deepEqual(await store.load(0, [keys.reader("ear")]), [undefined]);

  const now = await log.past(0);
  const again = await store.claim(0, "m", 1e9);
  assert.ok(again);
  await store.commit(again, { to: 1, puts: [], events: [], tasks: [], wakeAt: undefined });
  await views.apply(0, { from: 0, to: 1, past: now, rows: [] });
  await store.keep(0, "ear", { from: undefined, to: 1, past: now, puts: [] });
  await look();
  await assert.rejects(log.read(0, 0, { records: 9, bytes: 999 }), NotFoundError);
});

/** And somebody has heard of "a", and of what is lost once it fails over. */
async function givenHeard() {
  const all = given();
  const { news, add, losing, settle } = all;
  news.onNews(() => undefined);
  await settle();
  await add(ended("a"));
  const failOver = await losing(ended("lost"));
  await settle();
  return { ...all, failOver };
}

test("who reads of the log as it is now is not told from memory what is lost", async () => {
  const { engine, news, settle, failOver } = await givenHeard();
  const past = await engine.log.past(0);
  assert.deepEqual((await news.read(0, 0, past)).events.map(runOf), ["a", "lost"]);
  await failOver(ended("b"), ended("c"));
  await assert.rejects(
    news.read(0, 2, past).then(() => news.read(0, 9, past)),
    ConflictError,
  );
  const now = await engine.log.past(0);
  assert.deepEqual((await news.read(0, 0, now)).events.map(runOf), ["a", "b", "c"]);
  await settle();
  assert.deepEqual((await news.read(0, 1, now)).events.map(runOf), ["b", "c"]);
});

test("a server that was started again and has lost nothing: what is in memory is of its past, too", async () => {
  const { engine, news, add, settle } = given();
  news.onNews(() => undefined);
  await settle();
  await add(ended("a"), ended("b"));
  await settle();
  engine.copy()();
  await settle();
  const before = engine.log.read;
  let reads = 0;
  Object.assign(engine.log, {
    read: (...args: Parameters<typeof before>) => {
      reads += 1;
      return before(...args);
    },
  });
  const { events } = await news.read(0, 0, await engine.log.past(0));
  assert.deepEqual([events.map(runOf), reads], [["a", "b"], 0]);
});

test("while the log is read anew after a failover, memory does not pass for what it says (seed 300852)", async () => {
  const { engine, losing } = given();
  const read: typeof engine.log.read = async (...args) => {
    const during = meanwhile;
    meanwhile = async () => undefined;
    await during();
    return engine.log.read(...args);
  };
  let meanwhile: () => Promise<unknown> = async () => undefined;
  const news = newsOf({ log: { ...engine.log, read }, partitions: 1 });
  news.onNews(() => undefined);
  const tick = async () => news.roles[0]?.tick();
  await tick();
  const failOver = await losing(ended("a"), ended("lost"));
  await tick();
  await failOver(ended("b"), ended("c"), ended("d"));
  await assert.rejects(async () => tick(), ConflictError);
  const now = await engine.log.past(0);
  const told: string[] = [];
  meanwhile = async () => told.push(...(await news.read(0, 0, now)).events.map(runOf));
  await assert.rejects(async () => tick(), /went back/);
  assert.deepEqual(told, ["b", "c", "d"]);
});

test("a log that is shorter is said, though nobody listens", async () => {
  const { engine, news, add } = given();
  const takeBack = engine.copy();
  await add(ended("lost"));
  const tick = async () => news.roles[0]?.tick();
  await tick();
  takeBack();
  await assert.rejects(tick(), /went back from 1 to 0/);
});

test("of what a server says that was started again, memory keeps what is handed on, though nobody listens", async () => {
  const { engine, news, add } = given();
  const tick = async () => news.roles[0]?.tick();
  const commit = async (from: number | undefined, run: string): Promise<void> => {
    const first = await add(ended(run));
    const [last] = await engine.log.read(0, first, { records: 1, bytes: 1 });
    assert.ok(last !== undefined);
    const event = { type: "run.ended", run, state: "done" } as const;
    news.handOn(0, { from, events: [event], first, at: last.at, last });
  };
  await tick();
  await commit(undefined, "a");
  await tick();
  await commit(1, "b");
  engine.copy()();
  await tick();
  await commit(2, "c");
  const past = await engine.log.past(0);
  Object.assign(engine.log, { read: async () => assert.fail("the log need not be read") });
  assert.deepEqual((await news.read(0, 2, past)).events.map(runOf), ["c"]);
});

test("a record of the same words at another time is another record: what stands before it is not known", async () => {
  const { clock, engine, news, losing, settle } = given();
  news.onNews(() => undefined);
  await settle();
  const failOver = await losing(ended("lost"), ticked);
  await settle();
  clock.advance(1_000);
  await failOver(ended("a"), ticked);
  await settle();
  const now = await engine.log.past(0);
  assert.deepEqual((await news.read(0, 0, now)).events.map(runOf), ["a"]);
});

test("what was trimmed before it could be compared is not said to be of the log that is left", async () => {
  const { engine, news, settle, failOver } = await givenHeard();
  await failOver(ended("b"), ended("c"), ended("d"));
  const now = await engine.log.past(0);
  await engine.log.trim(0, 2, now);
  await settle();
  assert.deepEqual((await news.read(0, 0, now)).events.map(runOf), ["c", "d"]);
});
