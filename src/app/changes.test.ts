import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { UnavailableError } from "../errors.ts";
import { news } from "../roles/news.ts";
import { changes } from "./changes.ts";

/** One partition with one record, which nobody has consumed. */
async function given() {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  await engine.log.append(0, ["{}"]);
  const { consumed, roles } = changes(engine, clock, news(engine));
  const tick = () => roles[0]?.tick();
  return { clock, engine, consumed, tick };
}

test("who waits for what a failover has lost is told so, and who waits for what is there waits on", async () => {
  const { clock, engine, consumed, tick } = await given();
  const there = consumed(0, 0);
  const gone = assert.rejects(consumed(0, 7), (error) => {
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, /offset 7 of partition 0 is gone, the log ends at 1/);
    return true;
  });
  await tick();
  clock.advance(1_500);
  await tick();
  await gone;
  const claim = await engine.store.claim(0, "ann", 10_000);
  assert.ok(claim);
  const commit = { to: 1, puts: [], events: [], tasks: [], wakeAt: undefined };
  await engine.store.commit(claim, commit);
  await tick();
  await there;
});
