import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode, type Written } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Log } from "../ports/log.ts";
import { toldOf, type Headline } from "../core/run-event.ts";
import { news as newsOf, readingOn } from "./news.ts";

const over = (run: string) => ({ type: "run.ended", run, state: "done" }) as const;
const ended = (run: string) => encode(over(run));
const runOf = (event: Headline) => toldOf(event).run;
const ticked = encode({ type: "ticked" });

/** As a manager hands it on that has consumed all before, and committed these. */
async function committed(log: Log, from: number | undefined, events: readonly Written[]) {
  const first = await log.append(
    0,
    events.map((event) => encode(event)),
  );
  const [last] = await log.read(0, first + events.length - 1, { records: 1, bytes: Infinity });
  assert.ok(last !== undefined);
  return { from, events, first, at: last.at, last };
}

function given() {
  const engine = memoryEngine({ clock: virtualClock() });
  let reads = 0;
  const log = {
    ...engine.log,
    async read(...args: Parameters<typeof engine.log.read>) {
      reads += 1;
      return engine.log.read(...args);
    },
  };
  const news = newsOf({ log, partitions: 1 });
  news.onNews(() => undefined); // While nobody listens, it keeps nothing.
  const follow = async () => {
    for (const { tick } of news.roles) while ((await tick()) > 0);
  };
  return {
    engine,
    log,
    news,
    follow,
    reads: () => reads,
    add: (...texts: string[]) => engine.log.append(0, texts),
  };
}

/** News of a log in whose place there is another one in the end, as after a failover to a server that had not heard of the rest. */
function givenTwo() {
  const before = memoryEngine({ clock: virtualClock() }).log;
  const later = memoryEngine({ clock: virtualClock() }).log;
  let log = before;
  const read: Log["read"] = (...args) => log.read(...args);
  const end: Log["end"] = (...args) => log.end(...args);
  const news = newsOf({ log: { ...before, read, end }, partitions: 1 });
  const heard: string[] = [];
  news.onNews((_, events) => heard.push(...events.map(runOf)));
  return {
    before,
    later,
    news,
    heard,
    tick: async () => news.roles[0]?.tick(),
    failOver: () => void (log = later),
  };
}

test("who is nearly up to date reads from memory, who is behind from the log, and both read the same", async () => {
  const { news, follow, reads, add } = given();
  await add(ended("old"), ticked);
  await follow();
  await add(ended("a"), ticked, ended("b"));
  await follow();
  const before = reads();
  const recent = await news.read(0, 2);
  assert.equal(reads(), before);
  assert.deepEqual([recent.events.map(runOf), recent.next], [["a", "b"], 5]);
  assert.deepEqual((await news.read(0, 3)).events.map(runOf), ["b"]);
  assert.deepEqual(await news.read(0, 5), { events: [], next: 5 });
  assert.equal(reads(), before);
  const whole = await news.read(0, 0);
  assert.deepEqual([whole.events.map(runOf), whole.next], [["old", "a", "b"], 5]);
  assert.equal(reads(), before + 1);
});

test("memory keeps the newest events only, and nothing is missed on the way from the log to it", async () => {
  const { news, follow, add } = given();
  await follow();
  for (let n = 0; n < 12; n += 1) {
    await add(...Array.from({ length: 1_000 }, (_, each) => ended(`r${n * 1_000 + each}`)));
    await follow();
  }
  const read: string[] = [];
  for (let from = 0; ;) {
    const { events, next } = await news.read(0, from);
    if (next === from) break;
    read.push(...events.map(runOf));
    from = next;
  }
  assert.deepEqual(
    read,
    Array.from({ length: 12_000 }, (_, n) => `r${n}`),
  );
});

test("of what memory keeps no more, the log says the first event, too", async () => {
  const { news, follow, add, reads } = given();
  await follow();
  const count = 22_000;
  for (let n = 0; n < count; n += 1_000) {
    await add(...Array.from({ length: 1_000 }, (_, each) => ended(`r${n + each}`)));
    await follow();
  }
  const isKept = async (from: number): Promise<boolean> => {
    const before = reads();
    const { events } = await news.read(0, from);
    assert.equal(events[0] && runOf(events[0]), `r${from}`);
    return reads() === before;
  };
  let [gone, kept] = [0, count - 1];
  assert.deepEqual([await isKept(gone), await isKept(kept)], [false, true]);
  while (kept - gone > 1) {
    const middle = (gone + kept) >>> 1;
    if (await isKept(middle)) kept = middle;
    else gone = middle;
  }
});

test("who goes back in what was read ahead gets what stands there", async () => {
  const { news, add } = given();
  await add(...["a", "b", "c", "d"].map(ended));
  const readOn = readingOn(news, 0);
  const from = async (offset: number) => (await readOn(offset, 1)).events.map(runOf).join();
  assert.deepEqual(
    [await from(2), await from(0), await from(1), await from(3)],
    ["c", "a", "b", "d"],
  );
});

test("who listens is told of new events, until it listens no more", async () => {
  const { news, follow, add } = given();
  await follow();
  const heard: string[] = [];
  const forget = news.onNews((partition, events) =>
    heard.push(`${partition}: ${events.map(runOf).join()}`),
  );
  await add(ended("a"), ended("b"));
  await follow();
  await add(ticked);
  await follow();
  forget();
  await add(ended("c"));
  await follow();
  assert.deepEqual(heard, ["0: a,b"]);
});

test("while nobody listens it reads nothing; who begins to listen hears all that comes from then on", async () => {
  const { engine } = given();
  let reads = 0;
  const read: typeof engine.log.read = async (...args) => {
    reads += 1;
    return engine.log.read(...args);
  };
  const news = newsOf({ log: { ...engine.log, read }, partitions: 1 });
  const follow = async () => {
    for (const { tick } of news.roles) while ((await tick()) > 0);
  };
  await follow();
  await engine.log.append(0, [ended("a")]);
  await follow();
  assert.equal(reads, 0);
  const heard: string[] = [];
  const forget = news.onNews((_, events) => heard.push(...events.map(runOf)));
  await engine.log.append(0, [ended("b")]);
  await follow();
  forget();
  await engine.log.append(0, [ended("c")]);
  await follow();
  assert.deepEqual(heard, ["b"]);
});

test("a log that has lost its last records is said, and read on from where it ends now", async () => {
  const { before, later, heard, tick, failOver } = givenTwo();
  await tick();
  await before.append(0, [ended("a"), ended("lost")]);
  await tick();
  await later.append(0, [ended("a")]);
  failOver();
  await assert.rejects(tick, /went back from 2 to 1: the store has lost its last commits/);
  await later.append(0, [ended("b")]);
  await tick();
  assert.deepEqual(heard, ["a", "lost", "b"]);
});

test("a log that has lost its last records and grown past where they stood: nothing of the lost ones is told for what it says now", async () => {
  const { before, later, news, heard, tick, failOver } = givenTwo();
  await tick();
  await before.append(0, ["a", "lost", "lost too"].map(ended));
  await tick();
  await later.append(0, ["a", "b", "c", "d"].map(ended));
  failOver();
  await assert.rejects(tick, /went back from 3 to 2: the store has lost its last commits/);
  await tick();
  assert.deepEqual(heard, ["a", "lost", "lost too", "c", "d"]);
  const { events } = await news.read(0, 1); // As who goes by a checkpoint in the store.
  assert.deepEqual(events.map(runOf), ["b", "c", "d"]);
});

test("who is behind where the log was trimmed begins with what is left, also if it is trimmed again meanwhile (seed 16521)", async () => {
  const { log } = memoryEngine({ clock: virtualClock(), partitions: 1 });
  const trims = [2, 1];
  const news = newsOf({
    log: {
      ...log,
      async read(...args) {
        await log.trim(0, trims.pop() ?? 2, await log.past(0));
        return log.read(...args);
      },
    },
    partitions: 1,
  });
  await log.append(0, ["a", "b", "c"].map(ended));
  const { events, next } = await news.read(0, 0);
  assert.deepEqual(events.map(runOf), ["c"]);
  assert.equal(next, 3);
});

test("what a manager of this process hands on is told without a reading, and kept for who reads on", async () => {
  const { log, news, follow, reads, add } = given();
  const heard: string[] = [];
  news.onNews((_, events) => heard.push(...events.map(runOf)));
  await follow();
  await add(ended("before"));
  news.handOn(0, await committed(log, undefined, [over("a")]));
  assert.deepEqual(heard, [], "what stands before it is not known yet");
  await follow();
  assert.deepEqual(heard, ["before", "a"]);
  assert.deepEqual(news.roles[0]?.hints, [], "no commit wakes whoever reads the log");
  await add(ticked);
  const [from, next] = [
    await committed(log, 2, [over("b")]),
    await committed(log, 4, [{ type: "ticked" }]),
  ];
  const before = reads();
  news.handOn(0, from);
  news.handOn(0, next);
  assert.deepEqual(heard, ["before", "a", "b"]);
  const recent = await news.read(0, 1);
  assert.deepEqual([recent.events.map(runOf), recent.next], [["a", "b"], 5]);
  assert.equal(reads(), before);
  await follow();
  assert.deepEqual(heard, ["before", "a", "b"], "nothing is told twice that is read again");
});

test("a manager that goes, or leaves a gap, is not relied on: the log is read again, and nothing is missed", async () => {
  const { log, news, follow } = given();
  const heard: string[] = [];
  news.onNews((_, events) => heard.push(...events.map(runOf)));
  let woken = 0;
  news.roles[0]?.onWake?.(() => (woken += 1));
  await follow();
  news.handOn(0, await committed(log, undefined, [over("a")]));
  await follow();
  await committed(log, 1, [over("b")]); // Its answer was lost, so nobody hands it on.
  news.handOn(0, undefined);
  assert.deepEqual(news.roles[0]?.hints, ["state"]);
  assert.equal(woken, 2);
  news.handOn(0, await committed(log, undefined, [over("c")]));
  news.handOn(0, await committed(log, 3, [over("d")]));
  assert.equal(woken, 4);
  assert.deepEqual(heard, ["a"]);
  await follow();
  news.handOn(0, await committed(log, 4, [over("e")]));
  assert.deepEqual(heard, ["a", "b", "c", "d", "e"]);
});

test("what is handed on while the log is not read to its end is not taken for all that there is", async () => {
  const { log, news, follow, add } = given();
  const heard: string[] = [];
  news.onNews((_, events) => heard.push(...events.map(runOf)));
  await follow();
  const runs = Array.from({ length: 6_000 }, (_, n) => `r${n}`);
  await add(...runs.map(ended));
  news.handOn(0, await committed(log, undefined, [over("a")]));
  await news.roles[0]?.tick(); // One reading, which is not all.
  assert.ok(heard.length < runs.length);
  news.handOn(0, await committed(log, 6_001, [over("b")]));
  await follow();
  assert.deepEqual(heard, [...runs, "a", "b"]);
});

test("what is handed on that the log has said already is not told again, nor what follows it", async () => {
  const { log, news, follow } = given();
  const heard: string[] = [];
  news.onNews((_, events) => heard.push(...events.map(runOf)));
  await follow();
  news.handOn(0, await committed(log, undefined, [over("a")]));
  await follow();
  const [b, c] = [await committed(log, 1, [over("b")]), await committed(log, 2, [over("c")])];
  await follow();
  news.handOn(0, b);
  await follow();
  news.handOn(0, c);
  assert.deepEqual(heard, ["a", "b", "c"]);
});

test("where a manager has gone and none has come, the log is followed as if there had been none", async () => {
  const { log, news, follow } = given();
  await follow();
  news.handOn(0, await committed(log, undefined, [over("a")]));
  await follow();
  assert.deepEqual(news.roles[0]?.hints, []);
  news.handOn(0, undefined);
  await follow();
  assert.deepEqual(news.roles[0]?.hints, ["state"]);
});

test("statistics read what was handed on, though nobody listens", async () => {
  const { log } = given();
  const end = await log.append(0, [ticked]);
  const news = newsOf({ log, partitions: 1 });
  const [follower] = news.roles;
  await follower?.tick();
  news.handOn(0, await committed(log, undefined, [over("a")]));
  await follower?.tick();
  const handed = await committed(log, 2, [over("b")]);
  news.handOn(0, handed);
  await log.append(0, [ticked]);
  await follower?.tick(); // As it looks for itself now and then.
  const read: typeof log.read = async () => assert.fail("it need not be read");
  assert.equal(end, 0);
  log.read = read;
  const past = await log.past(0);
  assert.deepEqual((await news.read(0, 2, past)).events.map(runOf), ["b"]);
});

test("a manager that comes back to a store without its last commits: what it hands on is not taken for what is known", async () => {
  const { before, later, news, heard, tick, failOver } = givenTwo();
  await tick();
  news.handOn(0, await committed(before, undefined, [over("a")]));
  await tick();
  news.handOn(0, await committed(before, 1, [over("lost"), over("lost too")]));
  failOver();
  await committed(later, 0, [over("a")]);
  news.handOn(0, undefined);
  news.handOn(0, await committed(later, undefined, [over("b")]));
  news.handOn(0, await committed(later, 2, [over("c"), over("d")]));
  await assert.rejects(tick, /went back from 3 to 2: the store has lost its last commits/);
  await tick();
  news.handOn(0, await committed(later, 4, [over("e")]));
  assert.deepEqual(heard, ["a", "lost", "lost too", "c", "d", "e"]);
  assert.deepEqual((await news.read(0, 1)).events.map(runOf), ["b", "c", "d", "e"]);
});
