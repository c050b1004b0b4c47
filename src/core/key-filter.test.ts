import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { hashOf, type Hash } from "./hash.ts";
import { keyFilter, recentKeys } from "./key-filter.ts";
import { keyIndex, type IndexRow } from "./key-index.ts";

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyHash = fc.record({ h1: word, h2: word });
/** All in a few regions, with fingerprints at the ends and in the middle, so that they meet. */
const closeHash = fc.record({
  h1: fc.constantFrom(0, 0x00040000, 0x03fc0000, 0xfffc0000, 0xffffffff),
  h2: fc.integer({ min: 0, max: 40 }).map((n) => (n % 3 === 0 ? n << 8 : 0xffffffff - (n << 8))),
});
/** What a filter remembers of a hash: its first 14 and 24 bits. */
const fingerprint = ({ h1, h2 }: Hash): string => `${h1 >>> 18} ${h2 >>> 8}`;

for (const [name, hashes] of [
  ["any hashes", anyHash],
  ["hashes that crowd in a few regions", closeHash],
] as const)
  test(`a filter is a set of fingerprints: ${name}`, () => {
    fc.assert(
      fc.property(fc.array(hashes, { size: "large" }), fc.array(hashes), (added, asked) => {
        const filter = keyFilter();
        const model = new Set<string>();
        for (const hash of added) {
          assert.equal(filter.mightHave(hash), model.has(fingerprint(hash)));
          assert.equal(filter.add(hash), !model.has(fingerprint(hash)));
          model.add(fingerprint(hash));
        }
        for (const hash of [...added, ...asked])
          assert.equal(filter.mightHave(hash), model.has(fingerprint(hash)));
      }),
    );
  });

test("a hundred thousand keys are known again, and strangers are not", () => {
  const filter = keyFilter();
  let mistaken = 0;
  for (let n = 0; n < 100_000; n += 1) if (!filter.add(hashOf(`c-${n}`))) mistaken += 1;
  for (let n = 0; n < 100_000; n += 1) assert.ok(filter.mightHave(hashOf(`c-${n}`)));
  for (let n = 0; n < 100_000; n += 1) if (filter.mightHave(hashOf(`x-${n}`))) mistaken += 1;
  assert.ok(mistaken <= 2, `${mistaken} strangers were taken for known, 0.05 are due`);
  assert.ok(filter.bytes() < 100_000 * 8, `${filter.bytes()} bytes`);
});

test("an empty filter costs next to nothing, one with a few keys a few kilobytes each", () => {
  const filter = keyFilter();
  assert.equal(filter.bytes(), 0);
  filter.add(hashOf("a"));
  assert.ok(filter.bytes() < 8_192);
});

test("a filter restored from the rows of the index knows every key", () => {
  const index = keyIndex("index/r/s/");
  const rows = new Map<string, Uint8Array>();
  const keys = Array.from({ length: 66_000 }, (_, n) => `c-${n}`);
  for (let from = 0; from < keys.length; from += 1_000)
    for (const [key, value] of index.add(from, keys.slice(from, from + 1_000)))
      if (value === undefined) rows.delete(key);
      else rows.set(key, value);
  const restored = keyFilter();
  restored.restore([...rows] satisfies readonly IndexRow[]);
  assert.ok(keys.every((key) => restored.mightHave(hashOf(key))));
  assert.ok(!restored.mightHave(hashOf("x-1")));
});

test("recent keys are exact until the index has them", () => {
  const recent = recentKeys();
  for (const [index, key] of ["a", "b", "c", "__proto__"].entries()) recent.add(index, key);
  recent.forget(2);
  assert.deepEqual(["a", "b", "c", "__proto__", "d"].map(recent.indexOf), [
    undefined,
    undefined,
    2,
    3,
    undefined,
  ]);
  recent.forget(0);
  assert.equal(recent.size(), 2);
  recent.forget(100);
  assert.equal(recent.size(), 0);
});

test("recent keys are a Map that forgets from below, over any number of them, also where some are left out", () => {
  const length = fc.integer({ min: 1, max: 6_000 });
  const run = fc.record({ length, gap: fc.nat({ max: 2 }), forgotten: fc.nat({ max: 5_000 }) });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 5 }), fc.boolean(), (runs, isAskedEarly) => {
      const recent = recentKeys();
      const model = new Map<string, number>();
      let index = 0;
      let below = 0;
      for (const { length, gap, forgotten } of runs) {
        index += gap;
        if (isAskedEarly) assert.equal(recent.indexOf("no such key"), undefined);
        for (let n = 0; n < length; n++, index++) {
          recent.add(index, `k${index}`);
          model.set(`k${index}`, index);
        }
        below = Math.min(index, below + forgotten);
        recent.forget(below);
        for (const [key, at] of model) if (at < below) model.delete(key);
        assert.equal(recent.size(), model.size);
        for (const at of [0, below - 1, below, below + 4_096, index - 1, index])
          assert.equal(recent.indexOf(`k${at}`), model.get(`k${at}`));
      }
    }),
    { numRuns: 40 },
  );
});
