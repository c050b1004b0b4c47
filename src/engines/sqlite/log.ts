/**
 * The log in one table, and what was appended last in memory: the manager never reads from the disk what has just arrived.
 *
 * Offsets are given at once, at the call; a record is shown when its transaction is durable, and stays in memory until then.
 */
import type { DatabaseSync } from "node:sqlite";
import type { Entry } from "../../core/event.ts";
import { assert } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { checkFrom, checkPartition, checkPast, checkText } from "../memory/checks.ts";
import { checkTrim, pageOf } from "../memory/log.ts";
import { limitOf, numberIn, textIn } from "../rows.ts";
import { encodeText } from "../text.ts";
import type { Write } from "./transaction.ts";
import type { Writer } from "./writer.ts";

export type Page = { readonly records: number; readonly bytes: number };

export type SqliteLog = Log & {
  /** Takes offsets for these texts: for a commit. Call durable after it. */
  readonly add: (partition: number, texts: readonly string[]) => Appending;
  readonly endOf: (partition: number) => number;
  /** Throws ConflictError, by L7. */
  readonly checkPast: (partition: number, past: string) => void;
  /** The last `at` of all. */
  readonly lastAt: number;
};

export type Appending = {
  readonly offset: number;
  readonly at: number;
  readonly writes: readonly Write[];
  readonly durable: () => void;
};

export type LogOptions = {
  readonly clock: Clock;
  readonly partitions: number;
  /** Characters of recent records kept in memory, all partitions together. */
  readonly tailBytes: number;
  /** A file may be put back while nobody has it open: each opening of it is a past of its own. */
  readonly past: string;
  readonly hint: (partition: number) => void;
};

/** The records from `first` to the end. Those before `durable` are on the disk, too. */
type Tail = {
  first: number;
  entries: Entry[];
  bytes: number;
  at: number;
  durable: number;
  trimmed: number;
};

/** Ids of a partition's records are 2^40 apart from the next one's: 35 years of 1,000 records a second. */
const span = 2 ** 40;
/** Records one transaction deletes: some ms. */
const forgetAtOnce = 10_000;

export function sqliteLog(
  db: DatabaseSync,
  writer: Writer,
  { clock, partitions, tailBytes, past, hint }: LogOptions,
): SqliteLog {
  const { page, edges } = logReader(db);
  const tails = Array.from({ length: partitions }, (_, partition): Tail => {
    const { end, at, trimmed } = edges(partition);
    return { first: end, entries: [], bytes: 0, at, durable: end, trimmed };
  });

  function tailOf(partition: number): Tail {
    checkPartition(partition, partitions);
    const tail = tails[partition];
    assert(tail, `partition ${partition} has a tail`);
    return tail;
  }

  function endOf(partition: number): number {
    const { first, entries } = tailOf(partition);
    return first + entries.length;
  }

  function add(partition: number, texts: readonly string[]): Appending {
    const tail = tailOf(partition);
    for (const text of texts) checkText(text);
    const offset = endOf(partition);
    const at = Math.max(tail.at, Math.floor(clock.now()));
    tail.at = at;
    const writes: Write[] = [];
    for (const text of texts) {
      const entry = { offset: offset + writes.length, at, text };
      tail.entries.push(entry);
      tail.bytes += text.length;
      writes.push(["append", partition * span + entry.offset, at, encodeText(text)]);
    }
    return {
      offset,
      at,
      writes,
      durable() {
        tail.durable = Math.max(tail.durable, offset + texts.length);
        shorten(tail, tailBytes / partitions);
      },
    };
  }

  return {
    add,
    endOf,
    checkPast: (partition, of) => checkPast(partition, of, past),
    lastAt: Math.max(...tails.map(({ at }) => at)),
    async append(partition, texts) {
      const { offset, writes, durable } = add(partition, texts);
      if (texts.length === 0) return offset;
      // For who may look ahead; the others are told when it is durable.
      void Promise.resolve().then(() => hint(partition));
      await writer.write(writes, () => {
        durable();
        hint(partition);
      });
      return offset;
    },
    async read(partition, from, { records, bytes, ahead = false, past: of }) {
      const { first, entries, trimmed, durable } = tailOf(partition);
      checkPast(partition, of, past);
      checkFrom(from, endOf(partition));
      checkTrim(partition, from, trimmed);
      let end = ahead ? endOf(partition) : durable;
      // The writer's thread may have committed what this one has not heard of yet: whoever saw the state finds its records.
      if (from >= end && from < endOf(partition)) end = writer.read(() => edges(partition).end);
      const max = { records: Math.min(records, end - from), bytes };
      if (max.records <= 0) return [];
      if (from >= first) return pageOf(entries, from - first, max);
      return followed(
        writer.read(() => page(partition, from, first, max)),
        tailOf(partition),
        max,
      );
    },
    end: async (partition) => endOf(partition),
    async trim(partition, before, of) {
      const tail = tailOf(partition);
      checkPast(partition, of, past);
      checkFrom(before, endOf(partition));
      if (before <= tail.trimmed) return;
      tail.trimmed = before;
      await writer.write([["trim", before, partition]]);
      // The last record stays, unread: it says which offset and `at` come next, by L3 and L6.
      const to = partition * span + Math.min(before, endOf(partition) - 1);
      let from = writer.read(() => edges(partition).firstId);
      for (; from < to; from += forgetAtOnce)
        await writer.write([["forget", from, Math.min(from + forgetAtOnce, to)], ["vacuum"]]);
    },
    async past(partition) {
      checkPartition(partition, partitions);
      return past;
    },
  };
}

/** A page from the disk, and what fits of the tail if it reaches that far. */
function followed(page: readonly Entry[], { first, entries }: Tail, max: Page): readonly Entry[] {
  if (page.at(-1)?.offset !== first - 1) return page;
  const left = page.reduce((bytes, { text }) => bytes - text.length, max.bytes);
  if ((entries[0]?.text.length ?? 0) > left) return page;
  return [...page, ...pageOf(entries, 0, { records: max.records - page.length, bytes: left })];
}

/** Forgets the oldest durable records, a quarter at once so that each is moved few times. */
function shorten(tail: Tail, bound: number): void {
  if (tail.bytes <= bound) return;
  let count = 0;
  for (const { offset, text } of tail.entries) {
    if (tail.bytes <= bound * 0.75 || offset >= tail.durable) break;
    tail.bytes -= text.length;
    count += 1;
  }
  tail.entries = tail.entries.slice(count);
  tail.first += count;
}

type Edges = {
  readonly firstId: number;
  readonly end: number;
  readonly at: number;
  readonly trimmed: number;
};

export type LogReader = {
  /** Records from `from` up to `until` (exclusive), as read promises; there is at least one. */
  readonly page: (partition: number, from: number, until: number, max: Page) => readonly Entry[];
  readonly edges: (partition: number) => Edges;
};

export function logReader(db: DatabaseSync): LogReader {
  const records = db.prepare(
    "select id, at, text from log where id >= ? and id < ? order by id limit ?",
  );
  const last = db.prepare(
    "select id, at from log where id >= ? and id < ? order by id desc limit 1",
  );
  const first = db.prepare("select id from log where id >= ? and id < ? order by id limit 1");
  const trimmed = db.prepare("select trimmed from partition where partition = ?");
  return {
    page(partition, from, until, max) {
      const start = partition * span;
      const entries: Entry[] = [];
      let bytes = 0;
      for (const row of records.iterate(start + from, start + until, limitOf(max.records))) {
        const offset = numberIn(row, "id") - start;
        assert(offset === from + entries.length, `record ${from + entries.length} is there`);
        const text = textIn(row, "text");
        bytes += text.length;
        if (bytes > max.bytes && entries.length > 0) break;
        entries.push({ offset, at: numberIn(row, "at"), text });
      }
      assert(entries.length > 0 || max.records < 1, `record ${from} is there`);
      return entries;
    },
    edges(partition) {
      const start = partition * span;
      const row = last.get(start, start + span);
      const base = numberIn(trimmed.get(partition), "trimmed");
      if (row === undefined) return { firstId: start, end: 0, at: 0, trimmed: base };
      return {
        firstId: numberIn(first.get(start, start + span), "id"),
        end: numberIn(row, "id") - start + 1,
        at: numberIn(row, "at"),
        trimmed: base,
      };
    },
  };
}
