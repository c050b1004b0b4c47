import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { UsageError } from "../errors.ts";
import { pathText, plainJson, store } from "./json.ts";

function refused(value: unknown, message: string): void {
  assert.throws(
    () => plainJson(value, 'result of job "j"'),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, `result of job "j": ${message}`);
      return true;
    },
  );
}

test("plain JSON passes, and undefined properties with it", () => {
  const shared = { a: 1 };
  for (const value of [
    undefined,
    null,
    true,
    0,
    -0,
    "",
    "😀",
    [],
    {},
    [[null]],
    { a: undefined },
    Object.create(null),
    { twice: [shared, shared] },
    { constructor: 1, toString: "x" },
    runInNewContext("({ a: [1, { b: 2 }] })"), // From another realm, as in jest.
  ])
    plainJson(value, "x");
});

test("the first thing that cannot be stored is named, with its path and what to do", () => {
  refused(
    { issued: new Date(0) },
    "expected plain JSON, got a Date at .issued; return it as an ISO string",
  );
  refused(new Date(0), "expected plain JSON, got a Date; return it as an ISO string");
  refused(
    { lines: [1, { "unit price": 10n }] },
    'expected plain JSON, got a bigint at .lines[1]["unit price"]; use a string',
  );
  refused([new Map()], "expected plain JSON, got a Map at [0]; use Object.fromEntries(map)");
  refused({ a: new Set() }, "expected plain JSON, got a Set at .a; use [...set]");
  refused({ a: () => 1 }, "expected plain JSON, got a function at .a; leave it out");
  refused({ a: Symbol("s") }, "expected plain JSON, got a symbol at .a; use a string");
  refused({ a: Promise.resolve(1) }, "expected plain JSON, got a promise at .a; await it");
  refused({ a: /x/ }, "expected plain JSON, got an instance of RegExp at .a; use a plain object");
  refused(
    new UsageError("x"),
    "expected plain JSON, got an instance of UsageError; use a plain object",
  );
  refused(
    { a: Object.create({ b: 1 }) },
    "expected plain JSON, got an instance of Object at .a; use a plain object",
  );
});

test("numbers that JSON has no word for are refused", () => {
  for (const value of [NaN, Infinity, -Infinity])
    refused({ a: value }, `expected plain JSON, got ${value} at .a; use null or a string`);
});

test("undefined in an array and a hole are refused, for they would come back as null", () => {
  refused([1, undefined], "expected plain JSON, got undefined in an array at [1]; use null");
  refused(
    { a: Array.from({ length: 2 }) },
    "expected plain JSON, got undefined in an array at .a[0]; use null",
  );
  refused(
    Object.assign([], { length: 1_000_000_000 }),
    "expected plain JSON, got undefined in an array at [0]; use null",
  ); // oxlint-disable-line unicorn/no-new-array -- a hole is the point
});

test("half a character is refused, in strings and in keys", () => {
  refused(
    { a: "😀".slice(0, 1) },
    "expected plain JSON, got half a character in a string at .a; cut strings between characters",
  );
  refused(
    { "\ud83d": 1 },
    'expected plain JSON, got half a character in a key at ["\\ud83d"]; cut strings between characters',
  );
});

test("a key that would set a prototype is refused", () => {
  refused(
    JSON.parse('{"a":{"__proto__":1}}'),
    'expected plain JSON, got a key "__proto__" at .a.__proto__; rename it',
  );
});

test("cycles, depth and shared references without end are refused", () => {
  const cycle: Record<string, unknown> = { a: {} };
  cycle["a"] = { back: [cycle] };
  refused(cycle, "expected plain JSON, got a cycle at .a.back[0]; refer back by an id");
  let deep: unknown = 1;
  for (let level = 0; level < 64; level++) deep = [deep];
  plainJson(deep, "x");
  refused(
    [deep],
    `expected plain JSON, got more than 64 levels at ${"[0]".repeat(64)}; use a flatter shape`,
  );
  let wide: unknown = 1;
  for (let level = 0; level < 60; level++) wide = [wide, wide];
  refused(
    wide,
    "expected at most 1 MB as JSON, got more values than fit; keep it in a file or object store and pass its address",
  );
});

test("store gives the text, null for undefined", () => {
  assert.equal(store({ a: [1, "x"], b: undefined }, "x"), '{"a":[1,"x"]}');
  assert.equal(store(undefined, "x"), "null");
});

test("store refuses more than 1 MB, counted in bytes", () => {
  assert.equal(store("x".repeat(1_048_574), "x").length, 1_048_576);
  assert.throws(
    () => store("x".repeat(1_048_575), 'input of run "r"'),
    (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message,
        'input of run "r": expected at most 1 MB (1048576 bytes) as JSON, got 1048577 bytes; keep it in a file or object store and pass its address',
      );
      return true;
    },
  );
  assert.throws(() => store("ä".repeat(524_288), "x"), /got 1048578 bytes/);
});

test("paths read as in code", () => {
  assert.equal(
    pathText(["lines", 3, "unit price", "größe", "0"]),
    '.lines[3]["unit price"].größe["0"]',
  );
});
