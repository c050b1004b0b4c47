/** What the simulator found in the roles, told once more without it: seeds rot when code changes, stories do not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../../src/contract/given.ts";
import { encode } from "../../src/core/event.ts";
import { limits } from "../../src/core/limits.ts";
import type { SplitTask } from "../../src/core/task.ts";
import { flow, job, paged } from "../../src/index.ts";
import {
  CorruptError,
  ConflictError,
  RetryLaterError,
  UnavailableError,
} from "../../src/errors.ts";
import { memoryEngine } from "../../src/engines/memory/engine.ts";
import type { Engine } from "../../src/ports/engine.ts";
import { ctxOf } from "../../src/roles/attempt.ts";
import { manager } from "../../src/roles/manager.ts";
import { split } from "../../src/roles/splitter.ts";
import { z } from "zod";

const count = job("count", { input: z.object({ n: z.number() }), run: ({ n }) => n });
const counting = flow("counting", { input: z.object({}) }).fanOut("all", count, {
  over: paged((_, cursor: number | undefined) => {
    const n = cursor ?? 0;
    return n < 3 ? { items: [{ n }], next: n + 1 } : { items: [{ n }] };
  }),
  key: ({ n }) => `k${n}`,
});
const plans = new Map([[counting.name, counting.plan]]);

const task: SplitTask = {
  kind: "split",
  queue: "default",
  partition: 0,
  run: "r",
  flow: "counting",
  step: "all",
  generation: 1,
  priority: "normal",
  issue: 1,
  attempt: 1,
  size: 0,
};

function splitOn(engine: Pick<Engine, "log" | "store">): Promise<void> {
  const [step] = counting.steps;
  assert.ok(step?.kind === "fan-out");
  const attempt = { run: "r", step: "all", key: "", attempt: 1, over: false };
  const ctx = ctxOf(attempt as Parameters<typeof ctxOf>[0]);
  const nothing = (): void => undefined;
  return split({ engine, task, step, state: { input: {} }, ctx, alive: nothing, rest: turn });
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function recordsOf({ log }: Pick<Engine, "log">): Promise<readonly string[]> {
  const entries = await log.read(0, 0, { records: 100, bytes: Infinity });
  return entries.map(({ text }) => text);
}

test("pages of a split arrive in their order, although a call may overtake another", async () => {
  const memory = memoryEngine({ clock: virtualClock() });
  let calls = 0;
  await splitOn({
    ...memory,
    log: {
      ...memory.log,
      async append(partition, texts) {
        calls += 1;
        for (let turns = calls % 2 === 1 ? 10 : 0; turns > 0; turns -= 1) await turn();
        return memory.log.append(partition, texts);
      },
    },
  });
  const froms = (await recordsOf(memory)).map((text) => /"from":(\d+)/.exec(text)?.[1]);
  assert.deepEqual(froms, ["0", "1", "2", "3", undefined]);
});

test("a log that does not answer is not the split's failure: it is tried again, and no attempt is counted", async () => {
  const memory = memoryEngine({ clock: virtualClock() });
  const append = () => Promise.reject(new UnavailableError("no connection"));
  await assert.rejects(splitOn({ ...memory, log: { ...memory.log, append } }), RetryLaterError);
});

test("an idle manager keeps its claim, so that another need not read all that lives", async () => {
  const clock = virtualClock();
  const engine = { ...memoryEngine({ clock }), queueSurvives: true };
  const first = manager({ engine, clock, partition: 0, holder: "first", plans });
  const second = manager({ engine, clock, partition: 0, holder: "second", plans });
  for (let seconds = 0; seconds < 20; seconds += 1) {
    await first.tick();
    assert.equal(await second.tick(), 0);
    clock.advance(1_000);
  }
  await engine.log.append(0, [encode({ type: "ticked" })]);
  assert.equal(await second.tick(), 0);
  assert.equal(await first.tick(), 1);
});

test("reading all that lives may take longer than a claim: who reads it keeps it, and nobody else begins (seed 12939)", async () => {
  const clock = virtualClock();
  const memory = { ...memoryEngine({ clock }), queueSurvives: true };
  const before = manager({ engine: memory, clock, partition: 0, holder: "before", plans });
  for (let n = 0; n < 200; n += 1)
    await memory.log.append(0, [
      encode({
        type: "run.started",
        run: `run-${n}`,
        flow: counting.name,
        input: {},
        request: "a",
      }),
    ]);
  await before.tick();
  await before.resign();
  const second = manager({ engine: memory, clock, partition: 0, holder: "second", plans });
  const load: Engine["store"]["load"] = async (...args) => {
    clock.advance(50); // A store far away.
    assert.equal(await second.tick(), 0);
    return memory.store.load(...args);
  };
  const slow = { ...memory, store: { ...memory.store, load } };
  const first = manager({ engine: slow, clock, partition: 0, holder: "first", plans });
  const from = clock.now();
  await memory.log.append(0, [encode({ type: "ticked" })]);
  assert.ok((await first.tick()) > 0);
  assert.ok(clock.now() - from > 2 * limits.claimMs, "it took longer than a claim holds");
});

test("what a manager reads while another commits is no damage, only too late", async () => {
  const clock = virtualClock();
  const memory = { ...memoryEngine({ clock }), queueSurvives: true };
  const second = manager({ engine: memory, clock, partition: 0, holder: "second", plans });
  let meanwhile = async (): Promise<void> => undefined;
  const engine: Engine = {
    ...memory,
    store: {
      ...memory.store,
      async scan() {
        await meanwhile();
        throw new CorruptError("half of this is another's");
      },
    },
  };
  const first = manager({ engine, clock, partition: 0, holder: "first", plans });
  await assert.rejects(first.tick(), CorruptError);

  meanwhile = async () => {
    clock.advance(60_000); // Longer than a claim holds.
    await memory.log.append(0, [encode({ type: "ticked" })]);
    await second.tick();
  };
  await assert.rejects(first.tick(), ConflictError);
});

test("C43 a process that crashes as soon as it opens is blamed for it, every time", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  await engine.log.append(0, [encode({ type: "queue.lost", clean: true })]); // Closed in good order.
  for (const holder of ["first", "second"]) {
    await manager({ engine, clock, partition: 0, holder, plans }).tick();
    clock.advance(60_000);
  }
  const cleans = (await recordsOf(engine)).map((text) => /"clean":(\w+)/.exec(text)?.[1]);
  assert.deepEqual(cleans, ["true", "false", "false"]);
});
