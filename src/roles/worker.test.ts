import assert from "node:assert/strict";
import { test } from "node:test";
import { givenTask, virtualClock } from "../contract/given.ts";
import { decode } from "../core/event.ts";
import type { Flow } from "../define/flow.ts";
import { memoryEngine, type MemoryEngine } from "../engines/memory/engine.ts";
import { worker, type Worker } from "./worker.ts";

const leaseMs = 10_000;

/** A worker that knows no flow: whatever it runs, fails at once, and that is seen on the log. */
function workerOn(engine: MemoryEngine, clock: ReturnType<typeof virtualClock>): Worker {
  return worker({
    engine,
    clock,
    worker: "w",
    slots: 2,
    queues: ["default"],
    leaseMs,
    flows: new Map<string, Flow>(),
    jobs: new Map(),
    log: () => undefined,
  });
}

/** What is on the log beside the workers' signs of life. */
async function told({ log }: MemoryEngine) {
  const entries = await log.read(0, 0, { records: 100, bytes: 1_000_000 });
  return entries.map(decode).filter(({ type }) => !type.startsWith("worker."));
}

test("C31 what somebody had who is gone is not run again, but told: the manager decides", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  await engine.queue.put([givenTask("r")]);
  await engine.queue.take("gone", ["default"], 1, leaseMs);
  clock.advance(leaseMs + 1);

  const role = workerOn(engine, clock);
  await role.tick();
  assert.equal(role.busy(), 0);
  assert.deepEqual(
    (await told(engine)).map((event) => [event.type, "issue" in event && event.issue]),
    [["task.lost", 1]],
  );
  clock.advance(leaseMs + 1);
  assert.deepEqual(await engine.queue.take("other", ["default"], 1, leaseMs), []);
});

test("what was given back unrun is run like anything else: nobody had it", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  await engine.queue.put([givenTask("r")]);
  await engine.queue.release("x", await engine.queue.take("x", ["default"], 1, leaseMs));

  const role = workerOn(engine, clock);
  await role.tick();
  await clock.sleep(0);
  await role.tick();
  assert.deepEqual(
    (await told(engine)).map(({ type }) => type),
    ["step.settled"],
  );
});
