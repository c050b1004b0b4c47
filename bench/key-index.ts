/** What a key costs: its hash, its row in the index, its place in the filter. Run: node --expose-gc bench/key-index.ts [keys] */
import { hashOf } from "../src/core/hash.ts";
import { keyFilter } from "../src/core/key-filter.ts";
import { candidates, keyIndex, lookupPrefixes, type IndexRow } from "../src/core/key-index.ts";

const page = 1_000;
const most = Number(process.argv[2] ?? 10_000_000);
const keysFrom = (from: number): readonly string[] =>
  Array.from({ length: page }, (_, n) => `c-${String(from + n).padStart(8, "0")}`);

function say(what: string, value: number, unit: string): void {
  process.stdout.write(`${what.padEnd(60)} ${value.toFixed(1).padStart(9)} ${unit}\n`);
}

const filter = keyFilter();
const index = keyIndex("index/r/s/");
const spent = { hash: 0, filter: 0, index: 0 };
let written = 0;
let mistaken = 0;
let check = 0;

for (let from = 0; from < most; from += page) {
  const keys = keysFrom(from);
  for (const key of keys) check ^= key.length + key.charCodeAt(9); // Makes flat strings of them.
  const began = performance.now();
  for (const key of keys) check ^= hashOf(key).h1;
  const hashed = performance.now();
  for (const key of keys) if (!filter.add(hashOf(key))) mistaken += 1;
  const filtered = performance.now();
  for (const [, value] of index.add(from, keys)) written += value?.length ?? 0;
  spent.hash += hashed - began;
  spent.filter += filtered - hashed;
  spent.index += performance.now() - filtered;
  const known = from + page;
  if (known !== 1e6 && known !== most) continue;
  const ns = 1e6 / known;
  process.stdout.write(`\n${known} keys\n`);
  say("hash", spent.hash * ns, "ns");
  say("hash and filter", spent.filter * ns, "ns");
  say("hash and index", spent.index * ns, "ns");
  say("filter, memory", filter.bytes() / 1e6, "MB");
  say("index, written per key", written / known, "bytes");
  say("new keys taken for old, per million", (mistaken / known) * 1e6, "");
}

const strangers = 1_000_000;
let taken = 0;
const asked = performance.now();
for (let n = 0; n < strangers; n += 1) if (filter.mightHave(hashOf(`x-${n}`))) taken += 1;
say("hash and ask for a key that is new", ((performance.now() - asked) / strangers) * 1e6, "ns");
say("of a million strangers, taken for old", taken, "");

const rows = new Map<string, Uint8Array>();
const second = keyIndex("index/r/s/");
for (let from = 0; from < Math.min(most, 2_000_000); from += page)
  for (const [key, value] of second.add(from, keysFrom(from)))
    if (value === undefined) rows.delete(key);
    else rows.set(key, value);
const prefixes = lookupPrefixes("index/r/s/", "c-00123456");
const read: readonly IndexRow[] = [...rows].filter(([key]) =>
  prefixes.some((prefix) => key.startsWith(prefix)),
);
const looked = performance.now();
for (let round = 0; round < 20; round += 1) check ^= candidates(read, "c-00123456")[0] ?? 0;
say(
  `look through ${read.length} rows, of 2 M keys`,
  ((performance.now() - looked) / 20) * 1e3,
  "µs",
);
globalThis.gc?.();
say("buffers of this process", process.memoryUsage().arrayBuffers / 1e6, "MB");
if (check === 0.5) process.stdout.write("never");
