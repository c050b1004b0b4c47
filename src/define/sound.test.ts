import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { plainJson } from "./json.ts";
import { sound } from "./sound.ts";

function refusalOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const leaves = fc.oneof(
  fc.integer(),
  fc.string(),
  fc.constant(null),
  fc.boolean(),
  fc.constant(undefined),
);
const odd = fc.constantFrom<unknown>(NaN, 1n, new Date(0), new Map(), "\uD800", () => 1);
const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    { weight: 20, arbitrary: leaves },
    { weight: 1, arbitrary: odd },
    { weight: 8, arbitrary: fc.array(tie("value"), { maxLength: 4 }) },
    {
      weight: 8,
      arbitrary: fc.dictionary(fc.string({ maxLength: 3 }), tie("value"), { maxKeys: 4 }),
    },
  ),
}));

test("what is sound is what is plain JSON, also when parts of it were seen before", () => {
  fc.assert(
    fc.property(fc.array(values, { maxLength: 4 }), (parts) => {
      for (const value of [...parts, parts, { parts, again: parts }])
        assert.equal(
          refusalOf(() => sound(value, "it")),
          refusalOf(() => plainJson(value, "it")),
        );
    }),
    { numRuns: 1_000 },
  );
});

test("what is sound is frozen, all the way down", () => {
  const inner = { n: 1 };
  const value = sound({ list: [inner] }, "it");
  for (const each of [value, value.list, inner]) assert.ok(Object.isFrozen(each));
});

test("a value costs what is new in it, not what it is made of", () => {
  let read = 0;
  const part = new Proxy<Json[]>(
    Array.from({ length: 100 }, (_, n) => n),
    {
      get(target, key) {
        read += 1;
        return Reflect.get(target, key) as unknown;
      },
    },
  );
  sound({ part, step: 0 }, "it");
  const once = read;
  assert.ok(once > 0);
  for (let step = 1; step < 100; step++) sound({ part, step }, "it");
  assert.equal(read, once);
});

test("nothing grows beyond the limits by being put into something, time and again", () => {
  let deep: Json = [];
  let levels = 1;
  assert.throws(
    () => {
      for (; levels < 100; levels++) deep = sound([deep], "it");
    },
    { message: /more than 64 levels/ },
  );
  assert.equal(levels, 64);
  let wide: Json = [1];
  assert.throws(
    () => {
      for (;;) wide = sound([wide, wide], "it");
    },
    { message: /more values than fit/ },
  );
  assert.ok(JSON.stringify(wide).length <= limits.payloadBytes * 4);
  const cycle: Json[] = [];
  cycle.push(cycle);
  assert.throws(() => sound(cycle, "it"), { message: /a cycle at \[0\]/ });
});
