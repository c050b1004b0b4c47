/**
 * Where the sub-job with this key is, among ten million.
 *
 * The problem. People ask for a sub-job by its key; the ledger knows indices. And the split must know whether a key came
 * before, because a second one is counted and never run. A Map of ten million keys is a gigabyte. A row per key is ten
 * million rows, which is what the ledger exists to avoid. A table sorted by key would be rewritten on every page.
 *
 * The sketch. Keys are known by 64 bits of hash; whoever looks one up reads the item it points at and compares. Rows are bytes of
 * the manager's state, 12 per key (the hash in two halves, the index), and come with the page that brings the keys:
 *
 *   …/0/00000000      the first thousand keys or so                          level 0: by time, to be cheap to write
 *   …/0/00001000      the next thousand
 *   …/1/07/00000000   of keys 0 to 63,999 those whose hash begins with 7     level 1: by hash, to be cheap to read
 *
 * When level 0 has 64 rows, they become 64 rows of level 1, by the first six bits of the hash, in the commit of that page.
 * So a key is written twice, in rows of about a thousand, and a look-up reads all of level 0 (at most 64 rows, 768 kB) and one
 * row per 64,000 keys of level 1 (at ten million 156 rows, 1.9 MB). A third level would read less, but to make it the
 * manager would have to read in the middle of a decision, or remember everything; a person who asks for one sub-job can wait
 * for two megabytes. What the manager remembers is level 0: 768 kB for each split that is under way. About 30 ns a key, and
 * 20 for the hash (bench/key-index.ts).
 *
 * Within a row keys stand in order of index, unsorted by hash: looking through a thousand costs a microsecond, sorting them
 * would cost each key ten times that share, and almost no row is ever looked into.
 *
 * K1  every key added is found: candidates over the rows of lookupPrefixes, read in that order, contain its index.
 * K2  the rows are a function of the keys and how they came in pages; what was put is never changed, only put anew or removed.
 * K3  a row holds no more than `rowKeys` plus one page; level 0 has at most 64 rows.
 */
import { assert } from "../errors.ts";
import { hashOf, type Hash } from "./hash.ts";

export type IndexPut = readonly [key: string, value: Uint8Array | undefined];
/** A row as the store gives it back. */
export type IndexRow = readonly [key: string, value: string | Uint8Array];

export type KeyIndex = {
  /** The keys of a page, the first of them with this index. Returns what to put, undefined to remove. */
  readonly add: (from: number, keys: readonly string[]) => readonly IndexPut[];
};

/** A row of level 0 takes further pages until it has as many: where items are large, a page has only a few. */
const rowKeys = 1_000;
/** Rows of level 0 that make up a segment of level 1, and the rows it has. */
const fanOut = 64;
const entryBytes = 12;
const padded = (index: number): string => `${index}`.padStart(8, "0");
const partOf = (h1: number): number => h1 >>> 26;
const level0 = (prefix: string): string => `${prefix}0/`;
const level1 = (prefix: string, part: number): string =>
  `${prefix}1/${`${part}`.padStart(2, "0")}/`;

/**
 * The writing side, for the manager. `prefix` ends in a slash.
 *
 * rows are those of level 0 as last committed: a scan of `restorePrefix`. None for a step that begins.
 */
export function keyIndex(prefix: string, rows: readonly IndexRow[] = []): KeyIndex {
  /** Level 0, one row behind the other. In place, since each row lives longer than what the garbage collector looks at often. */
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  let end = 0;
  /** The rows of level 0, and where they begin. */
  let young: { readonly key: string; readonly start: number }[] = [];

  for (const [key, value] of rows) {
    const row = bytesOf(key, value);
    young.push({ key, start: end });
    reserve(row.length);
    bytes.set(row, end);
    end += row.length;
  }

  function reserve(more: number): void {
    if (end + more <= bytes.length) return;
    const size = Math.max(end + more, Math.min(2 * bytes.length, fanOut * rowKeys * entryBytes));
    bytes = new Uint8Array(bytes.buffer.transfer(size));
  }

  function append(from: number, keys: readonly string[]): void {
    reserve(keys.length * entryBytes);
    const view = viewOf(bytes);
    for (const [n, key] of keys.entries()) {
      const { h1, h2 } = hashOf(key);
      view.setUint32(end, h1, true);
      view.setUint32(end + 4, h2, true);
      view.setUint32(end + 8, from + n, true);
      end += entryBytes;
    }
  }

  const merge = (): readonly IndexPut[] => {
    const segment = (young[0]?.key ?? "").slice(level0(prefix).length);
    const removed = young.map(({ key }) => [key, undefined] as const);
    const parts = partition(bytes.subarray(0, end));
    young = [];
    end = 0;
    const puts = parts.map(
      (part, number) => [`${level1(prefix, number)}${segment}`, part] as const,
    );
    return [...removed, ...puts.filter(([, part]) => part.length > 0)];
  };

  return {
    add: (from, keys) => {
      if (keys.length === 0) return [];
      const full = rowKeys * entryBytes;
      let last = young.at(-1);
      if (last === undefined || end - last.start >= full) {
        const key = `${level0(prefix)}${padded(from)}`;
        assert(
          last === undefined || last.key < key,
          `the keys from index ${from} on were added before`,
        );
        last = { key, start: end };
        young.push(last);
      }
      append(from, keys);
      // The row that fills level 0 up goes straight to level 1; if it was put before, merge removes it.
      const isFull = young.length === fanOut && end - last.start >= full;
      return isFull ? merge() : [[last.key, bytes.slice(last.start, end)]];
    },
  };
}

/** What to scan for `keyIndex` after a restart. */
export function restorePrefix(prefix: string): string {
  return level0(prefix);
}

/** What to scan to find a key, in this order: read the other way round, rows that become level 1 meanwhile would be missed. */
export function lookupPrefixes(prefix: string, key: string): readonly string[] {
  return [level0(prefix), level1(prefix, partOf(hashOf(key).h1))];
}

/** The indices whose hash is that of the key, ascending: almost always one or none. Read the item to be sure. */
export function candidates(rows: readonly IndexRow[], key: string): readonly number[] {
  const wanted = hashOf(key);
  const found = new Set<number>();
  for (const row of rows)
    eachEntry(row, ({ h1, h2 }, index) => {
      if (h1 === wanted.h1 && h2 === wanted.h2) found.add(index);
    });
  return [...found].toSorted((a, b) => a - b);
}

/** Calls back for every key of a row. */
export function eachEntry(
  [key, value]: IndexRow,
  visit: (hash: Hash, index: number) => void,
): void {
  const bytes = bytesOf(key, value);
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += entryBytes)
    visit(
      { h1: view.getUint32(at, true), h2: view.getUint32(at + 4, true) },
      view.getUint32(at + 8, true),
    );
}

/** The same entries, by the first six bits of their hash. */
function partition(entries: Uint8Array): readonly Uint8Array[] {
  const sizes = new Uint32Array(fanOut);
  const view = viewOf(entries);
  for (let at = 0; at < entries.length; at += entryBytes) {
    const part = partOf(view.getUint32(at, true));
    sizes[part] = (sizes[part] ?? 0) + entryBytes;
  }
  const parts = Array.from(sizes, (size) => {
    const bytes = new Uint8Array(size);
    return { bytes, view: viewOf(bytes), end: 0 };
  });
  for (let at = 0; at < entries.length; at += entryBytes) {
    const h1 = view.getUint32(at, true);
    const part = parts[partOf(h1)];
    assert(part !== undefined, `there are ${fanOut} parts`);
    part.view.setUint32(part.end, h1, true);
    part.view.setUint32(part.end + 4, view.getUint32(at + 4, true), true);
    part.view.setUint32(part.end + 8, view.getUint32(at + 8, true), true);
    part.end += entryBytes;
  }
  return parts.map(({ bytes }) => bytes);
}

function bytesOf(key: string, value: string | Uint8Array): Uint8Array {
  assert(typeof value !== "string", `the row "${key}" of the index is text, not bytes`);
  assert(
    value.length % entryBytes === 0,
    `the row "${key}" of the index has ${value.length} bytes, not a multiple of ${entryBytes}`,
  );
  return value;
}

/** Rows are little-endian on every machine. */
function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
