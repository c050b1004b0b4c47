import assert from "node:assert/strict";
import { test } from "node:test";
import { clockContract } from "../../src/contract/clock.ts";
import { engineContract } from "../../src/contract/engine.ts";
import { givenTask, virtualClock } from "../../src/contract/given.ts";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import type { Hint } from "../../src/ports/engine.ts";

for (const partitions of [1, 3])
  engineContract(test, async () => {
    const clock = virtualClock();
    return { engine: memoryEngine({ clock, partitions }), advance: clock.advance };
  });

clockContract(test, async () => {
  const clock = virtualClock();
  return { clock, advance: clock.advance };
});

test("hints come in the same turn as their effect, until the listener stops", async () => {
  const engine = memoryEngine({ clock: virtualClock() });
  const heard: [Hint, number | undefined][] = [];
  const stop = engine.onHint((hint, partition) => heard.push([hint, partition]));
  void engine.log.append(0, ["a"]);
  void engine.queue.put([givenTask("r")]);
  assert.deepEqual(heard, [
    ["log", 0],
    ["queue", undefined],
  ]);
  const claim = await engine.store.claim(0, "ann", 1_000);
  assert.ok(claim);
  const commit = { to: 1, puts: [], events: ["b"], tasks: [givenTask("s")], wakeAt: undefined };
  await engine.store.commit(claim, commit);
  assert.deepEqual(
    heard
      .slice(2)
      .map(([hint]) => hint)
      .toSorted(),
    ["log", "queue", "state"],
  );
  stop();
  await engine.log.append(0, ["c"]);
  assert.equal(heard.length, 5);
});

test("of one priority the first in is the first out, what came back before the rest", async () => {
  const { queue } = memoryEngine({ clock: virtualClock() });
  await queue.put(["a", "b", "c", "d"].map((run) => givenTask(run)));
  const first = await queue.take("ann", ["default"], 2, 1_000);
  await queue.release("ann", first);
  const all = await queue.take("ann", ["default"], 10, 1_000);
  assert.deepEqual(
    all.map(({ task }) => task.run),
    ["a", "b", "c", "d"],
  );
});

test("no queue starves another of the same priority", async () => {
  const { queue } = memoryEngine({ clock: virtualClock() });
  for (const name of ["x", "y"])
    await queue.put(Array.from({ length: 10 }, () => givenTask(name, { queue: name })));
  const taken: string[] = [];
  for (let time = 0; time < 10; time += 1)
    for (const { task } of await queue.take("ann", ["x", "y"], 1, 1_000)) taken.push(task.run);
  assert.equal(taken.filter((name) => name === "x").length, 5);
});

test("a lost queue hands out nothing and knows no session", async () => {
  const { queue, loseQueue } = memoryEngine({ clock: virtualClock() });
  await queue.put([givenTask("r"), givenTask("s")]);
  const held = await queue.take("ann", ["default"], 1, 1_000);
  loseQueue();
  assert.equal(await queue.extend("ann", 1_000), false);
  assert.equal(await queue.ack("ann", held), 0);
  assert.deepEqual(await queue.take("bob", ["default"], 10, 1_000), []);
});
