import assert from "node:assert/strict";
import { test } from "node:test";
import { givenTask, virtualClock } from "../contract/given.ts";
import { decode, encode } from "../core/event.ts";
import { keys as keysOf } from "../core/ids.ts";
import type { SliceTask } from "../core/task.ts";
import { flow, type Flow } from "../define/flow.ts";
import { job, type Job } from "../define/job.ts";
import { memoryEngine, type MemoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import { worker, type Worker, type WorkerOptions } from "./worker.ts";

const leaseMs = 10_000;
const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

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

/** A worker of a job that sleeps for 60 ms, and slices of a step whose run lives. */
async function napping(slots: number, size: number, slices: number) {
  const clock = virtualClock();
  const nap = job("nap", { input: anything, run: () => clock.sleep(60) });
  return working(clock, nap, { slots, size, slices });
}

/** A worker of this job, and slices of a step whose run lives. */
async function working(
  clock: ReturnType<typeof virtualClock>,
  nap: Job,
  { slots, size, slices }: { slots: number; size: number; slices: number },
) {
  const engine = memoryEngine({ clock });
  const role = workerOn(engine, clock, { slots, jobs: new Map<string, Job>([["nap", nap]]) });
  const place = { run: "r", flow: "f", step: "s", generation: 0 };
  const keys = Array.from({ length: slices * size }, (_, n) => `${n}`);
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
  const slice = (n: number): SliceTask => ({
    kind: "slice",
    queue: "default",
    priority: "normal",
    partition: 0,
    ...place,
    job: "nap",
    from: n * size,
    count: size,
    pages: [0, 0],
  });
  return { clock, engine, role, slice };
}

test("a worker that begins takes what fills its slots, and the rest of what it wants once something has come of that", async () => {
  const slots = 100;
  const size = 8;
  const slices = 100;
  const { clock, engine, role, slice } = await napping(slots, size, slices + 1);

  // How long one takes is known once the first are over.
  await engine.queue.put([slice(0)]);
  await role.tick();
  clock.advance(60);
  await clock.sleep(0);
  assert.equal(role.busy(), 0);

  await engine.queue.put(Array.from({ length: slices }, (_, n) => slice(n + 1)));
  await role.tick();
  assert.equal(role.busy(), slots);
  const left = await engine.queue.take("another", ["default"], slices, leaseMs);
  await engine.queue.release("another", left);
  const filling = Math.ceil((slots * 1.5) / size);
  assert.ok(left.length >= slices - filling, `${left.length} of ${slices} are left for others`);

  await role.tick();
  const still = await engine.queue.take("another", ["default"], slices, leaseMs);
  await engine.queue.release("another", still);
  assert.equal(still.length, left.length);

  clock.advance(60);
  await clock.sleep(0);
  await role.tick();
  await role.tick();
  const then = await engine.queue.take("another", ["default"], slices, leaseMs);
  assert.ok(then.length < left.length - filling, `${then.length} of ${left.length} are left then`);
});

test("outcomes are handed back half-way between two rounds of the slots: what follows from them keeps nobody from beginning", async () => {
  const slots = 10;
  const { clock, engine, role, slice } = await napping(slots, slots, 12);
  await engine.queue.put(Array.from({ length: 12 }, (_, n) => slice(n)));
  const ticked = async (): Promise<void> => {
    for (let handled = 1; handled > 0;) handled = await role.tick();
  };
  await ticked();
  clock.advance(60);
  await clock.sleep(0);
  await ticked(); // From now on it knows how long one takes.
  clock.advance(60);
  await clock.sleep(0);
  assert.equal(role.busy(), slots); // Each slot has its next one.
  const before = (await told(engine)).length;
  await ticked();
  assert.equal((await told(engine)).length, before);
  assert.equal(role.wakeAt?.(), clock.now() + 30);
  clock.advance(30);
  await ticked();
  assert.equal((await told(engine)).length, before + 1);
});

test("who is told late that its time is over, because the event loop stood still, may finish all the same", async () => {
  const clock = virtualClock();
  const nap = job("nap", {
    input: anything,
    timeout: "1s",
    run: (_, { signal }) =>
      new Promise((resolve) => signal.addEventListener("abort", () => resolve("finished"))),
  });
  const { engine, role, slice } = await working(clock, nap, { slots: 1, size: 1, slices: 1 });
  await engine.queue.put([slice(0)]);
  await role.tick();
  clock.advance(5_000); // In which nothing of this process ran.
  await role.tick();
  await clock.sleep(0);
  await role.tick();
  const [settled] = (await told(engine)).filter(({ type }) => type === "sub-jobs.settled");
  assert.deepEqual(settled !== undefined && "ok" in settled && settled.ok, [0, 1, 1]);
});

test("of the end of what there is, a worker takes nothing ahead of need: others have slots, too", async () => {
  const slices = 100;
  /** What it leaves of them, once it knows how long one takes and its slots are full; the first so many say that they are the end. */
  async function leftOf(last: number): Promise<number> {
    const { clock, engine, role, slice } = await napping(100, 8, slices);
    await engine.queue.put(
      Array.from({ length: slices }, (_, n) => ({ ...slice(n), last: n < last })),
    );
    await role.tick();
    await role.tick();
    clock.advance(60);
    await clock.sleep(0);
    for (let handled = 1; handled > 0;) handled = await role.tick();
    return (await engine.queue.take("another", ["default"], slices, leaseMs)).length;
  }
  const [usual, end] = [await leftOf(0), await leftOf(slices)];
  assert.ok(end > usual + 10, `${end} are left of the end, ${usual} of others`);
  assert.equal(await leftOf(1), usual, "what comes after an end is none");
});

test("while slots of its own are free, a worker takes little ahead of need, although it is not new", async () => {
  const { clock, engine, role, slice } = await napping(100, 8, 102);
  await engine.queue.put([slice(0)]);
  await role.tick();
  clock.advance(30);
  await engine.queue.put([slice(1)]);
  await role.tick();
  clock.advance(30);
  await clock.sleep(0);
  assert.equal(role.busy(), 8);
  await engine.queue.put(Array.from({ length: 100 }, (_, n) => slice(n + 2)));
  await role.tick();
  const left = await engine.queue.take("another", ["default"], 100, leaseMs);
  assert.ok(left.length >= 100 - Math.ceil((100 * 1.5) / 8), `${left.length} are left for others`);
});

test("a worker whose last slices were small ends takes no more than usual of what comes then", async () => {
  const { clock, engine, role, slice } = await napping(8, 8, 140);
  const small = (n: number): SliceTask => ({ ...slice(n), count: 1 });
  for (let n = 0; n < 20; n += 1) {
    await engine.queue.put([small(n)]);
    await role.tick();
    clock.advance(60);
    await clock.sleep(0);
    await role.tick();
  }
  assert.equal(role.busy(), 0);
  await engine.queue.put(Array.from({ length: 100 }, (_, n) => slice(n + 40)));
  await role.tick();
  const left = await engine.queue.take("another", ["default"], 100, leaseMs);
  assert.ok(left.length >= 97, `${left.length} of 100 are left for others`);
});

/** All of so many slices is over, which filled 16 slots or did not; what comes of them is on the log once `written` resolves. */
async function writing(slices: number, written: () => Promise<unknown>) {
  const given = await napping(16, 8, 60);
  const { clock, engine, role, slice } = given;
  await engine.queue.put(Array.from({ length: slices }, (_, n) => slice(n)));
  await role.tick();
  clock.advance(60);
  await clock.sleep(0);
  const { append } = engine.log;
  Object.assign(engine.log, {
    append: async (...args: Parameters<typeof append>) => {
      await written();
      return append(...args);
    },
  });
  await engine.queue.put(Array.from({ length: 10 }, (_, n) => slice(n + 40)));
  return given;
}

test("where the queue has more, slots do not wait until outcomes are durable; where it has not, outcomes come first", async () => {
  for (const [slices, busy] of [
    [2, 16],
    [1, 0],
  ] as const) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const { role } = await writing(slices, () => promise);
    const ticking = role.tick();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
    assert.equal(role.busy(), busy, `after a call that gave ${slices} of two`);
    resolve(undefined);
    await ticking;
    assert.equal(role.busy(), 16);
  }
});

test("a tick that cannot write what it has is over when nothing of it is under way", async () => {
  const { role, engine } = await writing(2, async () => Promise.reject(new Error("no room")));
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const { take } = engine.queue;
  Object.assign(engine.queue, {
    take: (...args: Parameters<typeof take>) => promise.then(() => take(...args)),
  });
  let isOver = false;
  const ticking = assert.rejects(role.tick(), /no room/).then(() => (isOver = true));
  for (let turn = 0; turn < 5; turn += 1) await new Promise((next) => setImmediate(next));
  assert.ok(!isOver);
  resolve(undefined);
  await ticking;
});

test("whether the runs of what it has in hand still live is asked half a second after it began, and not before", async () => {
  const { clock, engine, role, slice } = await napping(1, 8, 1);
  const { load } = engine.store;
  let asked = 0;
  Object.assign(engine.store, {
    load: async (partition: number, keys: readonly string[]) => {
      if (keys.includes(keysOf.live("r"))) asked += 1;
      return load(partition, keys);
    },
  });
  await role.tick();
  clock.advance(400);
  await engine.queue.put([slice(0)]);
  await role.tick();
  for (const [ms, times] of [
    [0, 0],
    [200, 0],
    [300, 1],
  ] as const) {
    clock.advance(ms);
    await role.tick();
    assert.equal(asked, times);
  }
});

test("a worker that stops gives back all that it had in hand, as nobody's fault: none waits for a lease", async () => {
  const { clock, engine, role, slice } = await napping(4, 8, 2);
  await engine.queue.put([slice(0), slice(1)]);
  await role.tick();
  clock.advance(60);
  await clock.sleep(0);
  await role.tick();
  assert.equal(role.busy(), 4);
  await role.drain(0);

  const settled = new Set<number>();
  const givenBack = new Set<number>();
  for (const event of await told(engine)) {
    const triples =
      event.type === "sub-jobs.settled"
        ? event.ok
        : event.type === "task.lost"
          ? event.subJobs
          : [];
    if (event.type === "task.lost") assert.equal(event.clean, true);
    for (let n = 0; n < (triples?.length ?? 0); n += 3)
      for (
        let index = triples?.[n] ?? 0, left = triples?.[n + 1] ?? 0;
        left > 0;
        left -= 1, index += 1
      )
        (event.type === "task.lost" ? givenBack : settled).add(index);
  }
  assert.deepEqual(
    [...settled].toSorted((a, b) => a - b),
    [0, 1, 2, 3],
  );
  assert.deepEqual(
    [...givenBack].toSorted((a, b) => a - b),
    Array.from({ length: 12 }, (_, n) => n + 4),
  );
  clock.advance(leaseMs + 1);
  assert.deepEqual(await engine.queue.take("other", ["default"], 1, leaseMs), []);
});

test("a step whose worker stops in the middle of it is begun again by another", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  let begun = 0;
  const bill = flow("billing", { input: anything }).step("bill", () => {
    begun += 1;
    return begun === 1 ? new Promise<string>(() => undefined) : "billed";
  });
  const flows = new Map<string, Flow>([[bill.name, bill]]);
  const plans = new Map([[bill.name, bill.plan]]);
  const managing = manager({ engine, clock, partition: 0, holder: "m", plans });
  const settle = async (...roles: readonly Pick<Worker, "tick">[]): Promise<void> => {
    for (let handled = 1; handled > 0;) {
      handled = 0;
      for (const role of roles) handled += await role.tick();
      await clock.sleep(0);
    }
  };
  const start = { run: "r", flow: "billing", input: null, request: "q" };
  await engine.log.append(0, [encode({ type: "run.started", ...start })]);
  const first = workerOn(engine, clock, { flows });
  await settle(managing, first);
  assert.deepEqual([begun, first.busy()], [1, 1]);
  await first.drain(0);
  await settle(managing, workerOn(engine, clock, { flows, worker: "v" }));
  assert.equal(begun, 2);
  const outcomes = (await told(engine)).flatMap((event) =>
    event.type === "step.settled" ? [event.outcome] : [],
  );
  assert.deepEqual(outcomes, ["retry-later", "ok"]);
});
