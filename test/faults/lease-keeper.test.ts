/** The owner of the queue lives in another thread, which is this file again: the main thread will be blocked. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

import { server } from "../../src/api/server.ts";
import { givenTask } from "../../src/contract/given.ts";
import { httpEngine } from "../../src/engines/http/client.ts";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import { systemClock } from "../../src/engines/system.ts";
import type { Engine, Signs } from "../../src/ports/engine.ts";
import type { Lease } from "../../src/ports/queue.ts";
import { type LeaseKeeper, leaseKeeper } from "../../src/roles/lease-keeper.ts";

/** Long enough for a thread that others keep from its core for a while. */
const usualMs = 1_500;
/** Its third is no whole number of ms, as that of ten seconds. */
const oddMs = 1_490;
const token = "a-token";
const clock = systemClock();

if (isMainThread) tests();
else {
  const { url } = await server({ engine: memoryEngine({ clock }), port: 0, token });
  parentPort?.postMessage(url); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread's port, not a window
}

function signsOf({ signs }: Engine): Signs {
  assert.ok(signs);
  return signs;
}

/** As a handler that computes does: nothing of this thread runs meanwhile. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function tests(): void {
  const owner = new Worker(new URL(import.meta.url));
  const keepers: LeaseKeeper[] = [];
  const held = new Map<string, readonly Lease[]>();
  const lost: string[] = [];
  let engine: Engine;

  async function givenWorker(
    worker: string,
    timeoutMs: number | undefined,
    leaseMs: number = usualMs,
  ) {
    const keeper = leaseKeeper({
      signs: signsOf(engine),
      worker,
      leaseMs,
      clock,
      graceMs: 0,
      onLost: () => lost.push(worker),
    });
    keepers.push(keeper);
    await keeper.start();
    await engine.queue.put([givenTask(worker, { queue: worker })]);
    held.set(worker, await engine.queue.take(worker, [worker], 1, leaseMs));
    keeper.progress(timeoutMs === undefined ? undefined : clock.now() + timeoutMs);
  }

  before(async () => {
    const [url] = await once(owner, "message");
    assert.ok(typeof url === "string");
    engine = await httpEngine(url, { clock, token });
    await givenWorker("in time", 60_000);
    await givenWorker("idle", undefined);
    await givenWorker("on an odd lease", undefined, oddMs);
    await givenWorker("stuck", 50);
    block(3 * usualMs);
  });

  after(async () => {
    for (const keeper of keepers) await keeper.close();
    await engine.close();
    await owner.terminate();
  });

  for (const worker of ["in time", "idle", "on an odd lease"])
    test(`C30 a worker that is ${worker} keeps its tasks while its event loop is blocked for three leases`, async () => {
      assert.deepEqual(await engine.queue.take("heir", [worker], 1, usualMs), []);
      assert.equal(await engine.queue.ack(worker, held.get(worker) ?? []), 1);
    });

  test("a worker stuck beyond the end of an attempt loses its tasks in the end, and is told", async () => {
    const [lease] = await engine.queue.take("heir", ["stuck"], 1, usualMs);
    assert.equal(lease?.delivery, 2);
    assert.equal(await engine.queue.ack("stuck", held.get("stuck") ?? []), 0);
    keepers.at(-1)?.progress(clock.now() + 60_000);
    while (lost.length === 0) await clock.sleep(10);
    assert.deepEqual(lost, ["stuck"]);
  });

  test("a keeper that is closed shows no sign of life", async () => {
    const [keeper] = keepers;
    assert.equal(await engine.queue.extend("in time", usualMs), true);
    await keeper?.close();
    block(usualMs);
    assert.equal(await engine.queue.extend("in time", usualMs), false);
  });

  test("close may be called twice, before start, and while it starts", async () => {
    const idle = leaseKeeper({ signs: signsOf(engine), worker: "w", leaseMs: usualMs, clock });
    idle.progress(1);
    await idle.close();
    const started = idle.start();
    await idle.close();
    await started;
    for (const keeper of keepers) await keeper.close();
    for (const keeper of keepers) await keeper.close();
  });
}
