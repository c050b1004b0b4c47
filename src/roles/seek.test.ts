import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { offsetAt } from "./seek.ts";

/** Records at these seconds, one after the other. */
async function logOf(seconds: readonly number[]) {
  const clock = virtualClock();
  const begun = clock.now();
  const { log } = memoryEngine({ clock });
  for (const second of seconds) {
    clock.advance(begun + second * 1_000 - clock.now());
    await log.append(0, ["{}"]);
  }
  return { log, at: (second: number) => offsetAt(log, 0, begun + second * 1_000) };
}

test("the first record that is not older, whatever stands at the same time; the end where all are older", async () => {
  const { at } = await logOf([1, 2, 2, 2, 3, 7]);
  const found = await Promise.all([0, 1, 1.5, 2, 2.5, 3, 5, 7, 8].map(at));
  assert.deepEqual(found, [0, 0, 1, 1, 4, 4, 5, 5, 6]);
  assert.equal(await (await logOf([])).at(1), 0);
});

test("of a log that was trimmed, the first that is left", async () => {
  const { log, at } = await logOf([1, 2, 3, 4, 5, 6, 7, 8]);
  await log.trim(0, 5, await log.past(0));
  const found = await Promise.all([0, 3, 6, 7, 9].map(at));
  assert.deepEqual(found, [5, 5, 5, 6, 8]);
});
