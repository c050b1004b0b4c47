import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { toldOf } from "../core/run-event.ts";
import { flow } from "../define/flow.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { openNode } from "./node.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

test("what the manager of this process commits is known to those who ask without a reading of the log", async () => {
  const clock = virtualClock();
  const memory = memoryEngine({ clock, partitions: 1 });
  let reads = 0;
  const read: typeof memory.log.read = (...args) => {
    reads += 1;
    return memory.log.read(...args);
  };
  const work = flow("work", { input: anything }).step("one", () => undefined);
  const node = await openNode({
    url: "memory:",
    name: "test",
    token: undefined,
    flows: new Map([["work", work]]),
    schedules: new Map(),
    onError: (role, error) => assert.fail(`${role}: ${String(error)}`),
    engine: { ...memory, log: { ...memory.log, read } },
    clock,
    placed: async () => undefined,
  });
  const past = await memory.log.past(0);
  let isKnown = false;
  // The first that it hands on says only that there is a manager; and others read the log meanwhile.
  for (let n = 0; n < 20 && !isKnown; n += 1) {
    const from = await memory.log.end(0);
    const start = { run: `r${n}`, flow: "work", input: null, request: `q${n}` };
    await node.ask(0, encode({ type: "run.started", ...start }));
    for (let turn = 0; turn < 10; turn += 1) await clock.sleep(0);
    const before = reads;
    const { events } = await node.news.read(0, from, past);
    assert.equal(events[0] && toldOf(events[0]).run, `r${n}`);
    isKnown = reads === before;
  }
  assert.ok(isKnown);
  await node.close();
});
