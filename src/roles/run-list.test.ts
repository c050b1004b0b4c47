import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Engine } from "../ports/engine.ts";
import { projector } from "./projector.ts";
import { listRuns } from "./run-list.ts";

const clock = { now: () => 1_000, sleep: async () => undefined };

const began = (run: string) =>
  encode({ type: "run.began", run, flow: "f", priority: "normal" } as const);
const stepBegan = (run: string) =>
  encode({ type: "step.began", run, step: "s", generation: 1 } as const);
const ended = (run: string) => encode({ type: "run.ended", run, state: "done" } as const);

function given(partitions = 1) {
  const engine = memoryEngine({ clock, partitions });
  const { tick } = projector({ engine, clock, partition: 0 });
  const add = (...texts: readonly string[]) => engine.log.append(0, texts);
  return { engine, add, tick };
}

async function states(engine: Engine, limit = 10): Promise<readonly string[]> {
  return (await listRuns(engine, { limit })).map(({ run, state }) => `${run} ${state}`);
}

test("a run that ended is listed so, although nobody has written the list since", async () => {
  const { engine, add, tick } = given();
  await add(began("a"), began("b"));
  await tick();
  await add(ended("a"));
  assert.deepEqual(await states(engine), ["a done", "b running"]);
  const done = await listRuns(engine, { states: ["done"], limit: 10 });
  assert.deepEqual(
    done.map(({ run }) => run),
    ["a"],
  );
  assert.deepEqual(await listRuns(engine, { states: ["running"], flow: "g", limit: 10 }), []);
});

test("the limit is of what is found: a run that changed since takes nobody's place", async () => {
  const { engine, add, tick } = given();
  await add(began("a"), began("b"), began("c"));
  await tick();
  await add(encode({ type: "run.removed", run: "a", flow: "f", by: 1 } as const), ended("b"));
  assert.deepEqual(await states(engine, 1), ["b done"]);
  assert.deepEqual(await states(engine, 2), ["b done", "c running"]);
  const running = await listRuns(engine, { states: ["running"], limit: 1 });
  assert.deepEqual(
    running.map(({ run }) => run),
    ["c"],
  );
});

test("a list that is written while it is read is read again: what is old is not laid over what is new", async () => {
  const { engine, add, tick } = given();
  await add(began("a"));
  let reads = 0;
  const written: Engine = {
    ...engine,
    log: {
      ...engine.log,
      async read(...asked) {
        const entries = await engine.log.read(...asked);
        reads += 1;
        if (reads === 1) {
          await add(ended("a"));
          await tick();
        }
        return entries;
      },
    },
  };
  assert.deepEqual(await states(written), ["a done"]);
});

test("a list that others are always writing knows all that the log said at the call", async () => {
  const { engine, add, tick } = given();
  await add(began("a"));
  let attempts = 0;
  const busy: Engine = {
    ...engine,
    views: {
      ...engine.views,
      async runs(query) {
        attempts += 1;
        await tick();
        const rows = await engine.views.runs(query);
        await add(attempts % 2 === 1 ? stepBegan("a") : ended("a"));
        return rows;
      },
    },
  };
  assert.deepEqual(await states(busy), ["a done"]);
  assert.equal(attempts, 5);
});

test("what a list has not been told before it was trimmed, who trimmed it has written", async () => {
  const { engine, add, tick } = given();
  await add(began("a"), ended("a"));
  let asked = 0;
  const trimmed: Engine = {
    ...engine,
    views: {
      ...engine.views,
      async checkpoint(partition) {
        const known = await engine.views.checkpoint(partition);
        asked += 1;
        if (asked === 1) {
          await tick();
          await engine.log.trim(0, 2, await engine.log.past(0));
          await add(began("b"));
        }
        return known;
      },
    },
  };
  assert.deepEqual(await states(trimmed), ["a done", "b running"]);
});

test("partitions are as far as each is: what is new in one is laid over the list, and one that is written meanwhile is read again", async () => {
  const { engine, add, tick } = given(2);
  const other = projector({ engine, clock, partition: 1 });
  await add(began("a"), stepBegan("a"), ended("a"));
  await engine.log.append(1, [began("b"), began("c")]);
  await tick();
  await other.tick();
  await engine.log.append(1, [ended("b")]);
  assert.deepEqual((await states(engine)).toSorted(), ["a done", "b done", "c running"]);
  let asked = 0;
  const written: Engine = {
    ...engine,
    views: {
      ...engine.views,
      async runs(query) {
        asked += 1;
        if (asked === 1) {
          await engine.log.append(1, [encode({ type: "run.removed", run: "b", flow: "f", by: 1 })]);
          await other.tick();
        }
        return engine.views.runs(query);
      },
    },
  };
  assert.deepEqual((await states(written)).toSorted(), ["a done", "c running"]);
});

test("while the list is far behind, because it is made anew, it says what it has, and the log is not read for it", async () => {
  const { engine, add, tick } = given();
  await add(began("a"));
  await tick();
  await add(ended("a"), ...Array<string>(20_000).fill(encode({ type: "ticked" })));
  const read = async (): Promise<never> => assert.fail("it is not read");
  assert.deepEqual(await states({ ...engine, log: { ...engine.log, read } }), ["a running"]);
});

test("a log that a failover made shorter while it was asked for is read to where it ends now", async () => {
  const { engine, add } = given();
  await add(began("a"));
  const takeBack = engine.copy();
  await add(ended("a"));
  let reads = 0;
  const log: Engine["log"] = {
    ...engine.log,
    async end(partition) {
      const end = await engine.log.end(partition);
      takeBack();
      return end;
    },
    async read(...asked) {
      reads += 1;
      assert.ok(reads < 20, "it is read for ever");
      return engine.log.read(...asked);
    },
  };
  assert.deepEqual(await states({ ...engine, log }), ["a running"]);
});

test("what says all of a run needs no look at its row: most that is new is runs that begin", async () => {
  const { engine, add } = given();
  await add(began("a"), stepBegan("a"), ended("a"), began("b"));
  const run = async (): Promise<never> => assert.fail("the store is not asked");
  const views = { ...engine.views, run };
  assert.deepEqual(await states({ ...engine, views }), ["a done", "b running"]);
});
