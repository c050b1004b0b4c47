import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ticker } from "./ticker.ts";

/** A partition whose manager wants to be told the time so many ms from now, and hears nothing. */
async function given(afterMs: number | undefined) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const claim = await engine.store.claim(0, "ann", 60_000);
  assert.ok(claim);
  const wakeAt = afterMs === undefined ? undefined : clock.now() + afterMs;
  await engine.store.commit(claim, { to: 0, puts: [], events: [], tasks: [], wakeAt });
  const ticks = (): Promise<number> => engine.log.end(0);
  return { clock, ticks, ...ticker({ engine, clock, partition: 0 }) };
}

test("the log is told the time when it was asked for, and not before", async () => {
  const { clock, tick, ticks, wakeAt } = await given(500);
  await tick();
  assert.equal(await ticks(), 0);
  assert.equal(wakeAt?.(), clock.now() + 500);
  clock.advance(500);
  await tick();
  assert.equal(await ticks(), 1);
});

test("a tick that nobody consumed is repeated, once a second", async () => {
  const { clock, tick, ticks } = await given(0);
  for (let second = 1; second <= 3; second += 1) {
    await tick();
    await tick();
    assert.equal(await ticks(), second);
    clock.advance(1_000);
  }
});

test("where nobody asks for the time, nobody is told it", async () => {
  const { clock, tick, ticks, wakeAt } = await given(undefined);
  clock.advance(60_000);
  assert.equal(await tick(), 0);
  assert.equal(await ticks(), 0);
  assert.equal(wakeAt?.(), undefined);
});

test("where the manager of the partition is in this process, what it has committed counts, and the store is not asked", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const positions: number[] = [];
  const store: typeof engine.store = {
    ...engine.store,
    position(partition) {
      positions.push(partition);
      return engine.store.position(partition);
    },
  };
  let wakeAt: number | undefined = clock.now() + 500;
  let isHolder = true;
  const manager = { isHolder: () => isHolder, wishes: () => ({ wakeAt }) };
  const { tick } = ticker({ engine: { ...engine, store }, clock, partition: 0, manager });
  await tick();
  clock.advance(500);
  await tick();
  assert.equal(await engine.log.end(0), 1);
  wakeAt = undefined;
  clock.advance(60_000);
  await tick();
  assert.equal(await engine.log.end(0), 1);
  assert.deepEqual(positions, []);

  isHolder = false; // Another process serves it now.
  await tick();
  assert.deepEqual(positions, [0]);
});
