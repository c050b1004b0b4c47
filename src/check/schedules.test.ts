import assert from "node:assert/strict";
import { test } from "node:test";
import { ticksOf } from "./schedules.ts";
import { told } from "./told.ts";

const at = Date.UTC(2026, 10, 1);

/** What is found wrong with these records, beside this of the schedule in the store. */
function found(records: readonly object[], last?: object): readonly string[] {
  const wrong: string[] = [];
  const ticks = ticksOf(
    (guarantee, _, expected, got) => wrong.push(`${guarantee} ${expected}: ${got}`),
    () => undefined,
  );
  for (const [offset, record] of records.entries())
    ticks.take(told({ offset, at, text: JSON.stringify(record) }), `record ${offset}`);
  ticks.end(new Map([["schedule/nightly", JSON.stringify({ schedule: "nightly", last })]]));
  return wrong;
}

const ticked = (tick: number, more: object) => ({
  type: "schedule.ticked",
  schedule: "nightly",
  tick,
  ...more,
});
const started = (tick: number, run = `nightly@${tick}`) => [
  ticked(tick, { outcome: "started", started: run }),
  { type: "run.started", run },
];

test("ticks that start their runs, wait or are skipped are fine, and the last is what is kept", () => {
  const because = "the one before had not ended";
  const records = [
    ...started(1),
    ticked(2, { outcome: "queued" }),
    ticked(3, { outcome: "skipped", because }),
    ...started(2),
  ];
  assert.deepEqual(found(records, { tick: 2, run: "nightly@2" }), []);
  assert.deepEqual(found(records.slice(0, 4), { tick: 3, because }), []);
  assert.deepEqual(found([]), []);
});

test("a tick that starts two runs, a run of two ticks, and one that never starts are told", () => {
  const last = { tick: 1, run: "nightly@one" };
  assert.deepEqual(found([...started(1), ...started(1, "nightly@one")], last), [
    "G2 one end of tick 1: started, after nightly@1",
  ]);
  const twice = [...started(1), ...started(2, "nightly@1")];
  assert.deepEqual(found(twice, { tick: 2, run: "nightly@1" }), [
    'G2 a run of its own: "nightly@1", of tick 1',
  ]);
  assert.deepEqual(found(started(1).slice(0, 1), { tick: 1, run: "nightly@1" }), [
    "G2 the start that its tick says: none",
  ]);
});

test("what is kept of a schedule and was never said, or otherwise, is told", () => {
  assert.deepEqual(found([], { tick: 1 }), ['G10 no tick: {"tick":1}']);
  assert.deepEqual(found(started(1)), ['G10 {"tick":1,"run":"nightly@1"}: none']);
});
