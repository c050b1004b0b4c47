import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { begin, done, flowPlan, plainPlan } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";

test("a manager makes no commit for what it has written itself, and goes on after it", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const commits: number[] = [];
  const store: typeof engine.store = {
    ...engine.store,
    commit(claim, what) {
      commits.push(what.to);
      return engine.store.commit(claim, what);
    },
  };
  const plans = plansOf([flowPlan([plainPlan("first")])]);
  const restarted = () =>
    manager({ engine: { ...engine, store }, clock, partition: 0, holder: "ann", plans });
  const { tick, resign } = restarted();

  assert.equal(await engine.log.append(0, [encode(begin(0).event)]), 0);
  assert.ok((await tick()) > 0);
  const written = await engine.log.end(0);
  assert.ok(written > 2, "it has written that the run and the step began");
  assert.deepEqual(commits, [2]); // The start, and the loss of the queue of the process before.
  for (let idle = 0; idle < 3; idle += 1) assert.equal(await tick(), 0);
  assert.deepEqual(commits, [2]);

  await engine.log.append(0, [encode(done(0, "first").event)]);
  assert.equal(await tick(), 1);
  assert.deepEqual(commits, [2, written + 1]);
  assert.equal(await tick(), 0);

  await resign();
  const next = restarted();
  assert.ok((await next.tick()) > 0); // The loss of the queue.
  assert.equal(await next.tick(), 0);
  assert.equal(commits.length, 3);
});
