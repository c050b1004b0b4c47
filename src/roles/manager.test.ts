import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { begin, done, flowPlan, plainPlan } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode, isOutputType, typeIn } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import type { Handed } from "./news.ts";

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

test("what a manager has committed is handed on as the log has it, without a gap until it gives up its claim", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const heard: (Handed | undefined)[] = [];
  const plans = plansOf([flowPlan([plainPlan("first")])]);
  const { tick, resign } = manager({
    engine,
    clock,
    partition: 0,
    holder: "ann",
    plans,
    onCommitted: (handed) => heard.push(handed),
  });
  await engine.log.append(0, [encode(begin(0).event)]);
  await tick();
  await engine.log.append(0, [encode({ type: "ticked" })]);
  await tick(); // Nothing follows.
  await engine.log.append(0, [encode(done(0, "first").event)]);
  await tick();
  await resign();
  const all = await engine.log.read(0, 0, { records: 100, bytes: Infinity });
  const [began, waited, ended, over] = heard;
  assert.equal(began?.from, undefined);
  assert.equal(waited?.from, (began?.last.offset ?? 0) + 1);
  assert.deepEqual(waited?.events, []);
  assert.equal(ended?.from, (waited?.last.offset ?? 0) + 1);
  const of = heard.flatMap(
    (handed) =>
      handed?.events.map((event, n) => ({
        offset: handed.first + n,
        at: handed.at,
        text: encode(event),
      })) ?? [],
  );
  assert.deepEqual(
    of,
    all.filter((entry) => isOutputType(typeIn(entry))),
  );
  for (const handed of [began, waited, ended])
    assert.deepEqual(handed?.last, all[handed?.last.offset ?? -1]);
  assert.deepEqual([heard.length, over], [4, undefined]);
});
