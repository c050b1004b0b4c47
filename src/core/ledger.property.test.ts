/** The ledger against a list of objects, and its pages through the store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as ledgers from "./ledger.ts";
import type { Ledger } from "./ledger.ts";

type Model = {
  state: number;
  outcome: number | undefined;
  issue: number;
  attempts: number;
  crashes: number;
}[];

const base = 1_000;
const anywhere = fc.nat({ max: 9_999 });
const state = fc.integer({ min: 0, max: 8 });
const operation = fc.oneof(
  fc.record({ kind: fc.constant("grow" as const), by: fc.nat({ max: 1_500 }) }),
  fc.record({ kind: fc.constant("move" as const), at: anywhere, to: state }),
  fc.record({ kind: fc.constant("settle" as const), at: anywhere, to: state, offset: anywhere }),
  fc.record({
    kind: fc.constant("range" as const),
    at: anywhere,
    count: fc.nat({ max: 1_200 }),
    to: state,
  }),
  fc.record({
    kind: fc.constant("ok" as const),
    at: anywhere,
    count: fc.nat({ max: 1_200 }),
    offset: anywhere,
  }),
  fc.record({
    kind: fc.constant("again" as const),
    at: anywhere,
    attempts: fc.nat({ max: 255 }),
    crashes: fc.nat({ max: 3 }),
  }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Does the same to both; places are taken modulo the size. */
function apply(ledger: Ledger, model: Model, step: Operation): void {
  const size = model.length;
  if (step.kind === "grow") {
    ledgers.grow(ledger, step.by);
    for (let n = 0; n < step.by; n += 1)
      model.push({ state: 0, outcome: undefined, issue: 1, attempts: 0, crashes: 0 });
    return;
  }
  if (size === 0) return;
  const at = step.at % size;
  const one = model[at] ?? assert.fail();
  const count = "count" in step ? Math.min(step.count, size - at) : 0;
  switch (step.kind) {
    case "move":
      ledgers.move(ledger, at, step.to);
      one.state = step.to;
      return;
    case "settle":
      ledgers.settle(ledger, at, step.to, base + step.offset);
      one.state = step.to;
      one.outcome = base + step.offset;
      return;
    case "range": {
      let same = 0;
      while (same < count && model[at + same]?.state === one.state) same += 1;
      ledgers.moveRange(ledger, at, same, one.state, step.to);
      const from = one.state;
      for (const each of model.slice(at, at + same)) if (each.state === from) each.state = step.to;
      return;
    }
    case "ok": {
      const rejected: number[] = [];
      const expected = model
        .slice(at, at + count)
        .flatMap((each, n) => (each.state > 2 ? [at + n] : []));
      ledgers.settleRange(ledger, at, count, base + step.offset, (index) => rejected.push(index));
      assert.deepEqual(rejected, expected);
      for (const each of model.slice(at, at + count)) {
        if (each.state > 2) continue;
        each.state = ledgers.ok;
        each.outcome = base + step.offset;
      }
      return;
    }
    case "again":
      ledgers.reissue(ledger, at, { attempts: step.attempts, crashes: step.crashes });
      one.issue += 1;
      one.attempts = step.attempts;
      one.crashes = step.crashes;
  }
}

function isLike(ledger: Ledger, model: Model): void {
  assert.equal(ledger.size, model.length);
  const counts = ledgers.states.map(() => 0);
  for (const [index, one] of model.entries()) {
    counts[one.state] = (counts[one.state] ?? 0) + 1;
    const found = {
      state: ledgers.stateOf(ledger, index),
      outcome: ledgers.outcomeOffset(ledger, index),
      issue: ledgers.issueOf(ledger, index),
      attempts: ledgers.attemptsOf(ledger, index),
      crashes: ledgers.lossesOf(ledger, index),
    };
    for (const key of ["state", "outcome", "issue", "attempts", "crashes"] as const)
      if (found[key] !== one[key]) assert.deepEqual(found, one, `sub-job ${index}`);
  }
  assert.deepEqual(ledger.counts, counts);
}

const operations = fc.array(operation, { maxLength: 25, size: "max" });

test("G1 a ledger knows what a list of objects would, whatever is done to it", () => {
  fc.assert(
    fc.property(operations, (steps) => {
      const ledger = ledgers.emptyLedger(base);
      const model: Model = [];
      for (const step of steps) apply(ledger, model, step);
      isLike(ledger, model);
      const counts = [...ledger.counts];
      ledgers.recount(ledger);
      assert.deepEqual(ledger.counts, counts);
    }),
    { numRuns: 60 },
  );
});

test("I6 a ledger comes back from its changed pages as it was, however often they are written", () => {
  fc.assert(
    fc.property(operations, operations, (first, second) => {
      const ledger = ledgers.emptyLedger(base);
      const model: Model = [];
      const store = new Map<number, Uint8Array>();
      for (const steps of [first, second]) {
        for (const step of steps) apply(ledger, model, step);
        for (const n of ledger.changed) store.set(n, ledgers.pageBytes(ledger, n));
        ledger.changed.clear();
      }
      const back = ledgers.emptyLedger(base);
      ledgers.grow(back, ledger.size);
      for (const [n, bytes] of store) ledgers.restorePage(back, n, bytes);
      ledgers.recount(back);
      isLike(back, model);
    }),
    { numRuns: 40 },
  );
});

test("G1 a page has room for the sub-jobs there are, and widens by doubling", () => {
  const ledger = ledgers.emptyLedger(base);
  const places = (n: number): unknown => {
    const { state, outcome, again } = ledger.pages[n] ?? assert.fail();
    return [state.length, outcome.length, again?.dueAt.length];
  };
  ledgers.grow(ledger, 1);
  ledgers.reissue(ledger, 0, { attempts: 7, dueAt: 5 });
  assert.deepEqual(places(0), [1, 1, 1]);
  ledgers.grow(ledger, 4);
  ledgers.settle(ledger, 4, ledgers.ok, base + 9);
  assert.deepEqual(places(0), [8, 8, 8]);
  assert.deepEqual([ledgers.attemptsOf(ledger, 0), ledgers.dueAtOf(ledger, 0)], [7, 5]);
  ledgers.grow(ledger, 3_000);
  ledgers.moveRange(ledger, 1_000, 40, ledgers.waiting, ledgers.inFlight);
  assert.deepEqual(
    [places(0), places(1)],
    [
      [1_024, 1_024, 1_024],
      [1_024, 1_024, undefined],
    ],
  );
  assert.equal(ledgers.outcomeOffset(ledger, 4), base + 9);
  const back = ledgers.emptyLedger(base);
  ledgers.grow(back, 5);
  ledgers.restorePage(back, 0, Uint8Array.of(1, 0, 1, 0, ledgers.failed, 8, 0, 0, 0));
  assert.equal(back.pages[0]?.state.length, 1, "as it was stored, before the split grew");
  assert.deepEqual([ledgers.stateOf(back, 0), ledgers.stateOf(back, 4)], [ledgers.failed, 0]);
  ledgers.move(back, 4, ledgers.inFlight);
  assert.deepEqual([...ledgers.pageBytes(back, 0).subarray(4, 9)], [4, 0, 0, 0, 1]);
});

test("C40 a page that is cut, or of another version, is refused", () => {
  const ledger = ledgers.emptyLedger(0);
  ledgers.grow(ledger, 3);
  ledgers.reissue(ledger, 1, {});
  const bytes = ledgers.pageBytes(ledger, 0);
  const corrupt = { name: "CorruptError" };
  assert.throws(() => ledgers.restorePage(ledger, 0, bytes.subarray(0, -1)), corrupt);
  assert.throws(() => ledgers.restorePage(ledger, 0, new Uint8Array()), corrupt);
  assert.throws(
    () => ledgers.restorePage(ledger, 0, Uint8Array.of(9, ...bytes.subarray(1))),
    corrupt,
  );
});
