import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { flow, type Flow } from "../define/flow.ts";
import { job } from "../define/job.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import { outgoing } from "./outgoing.ts";
import { singles } from "./singles.ts";

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

/** How often a split of a hundred items lets others have their turn, of which each takes so long. */
async function restsOf(msOf: (item: number) => number): Promise<number> {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const work = job("work", { input: anything, run: () => undefined });
  const sums = flow("sums", { input: anything }).fanOut("all", work, {
    over: function* () {
      for (let n = 0; n < 100; n += 1) {
        clock.advance(msOf(n));
        yield n;
      }
    },
    key: String,
  });
  const start = { run: "r", flow: "sums", input: null, request: "q" };
  await engine.log.append(0, [encode({ type: "run.started", ...start })]);
  const plans = new Map([["sums", sums.plan]]);
  const managing = manager({ engine, clock, partition: 0, holder: "m", plans });
  while ((await managing.tick()) > 0);
  const [lease] = await engine.queue.take("w", ["default"], 1, 10_000);
  assert.ok(lease?.task.kind === "split");

  let rests = 0;
  const { sleep } = clock;
  const resting: typeof sleep = (...args) => {
    rests += 1;
    return sleep(...args);
  };
  const { promise: ended, resolve } = Promise.withResolvers<undefined>();
  const role = singles({
    engine,
    clock: { ...clock, sleep: resting },
    flows: new Map<string, Flow>([["sums", sums]]),
    tools: { now: clock.now, log: () => undefined, progress: () => undefined },
    outgoing: outgoing(engine, "w"),
    wake: () => resolve(undefined),
    worker: "w",
  });
  role.start(lease, lease.task);
  await ended;
  return rests;
}

test("a split lets others have their turn once it has kept them waiting for some ms, and no sooner", async () => {
  const none = await restsOf(() => 0);
  assert.equal(await restsOf(() => 1), none + 3);
  const once = await restsOf((n) => (n === 0 ? 5 : 0));
  assert.equal(once, none + 1, "each turn is as long as the first");
});
