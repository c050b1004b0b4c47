import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { begin, done, flowPlan, plainPlan } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import { reader } from "./reader.ts";
import { asker } from "./why.ts";

/** A run under way, of which the next reading sees a commit come after its first look: that which ends it. */
async function ending() {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  const plans = plansOf([flowPlan([plainPlan("first")])]);
  const { tick } = manager({ engine, clock, partition: 0, holder: "ann", plans });
  const { event } = begin(0);
  await engine.log.append(0, [encode(event)]);
  await tick();
  const { offset } = await engine.store.position(0);
  await engine.log.append(0, [encode(done(0, "first").event)]);
  const store: typeof engine.store = {
    ...engine.store,
    async load(partition, names) {
      const loaded = await engine.store.load(partition, names);
      await tick();
      return loaded;
    },
  };
  const beside = { engine: { ...engine, store }, clock, plans };
  const read = reader(beside);
  const id = "run" in event ? (event.run ?? "") : "";
  return { id, offset, read, ask: asker({ ...beside, reader: read }) };
}

test("a status that is read while a commit comes does not say that it knows of it (seed 6496)", async () => {
  const { id, offset, read } = await ending();
  const before = await read.status(id);
  assert.deepEqual([before?.state, before?.asOf], ["running", offset]);
  const after = await read.status(id);
  assert.equal(after?.state, "done");
  assert.ok(after.asOf > offset);
});

test("why, asked while a commit comes, does not say that it knows of it", async () => {
  const { id, offset, ask } = await ending();
  const before = await ask.why(id);
  assert.deepEqual([before?.state, before?.asOf], ["running", offset]);
});
