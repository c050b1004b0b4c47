import assert from "node:assert/strict";
import { test } from "node:test";
import { givenTask, virtualClock } from "../contract/given.ts";
import { decode, encode } from "../core/event.ts";
import { keys as keysOf } from "../core/ids.ts";
import type { Task } from "../core/task.ts";
import type { Flow } from "../define/flow.ts";
import { job, type Job } from "../define/job.ts";
import { memoryEngine, type MemoryEngine } from "../engines/memory/engine.ts";
import { worker, type Worker, type WorkerOptions } from "./worker.ts";

const leaseMs = 10_000;

/** A worker that knows no flow: whatever it runs, fails at once, and that is seen on the log. */
function workerOn(
  engine: MemoryEngine,
  clock: ReturnType<typeof virtualClock>,
  more: Partial<WorkerOptions> = {},
): Worker {
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
    ...more,
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

test("a worker with free slots takes what fills them, and the rest of what it wants only then", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const input = {
    "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
  } as const;
  const nap = job("nap", { input, run: () => clock.sleep(60) });
  const slots = 100;
  const role = workerOn(engine, clock, { slots, jobs: new Map<string, Job>([["nap", nap]]) });
  const size = 8;
  const slices = 100;
  const place = { run: "r", flow: "f", step: "s", generation: 0 };
  const keys = Array.from({ length: (slices + 1) * size }, (_, n) => `${n}`);
  const body = JSON.stringify(keys.map(() => null));
  await engine.log.append(0, [
    encode({ type: "fan-out.grown", ...place, issue: 1, from: 0, keys, duplicates: 0 }, body),
  ]);
  const claim = await engine.store.claim(0, "m", leaseMs);
  assert.ok(claim);
  const live = {
    puts: [[keysOf.live("r"), "{}"]],
    events: [],
    tasks: [],
    wakeAt: undefined,
  } as const;
  await engine.store.commit(claim, { to: 1, ...live }); // The worker looks whether the run still lives.
  const slice = (from: number): Task => ({
    kind: "slice",
    queue: "default",
    priority: "normal",
    partition: 0,
    ...place,
    job: "nap",
    from,
    count: size,
    pages: [0, 0],
  });

  // How long one takes is known once the first are over.
  await engine.queue.put([slice(0)]);
  await role.tick();
  clock.advance(60);
  await clock.sleep(0);
  assert.equal(role.busy(), 0);

  await engine.queue.put(Array.from({ length: slices }, (_, n) => slice((n + 1) * size)));
  await role.tick();
  assert.equal(role.busy(), slots);
  const left = await engine.queue.take("another", ["default"], slices, leaseMs);
  await engine.queue.release("another", left);
  const filling = Math.ceil((slots * 1.5) / size);
  assert.ok(left.length >= slices - filling, `${left.length} of ${slices} are left for others`);
  await role.tick();
  const then = await engine.queue.take("another", ["default"], slices, leaseMs);
  assert.ok(then.length < left.length - filling, `${then.length} of ${left.length} are left then`);
});
