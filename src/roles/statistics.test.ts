import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ConflictError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { news } from "./news.ts";
import { knownStatistics, statistician } from "./statistics.ts";

const ended = encode({
  type: "run.ended",
  run: "r",
  state: "done",
  counted: { flow: "f", startedAt: 0 },
});
const other = encode({ type: "ticked" });

/** An engine on a clock that is set by hand, and how often something was written for the statistics. */
function given() {
  const time = { now: 1_000 };
  const engine = memoryEngine({ clock: { now: () => time.now, sleep: async () => undefined } });
  const kept: string[] = [];
  let failing = false;
  const watched: Engine = {
    ...engine,
    store: {
      ...engine.store,
      async keep(partition, reader, what) {
        if (failing) throw new ConflictError("somebody else reads under this name");
        kept.push(`${what.from ?? "nothing"}-${what.to}: ${what.puts.length}`);
        await engine.store.keep(partition, reader, what);
      },
    },
  };
  const clock = { now: () => time.now, sleep: async () => undefined };
  let isHolder = true;
  return {
    time,
    kept,
    add: (...texts: readonly string[]) => engine.log.append(0, texts),
    role: () =>
      statistician({
        engine: watched,
        news: news(engine),
        clock,
        partition: 0,
        mayCount: () => isHolder,
      }),
    holds: (does: boolean) => (isHolder = does),
    fails: (does: boolean) => (failing = does),
    done: async () => {
      const { statistics, asOf } = await knownStatistics(engine, {});
      return [statistics[0]?.runs.done ?? 0, asOf[0]];
    },
  };
}

test("what ends while it waits is counted together, and after a silence it goes on", async () => {
  const { time, kept, add, role, done } = given();
  const counts = role();
  await add(ended);
  await counts.tick();
  await add(ended, other);
  await counts.tick();
  await add(ended);
  await counts.tick();
  assert.deepEqual(kept, ["nothing-1: 1"]);
  const { restsUntil } = counts;
  time.now = restsUntil?.() ?? 0;
  await counts.tick();
  assert.deepEqual(kept, ["nothing-1: 1", "1-4: 1"]);
  time.now += 10_000;
  await counts.tick();
  assert.equal(counts.restsUntil?.(), 0);
  await add(ended);
  await counts.tick();
  assert.deepEqual(await done(), [4, 5]);
});

test("nothing is counted twice by who comes after, nor left out when it could not be written", async () => {
  const { time, add, role, done, fails } = given();
  await add(ended, ended);
  await role().tick();
  const next = role();
  await next.tick();
  assert.deepEqual(await done(), [2, 2]);
  await add(ended);
  time.now += 1_000;
  fails(true);
  await assert.rejects(next.tick(), ConflictError);
  fails(false);
  await next.tick();
  assert.deepEqual(await done(), [3, 3]);
});

test("who does not hold the partition counts nothing, and reads again where it stands when it does", async () => {
  const { time, add, role, done, holds } = given();
  const [one, two] = [role(), role()];
  await add(ended);
  await one.tick();
  holds(false);
  time.now += 1_000;
  await add(ended);
  assert.equal(await one.tick(), 0);
  assert.deepEqual(await done(), [1, 1]);
  holds(true);
  await two.tick();
  time.now += 1_000;
  await add(ended);
  await one.tick();
  assert.deepEqual(await done(), [3, 3]);
});

test("records that say nothing are passed over without writing, a thousand at most", async () => {
  const { time, kept, add, role } = given();
  const counts = role();
  await add(...Array.from({ length: 900 }, () => other));
  await counts.tick();
  assert.deepEqual(kept, []);
  time.now += 1_000;
  await add(...Array.from({ length: 200 }, () => other));
  await counts.tick();
  assert.deepEqual(kept, ["nothing-1100: 0"]);
});
