import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { CorruptError } from "../errors.ts";
import { candidates, keyIndex, lookupPrefixes, restorePrefix, type IndexRow } from "./key-index.ts";

const prefix = "index/r/s/";

/** A store with nothing but what an index puts. */
function store() {
  const rows = new Map<string, Uint8Array>();
  const scan = (start: string): readonly IndexRow[] =>
    [...rows].filter(([key]) => key.startsWith(start)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    rows,
    scan,
    put: (puts: readonly (readonly [string, Uint8Array | undefined])[]): void => {
      for (const [key, value] of puts)
        if (value === undefined) rows.delete(key);
        else rows.set(key, value);
    },
    find: (key: string): readonly number[] =>
      candidates(lookupPrefixes(prefix, key).flatMap(scan), key),
  };
}

const keysFrom = (from: number, count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `c-${from + n}`);

test("pages that come one after the other are found, and nothing else is", () => {
  const kept = store();
  const index = keyIndex(prefix);
  kept.put(index.add(0, ["a", "b"]));
  kept.put(index.add(2, ["", "Zürich"]));
  assert.deepEqual(["a", "b", "", "Zürich", "c"].map(kept.find), [[0], [1], [2], [3], []]);
});

test("small pages share a row: large items do not make many rows", () => {
  const kept = store();
  const index = keyIndex(prefix);
  for (let from = 0; from < 2_500; from += 5) kept.put(index.add(from, keysFrom(from, 5)));
  assert.deepEqual(
    [...kept.rows.keys()],
    [`${prefix}0/00000000`, `${prefix}0/00001000`, `${prefix}0/00002000`],
  );
});

test("sixty-four full rows by time become sixty-four rows by hash, in the same commit", () => {
  const kept = store();
  const index = keyIndex(prefix);
  for (let from = 0; from < 63_000; from += 1_000) kept.put(index.add(from, keysFrom(from, 1_000)));
  assert.equal(kept.scan(`${prefix}0/`).length, 63);
  const puts = index.add(63_000, keysFrom(63_000, 1_000));
  kept.put(puts);
  assert.equal(kept.scan(`${prefix}0/`).length, 0);
  assert.equal(kept.scan(`${prefix}1/`).length, 64);
  assert.ok(kept.rows.has(`${prefix}1/07/00000000`));
  for (let n = 0; n < 64_000; n += 997) assert.deepEqual(kept.find(`c-${n}`), [n]);
});

test("a look-up that reads while rows move up finds its key", () => {
  const kept = store();
  const index = keyIndex(prefix);
  for (let from = 0; from < 63_000; from += 1_000) kept.put(index.add(from, keysFrom(from, 1_000)));
  const [first = "", second = ""] = lookupPrefixes(prefix, "c-7");
  const before = kept.scan(first);
  kept.put(index.add(63_000, keysFrom(63_000, 1_000)));
  assert.deepEqual(candidates([...before, ...kept.scan(second)], "c-7"), [7]);
});

test("any pages, with restarts between them, give what a Map gives and the rows of a life without restarts", () => {
  const pages = fc.array(
    fc.record({ count: fc.integer({ min: 0, max: 1_000 }), restarts: fc.boolean() }),
    { maxLength: 200, size: "max" },
  );
  const asked = fc.array(fc.integer({ min: 0, max: 110_000 }), { maxLength: 5 });
  fc.assert(
    fc.property(pages, asked, (sizes, indices) => {
      const kept = store();
      const steady = store();
      const uninterrupted = keyIndex(prefix);
      let index = keyIndex(prefix);
      let from = 0;
      for (const { count, restarts } of sizes) {
        if (restarts) index = keyIndex(prefix, kept.scan(restorePrefix(prefix)));
        const keys = keysFrom(from, count);
        kept.put(index.add(from, keys));
        steady.put(uninterrupted.add(from, keys));
        from += count;
        assert.ok(kept.scan(restorePrefix(prefix)).length <= 64);
      }
      assert.deepEqual(kept.rows, steady.rows);
      for (const n of indices) assert.deepEqual(kept.find(`c-${n}`), n < from ? [n] : []);
    }),
    { numRuns: 15 },
  );
});

test("what was put is not changed by later pages: a store may keep it as it is", () => {
  const index = keyIndex(prefix);
  const [[, first] = []] = index.add(0, ["a"]);
  const copy = first?.slice();
  index.add(1, ["b"]);
  assert.deepEqual(first, copy);
});

test("a row that lies in the middle of a larger buffer is read where it lies", () => {
  const [[key, bytes = new Uint8Array()] = [""]] = keyIndex(prefix).add(5, ["a"]);
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  assert.deepEqual(candidates([[key, larger.subarray(3)]], "a"), [5]);
});

test("a row that is damaged is refused", () => {
  assert.throws(
    () => candidates([["index/r/s/0/00000000", new Uint8Array(13)]], "a"),
    CorruptError,
  );
  assert.throws(() => keyIndex(prefix, [["index/r/s/0/00000000", "text"]]), CorruptError);
});
