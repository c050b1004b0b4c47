import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import type { FlowPlan } from "../core/plan.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { retentionStatus } from "./removals.ts";

const day = 86_400_000;
const plan = (name: string, more: Partial<FlowPlan> = {}): FlowPlan => ({
  name,
  version: 1,
  priority: "normal",
  steps: [],
  ...more,
});
const removed = (run: string) => encode({ type: "run.removed", run, flow: "mail", by: 0 });
const ticked = encode({ type: "ticked" });

function given(partitions = 1) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions });
  const plans = new Map(
    [plan("mail", { retentionMs: 10 * day }), plan("kept")].map((one) => [one.name, one]),
  );
  const status = () => retentionStatus({ engine, clock, plans });
  return { clock, engine, status };
}

test("what was removed lately, the newest first, over all partitions", async () => {
  const { clock, engine, status } = given(2);
  await engine.log.append(0, [ticked, removed("a"), ticked]);
  clock.advance(1_000);
  await engine.log.append(1, [removed("b")]);
  clock.advance(1_000);
  await engine.log.append(0, [removed("c")]);
  const found = (await status()).removed;
  assert.deepEqual(
    found.map(({ run, flow }) => [run, flow]),
    [
      ["c", "mail"],
      ["b", "mail"],
      ["a", "mail"],
    ],
  );
  assert.equal((found[0]?.at ?? 0) - (found[2]?.at ?? 0), 2_000);
});

test("only the newest records are looked through, also of a log that was trimmed", async () => {
  const { engine, status } = given();
  const many = Array.from({ length: limits.removalsLooked }, () => ticked);
  await engine.log.append(0, [removed("old"), ...many]);
  assert.deepEqual((await status()).removed, []);
  await engine.log.append(0, [removed("new")]);
  await engine.log.trim(0, limits.removalsLooked - 10, await engine.log.past(0));
  assert.deepEqual(
    (await status()).removed.map(({ run }) => run),
    ["new"],
  );
  await engine.log.trim(0, limits.removalsLooked + 2, await engine.log.past(0));
  assert.deepEqual((await status()).removed, []);
});

test("runs that should be gone are counted, with the time that a look takes", async () => {
  const { clock, engine, status } = given();
  const startedAt = clock.now();
  const row = { flow: "mail", state: "done", priority: "normal", startedAt } as const;
  const rows = ["one", "two"].map((run) => ({ ...row, run, endedAt: startedAt }));
  await engine.views.apply(0, { from: 0, to: 1, past: await engine.log.past(0), rows });
  const kept = async () => (await status()).kept;
  assert.deepEqual(await kept(), [{ flow: "mail", ms: 10 * day, overdue: 0 }]);
  clock.advance(10 * day + 60_000);
  assert.deepEqual(await kept(), [{ flow: "mail", ms: 10 * day, overdue: 0 }]);
  clock.advance(day);
  assert.deepEqual(await kept(), [{ flow: "mail", ms: 10 * day, overdue: 2 }]);
});
