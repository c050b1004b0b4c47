import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { heap, type Due, type Heap } from "./heap.ts";

function drain<T>(timers: Heap<T>): readonly Due<T>[] {
  const due: Due<T>[] = [];
  for (let next = timers.pop(); next !== undefined; next = timers.pop()) due.push(next);
  return due;
}

test("an empty heap has nothing to say", () => {
  const timers = heap<string>();
  assert.equal(timers.peek(), undefined);
  assert.equal(timers.pop(), undefined);
  assert.equal(timers.size(), 0);
});

test("what is due at the same instant comes in the order it was pushed", () => {
  const timers = heap<string>();
  for (const name of "abcdefgh") timers.push(7, name);
  timers.push(3, "first");
  assert.equal(
    drain(timers)
      .map(({ value }) => value)
      .join(""),
    "firstabcdefgh",
  );
});

test("an undefined value is a value", () => {
  const timers = heap<undefined>();
  timers.push(2, undefined);
  timers.push(1, undefined);
  assert.deepEqual(drain(timers), [
    { at: 1, value: undefined },
    { at: 2, value: undefined },
  ]);
});

test("pushes and pops in any order give what a sorted list gives", () => {
  const instants = fc.integer({ min: 0, max: 20 }); // Few, so that many are equal.
  fc.assert(
    fc.property(fc.array(fc.oneof(instants, fc.constant("pop"))), (acts) => {
      const timers = heap<number>();
      let model: Due<number>[] = [];
      for (const [value, act] of acts.entries())
        if (typeof act === "number") {
          timers.push(act, value);
          model = [...model, { at: act, value }].toSorted((a, b) => a.at - b.at); // Stable.
        } else assert.deepEqual(timers.pop(), model.shift());
      assert.deepEqual(timers.peek(), model[0]);
      assert.equal(timers.size(), model.length);
      assert.deepEqual(drain(timers), model);
    }),
  );
});

test("a hundred thousand timers come out in order", () => {
  const timers = heap<number>();
  for (let n = 0; n < 100_000; n += 1) timers.push((n * 7_919) % 100_003, n);
  let last = -1;
  for (let next = timers.pop(); next !== undefined; next = timers.pop()) {
    assert.ok(next.at > last);
    last = next.at;
  }
});
