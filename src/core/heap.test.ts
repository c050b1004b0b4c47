import assert from "node:assert/strict";
import { test } from "node:test";
import * as heaps from "./heap.ts";
import type { Due, Heap } from "./heap.ts";
import * as fc from "fast-check";

function drain<T>(timers: Heap<T>): readonly Due<T>[] {
  const due: Due<T>[] = [];
  for (let next = heaps.pop(timers); next !== undefined; next = heaps.pop(timers)) due.push(next);
  return due;
}

test("an empty heap has nothing to say", () => {
  const timers = heaps.heap<string>();
  assert.equal(heaps.peek(timers), undefined);
  assert.equal(heaps.pop(timers), undefined);
  assert.equal(heaps.size(timers), 0);
});

test("what is due at the same instant comes in the order it was pushed", () => {
  const timers = heaps.heap<string>();
  for (const name of "abcdefgh") heaps.push(timers, 7, name);
  heaps.push(timers, 3, "first");
  assert.equal(
    drain(timers)
      .map(({ value }) => value)
      .join(""),
    "firstabcdefgh",
  );
});

test("an undefined value is a value", () => {
  const timers = heaps.heap<undefined>();
  heaps.push(timers, 2, undefined);
  heaps.push(timers, 1, undefined);
  assert.deepEqual(drain(timers), [
    { at: 1, value: undefined },
    { at: 2, value: undefined },
  ]);
});

test("pushes and pops in any order give what a sorted list gives", () => {
  const instants = fc.integer({ min: 0, max: 20 }); // Few, so that many are equal.
  fc.assert(
    fc.property(fc.array(fc.oneof(instants, fc.constant("pop"))), (acts) => {
      const timers = heaps.heap<number>();
      let model: Due<number>[] = [];
      for (const [value, act] of acts.entries())
        if (typeof act === "number") {
          heaps.push(timers, act, value);
          model = [...model, { at: act, value }].toSorted((a, b) => a.at - b.at); // Stable.
        } else assert.deepEqual(heaps.pop(timers), model.shift());
      assert.deepEqual(heaps.peek(timers), model[0]);
      assert.equal(heaps.size(timers), model.length);
      assert.deepEqual(drain(timers), model);
    }),
  );
});

test("a hundred thousand timers come out in order", () => {
  const timers = heaps.heap<number>();
  for (let n = 0; n < 100_000; n += 1) heaps.push(timers, (n * 7_919) % 100_003, n);
  let last = -1;
  for (let next = heaps.pop(timers); next !== undefined; next = heaps.pop(timers)) {
    assert.ok(next.at > last);
    last = next.at;
  }
});
