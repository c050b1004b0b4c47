import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { keys } from "../core/ids.ts";
import type { StoredSchedule } from "../core/schedule.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { CorruptError } from "../errors.ts";
import { loadSchedules } from "./loading.ts";

const whole: StoredSchedule = {
  schedule: "nightly",
  rule: "0 2 * * *",
  from: 1_000,
  nextAt: 2_000,
  open: ["nightly@1"],
  queue: [1_500],
  last: { tick: 1_000, run: "nightly@1" },
  skipped: 1,
  answers: [{ request: "q", matched: 1 }],
};

async function loaded(value: string): Promise<readonly StoredSchedule[]> {
  const { store } = memoryEngine({ clock: virtualClock() });
  const claim = await store.claim(0, "ann", 1_000);
  assert.ok(claim);
  const puts = [[keys.schedule("nightly"), value]] as const;
  await store.commit(claim, { to: 0, puts, events: [], tasks: [], wakeAt: undefined });
  return loadSchedules(store, 0);
}

test("a stored schedule is read as it was, and one that is damaged is refused by name", async () => {
  assert.deepEqual(await loaded(JSON.stringify(whole)), [whole]);
  const { nextAt: _, last: __, ...young } = whole;
  assert.deepEqual(await loaded(JSON.stringify(young)), [young]);
  const damages: readonly object[] = [
    { schedule: "other" },
    { from: "now" },
    { nextAt: null },
    { open: [1] },
    { queue: "none" },
    { last: { run: "nightly@1" } },
    { skipped: -1 },
    { answers: [{}] },
    { paused: true },
  ];
  for (const damage of damages)
    await assert.rejects(
      loaded(JSON.stringify({ ...whole, ...damage })),
      (error) => error instanceof CorruptError && error.message.includes("schedule/nightly"),
      JSON.stringify(damage),
    );
  await assert.rejects(loaded("{"), CorruptError);
});
