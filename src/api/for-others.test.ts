import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode, runEventTypes } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { UsageError } from "../errors.ts";
import { forOthers } from "./for-others.ts";

test("another program cannot say what only managers decide: nothing of runs, and no tick of a schedule", async () => {
  const owner = memoryEngine({ clock: virtualClock(), partitions: 1 });
  const { log } = forOthers(owner);
  for (const type of [...runEventTypes, "schedule.ticked"])
    await assert.rejects(
      async () => log.append(0, [JSON.stringify({ type, run: "r", schedule: "s", tick: 1 })]),
      (error) =>
        error instanceof UsageError &&
        error.message === `a record of type "${type}" is written by managers only`,
    );
  assert.equal(await owner.log.end(0), 0);
  await log.append(0, [encode({ type: "ticked" })]);
  assert.equal(await owner.log.end(0), 1);
});
