/**
 * Whether a key may have come before: what the split asks for each item, in memory.
 *
 * A set of fingerprints, 38 bits of the hash each. The first 14 bits choose one of 16,384 regions and are not stored; a region
 * is its other 24 bits, three bytes each, packed and sorted. Hashes are spread evenly, so the place of one in its region
 * can be computed to within a few entries, and putting one in moves a kilobyte at most. The regions are as wide as the
 * fullest of their shard needs; 64 shards widen one by one, by a quarter, so little is empty and little is copied.
 *
 *   shard 7 of 64:   [ region 0: 00a1f3 0b2c44 … ------ | region 1: 001180 … ------ | … | region 255 ]
 *
 * At ten million keys: 35 MB, about 300 ns a key with its hash (bench/key-index.ts), and one new key in 27,000 is taken for an
 * old one (10 M / 2^38). A Bloom filter was tried: one that grows is a chain of them that are all asked. Ten million keys in 13
 * segments of 24 bits a key took 420 ns and 31 MB and were mistaken 3.6 times as often; in 8 that double, 435 ns, 42 MB and 17
 * times (two shared cores, Node 24.21, 21 Nov 2026).
 *
 * F1  mightHave is true for every hash that was added.   F2  how they were ordered, and how often each came, makes no difference.
 */
import type { Hash } from "./hash.ts";
import { eachEntry, type IndexRow } from "./key-index.ts";

export type KeyFilter = {
  readonly mightHave: (hash: Hash) => boolean;
  /** False if it might have been there already; then verify. */
  readonly add: (hash: Hash) => boolean;
  /** Adds all keys of these rows of a key index. */
  readonly restore: (rows: readonly IndexRow[]) => void;
  readonly bytes: () => number;
  /** Forgets all, and gives its memory back at once. */
  readonly clear: () => void;
};

const shardBits = 6;
const regionBits = 8;
const regions = 1 << regionBits;
const fingerprintBytes = 3;
const firstWidth = 4;

/** `bytes`: region by region, `width` places each. `counts`: how many of them are taken. */
type Shard = { bytes: Uint8Array<ArrayBuffer>; width: number; readonly counts: Uint16Array };

export function keyFilter(): KeyFilter {
  const shards = Array.from({ length: 1 << shardBits }, (): Shard | undefined => undefined);
  const fingerprintOf = ({ h2 }: Hash): number => h2 >>> 8;
  const regionOf = ({ h1 }: Hash): number => (h1 >>> (32 - shardBits - regionBits)) & (regions - 1);
  const isAt = (shard: Shard, region: number, place: number, fingerprint: number): boolean =>
    place < (shard.counts[region] ?? 0) && entry(shard, region, place) === fingerprint;

  const add = (hash: Hash): boolean => {
    const number = hash.h1 >>> (32 - shardBits);
    const shard = (shards[number] ??= emptyShard());
    const region = regionOf(hash);
    const fingerprint = fingerprintOf(hash);
    const place = placeOf(shard, region, fingerprint);
    if (isAt(shard, region, place, fingerprint)) return false;
    insert(shard, region, place, fingerprint);
    return true;
  };

  return {
    add,
    mightHave: (hash) => {
      const shard = shards[hash.h1 >>> (32 - shardBits)];
      if (shard === undefined) return false;
      const region = regionOf(hash);
      const fingerprint = fingerprintOf(hash);
      return isAt(shard, region, placeOf(shard, region, fingerprint), fingerprint);
    },
    restore: (rows) => {
      for (const row of rows) eachEntry(row, add);
    },
    bytes: () =>
      shards.reduce(
        (sum, shard) => sum + (shard?.bytes.byteLength ?? 0) + (shard?.counts.byteLength ?? 0),
        0,
      ),
    clear: () => {
      for (const shard of shards) shard?.bytes.buffer.transfer(0);
      shards.fill(undefined);
    },
  };
}

function emptyShard(): Shard {
  const bytes = new Uint8Array(regions * firstWidth * fingerprintBytes);
  return { bytes, width: firstWidth, counts: new Uint16Array(regions) };
}

function entry({ bytes, width }: Shard, region: number, place: number): number {
  const at = (region * width + place) * fingerprintBytes;
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

/** The first place in its region whose fingerprint is not less. Where it should be if all were even, and from there on foot. */
function placeOf(shard: Shard, region: number, fingerprint: number): number {
  const count = shard.counts[region] ?? 0;
  let place = Math.floor((fingerprint * count) / 2 ** 24);
  while (place < count && entry(shard, region, place) < fingerprint) place += 1;
  while (place > 0 && entry(shard, region, place - 1) >= fingerprint) place -= 1;
  return place;
}

function insert(shard: Shard, region: number, place: number, fingerprint: number): void {
  const count = shard.counts[region] ?? 0;
  if (count === shard.width) widen(shard);
  const start = region * shard.width;
  const at = (start + place) * fingerprintBytes;
  shard.bytes.copyWithin(at + fingerprintBytes, at, (start + count) * fingerprintBytes);
  shard.bytes[at] = fingerprint >>> 16;
  shard.bytes[at + 1] = fingerprint >>> 8;
  shard.bytes[at + 2] = fingerprint;
  shard.counts[region] = count + 1;
}

function widen(shard: Shard): void {
  // By a quarter: by less, what is given up on the way comes to many times what is kept.
  const width = shard.width + Math.max(2, shard.width >> 2);
  // What it gives up is free at once, and nothing for the garbage collector to find: that would be as much again as is kept.
  const bytes = new Uint8Array(shard.bytes.buffer.transfer(regions * width * fingerprintBytes));
  for (let region = regions - 1; region > 0; region -= 1) {
    const from = region * shard.width * fingerprintBytes;
    const end = from + (shard.counts[region] ?? 0) * fingerprintBytes;
    bytes.copyWithin(region * width * fingerprintBytes, from, end);
  }
  shard.bytes = bytes;
  shard.width = width;
}

/**
 * The keys that are not in committed rows of the index yet: exact, and short, because the split waits when it grows.
 *
 * A key that the filter might have is old if it is here or in the index, and new otherwise. That is right only as long as
 * nothing is forgotten before it is committed.
 */
export type RecentKeys = {
  readonly add: (index: number, key: string) => void;
  readonly indexOf: (key: string) => number | undefined;
  /** Forgets what is below: the manager has committed the index up to here. */
  readonly forget: (below: number) => void;
  readonly size: () => number;
  /** Calls back for every key that it has. */
  readonly each: (visit: (key: string) => void) => void;
};

type Chunk = {
  readonly from: number;
  count: number;
  /** Of the last chunk. */
  keys: string[];
  /** Of the others, which are full: one text is no work for the garbage collector, a thousand are. */
  joined: string;
  /** Made when somebody first asks: most never do. */
  places: Map<string, number> | undefined;
};

/** Keys in one chunk. One Map of all of them would be made anew with every so many that come and go, 2 MB at a time. */
const chunkKeys = 1_024;
/** No key has it (ids.ts). */
const between = "\0";

export function recentKeys(): RecentKeys {
  let chunks: Chunk[] = [];
  let kept = 0;
  let end = 0;

  function keysOf({ keys, joined }: Chunk): readonly string[] {
    return keys.length > 0 ? keys : joined.split(between);
  }

  function placesOf(chunk: Chunk): ReadonlyMap<string, number> {
    const { from } = chunk;
    chunk.places ??= new Map(keysOf(chunk).map((key, place) => [key, from + place]));
    return chunk.places;
  }

  function close(chunk: Chunk): void {
    chunk.joined = chunk.keys.join(between);
    chunk.keys = [];
  }

  return {
    add: (index, key) => {
      let chunk = chunks.at(-1);
      if (chunk === undefined || chunk.count === chunkKeys || index !== end) {
        if (chunk !== undefined) close(chunk);
        chunk = { from: index, count: 0, keys: [], joined: "", places: undefined };
        chunks.push(chunk);
      }
      chunk.keys.push(key);
      chunk.count += 1;
      chunk.places?.set(key, index);
      end = index + 1;
    },
    indexOf: (key) => {
      // What repeats itself mostly does so soon.
      for (let n = chunks.length - 1; n >= 0; n -= 1) {
        const chunk = chunks[n];
        const index = chunk && placesOf(chunk).get(key);
        if (index !== undefined && index >= kept) return index;
      }
      return undefined;
    },
    forget: (below) => {
      kept = Math.max(kept, below);
      chunks = chunks.filter(({ from, count }) => from + count > kept);
    },
    each: (visit) => {
      for (const chunk of chunks)
        for (const [place, key] of keysOf(chunk).entries())
          if (chunk.from + place >= kept) visit(key);
    },
    size: () =>
      chunks.reduce((size, { from, count }) => size + from + count - Math.max(from, kept), 0),
  };
}
