import assert from "node:assert/strict";
import { test } from "node:test";
import { encode, runEventTypes, type Entry, type Event, type OutputEvent } from "./event.ts";
import { headlineIn, headlineOf, toldOf, wholeOf, type AboutRun } from "./run-event.ts";

const toldIn = (record: Entry) => {
  const headline = headlineIn(record);
  return headline === undefined ? undefined : toldOf(headline);
};
const step = { run: "r", step: "s", generation: 1 };
const entry = (event: Event, body?: string) => ({
  offset: 7,
  at: 1_000,
  text: encode(event, body),
});

test("every event of a manager is told, and what others write is not", () => {
  const outputs: readonly Event[] = [
    { type: "run.delayed", run: "r", flow: "f", priority: "normal", beginAt: 5_000 },
    { type: "run.began", run: "r", flow: "f", priority: "normal" },
    { type: "run.held", run: "r", step: "s", because: "why" },
    { type: "run.resumed", run: "r", step: "s" },
    { type: "run.adjusted", run: "r", priority: "high" },
    {
      type: "run.late",
      run: "r",
      step: "s",
      of: "run",
      deadlineAt: 900,
      atDeadline: "go on",
    },
    {
      type: "run.at-risk",
      run: "r",
      step: "s",
      of: "step",
      deadlineAt: 2_000,
      forecastAt: 3_000,
      riskAt: 1_000,
    },
    { type: "run.ended", run: "r", state: "done" },
    { type: "step.began", ...step },
    { type: "step.ended", ...step, outcome: "ok" },
    { type: "fan-out.joined", ...step, total: 1, ok: 1, failed: 0, skipped: 0 },
  ];
  assert.deepEqual(
    outputs.map((event) => toldIn(entry(event))),
    outputs.map((event) => ({ ...event, offset: 7, at: 1_000 })),
  );
  assert.deepEqual(outputs.map(({ type }) => type).toSorted(), runEventTypes.toSorted());
  const took = { us: 1, histogram: [] };
  assert.equal(
    toldIn(entry({ type: "sub-jobs.settled", ...step, worker: "w", ok: [], took }, "[1]")),
    undefined,
  );
  assert.equal(
    toldIn(entry({ type: "run.started", run: "r", flow: "f", input: null, request: "q" })),
    undefined,
  );
  assert.equal(toldIn({ offset: 7, at: 1_000, text: "{}" }), undefined);
});

test("what folds made is left out: it may be large", () => {
  const joined = {
    type: "fan-out.joined" as const,
    ...step,
    total: 1,
    ok: 1,
    failed: 0,
    skipped: 0,
  };
  assert.deepEqual(toldIn(entry({ ...joined, value: ["much"] })), {
    ...joined,
    offset: 7,
    at: 1_000,
  });
});

test("an event has the same id whoever tells it, and no other event has it", () => {
  const ended = (run: string) => entry({ type: "run.ended", run, state: "done" });
  const idOf = (record: Entry, partition = 0, about: AboutRun = { flow: "f" }) => {
    const headline = headlineIn(record);
    assert.ok(headline);
    return wholeOf(headline, partition, about).id;
  };
  const event = ended("r");
  const id = idOf(event);
  assert.match(id, /^evt_0_7_[0-9a-f]{16}$/);
  assert.equal(idOf({ ...event }, 0, { flow: "f", customer: "acme" }), id);
  const others = [
    idOf({ ...event, offset: 8 }),
    idOf(event, 1),
    idOf(ended("q")),
    idOf({ ...event, at: 1_001 }),
  ];
  assert.equal(new Set([id, ...others]).size, 5);
});

test("a record is read once for all who want it, each of whom has the event for himself", () => {
  for (const event of [
    { type: "run.ended", run: "r", state: "done" },
    { type: "run.held", run: "r", step: "s", because: "why" },
  ] as const) {
    const headline = headlineIn(entry(event));
    assert.ok(headline);
    assert.equal(headline.told, undefined, "not before somebody wants it");
    assert.equal(toldOf(headline), toldOf(headline));
    const about = { flow: "f" };
    const [one, other] = [wholeOf(headline, 0, about), wholeOf(headline, 0, about)];
    assert.notEqual(one, other);
    assert.deepEqual(one, other);
    assert.equal(headline.text, "", "what was read is not kept twice");
    assert.deepEqual(toldOf(headline), { ...event, offset: 7, at: 1_000 }, "and nobody changed it");
  }
});

test("who is told of what a manager of this process has written gets nothing of its state in hand", () => {
  const run = { tags: { month: "10" } };
  const took = { flow: "f", startedAt: 1 };
  const value = { sum: 1 };
  const events: readonly OutputEvent[] = [
    { type: "run.began", run: "r", flow: "f", priority: "normal", tags: run.tags },
    { type: "run.adjusted", run: "r", priority: "high" },
    { type: "run.ended", run: "r", state: "done", counted: took },
    { type: "fan-out.joined", ...step, total: 1, ok: 1, failed: 0, skipped: 0, value },
  ];
  for (const event of events) {
    const handed = headlineOf(event, 7, 1_000);
    const read = headlineIn(entry(event));
    assert.ok(handed !== undefined && read !== undefined);
    assert.deepEqual(toldOf(handed), toldOf(read));
    const whole = wholeOf(handed, 0, { flow: "f" });
    assert.deepEqual(whole, wholeOf(read, 0, { flow: "f" }));
    for (const [key, part] of Object.entries(whole))
      if (typeof part === "object") assert.notEqual(part, Reflect.get(event, key), key);
  }
  assert.equal(headlineOf({ type: "ticked" }, 7, 1_000), undefined);
});

test("a large record is read at once, so that what folds made is not kept", () => {
  const joined = {
    type: "fan-out.joined" as const,
    ...step,
    total: 1,
    ok: 1,
    failed: 0,
    skipped: 0,
  };
  const headline = headlineIn(entry({ ...joined, value: "much".repeat(2_000) }));
  assert.deepEqual([headline?.text, headline?.told], ["", { ...joined, offset: 7, at: 1_000 }]);
});

test("a record that begins as an event and is none is refused when it is read", () => {
  const headline = headlineIn({
    offset: 7,
    at: 1_000,
    text: '{"type":"run.ended","type":"ticked"}',
  });
  assert.ok(headline);
  assert.throws(() => toldOf(headline), { name: "CorruptError" });
});
