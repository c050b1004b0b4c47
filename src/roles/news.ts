/**
 * What runs are about, for everybody in this process who wants to hear of it: the newest events of each partition are kept in
 * memory, and who has fallen behind reads the log itself.
 *
 * A manager of this process hands on what it has committed; where another process manages, one reader follows the log. So a
 * hundred who follow cost one reading or none, a slow one holds nobody up, and nobody's buffer grows.
 */
import type { Entry, Written } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { firstFrom } from "../core/sorted.ts";
import { CorruptError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { headlineIn, headlineOf, type Headline } from "../core/run-event.ts";
import type { Role } from "./role.ts";
import { readLeft } from "./trimmed.ts";

export type Part = {
  readonly events: readonly Headline[];
  /** Where to read on. The same as `from`: nothing is new. */
  readonly next: number;
};

/** What a manager has committed. */
export type Handed = {
  /** All events of runs from there on are among these; undefined where the manager has just come, and does not know. */
  readonly from: number | undefined;
  /** In a row from offset `first` on, all written at the same time. */
  readonly events: readonly Written[];
  readonly first: number;
  readonly at: number;
  /** The last of what it has consumed and written. */
  readonly last: Entry;
};

export type News = {
  /**
   * Events of runs from this offset on, as far as one reading goes. Where the log was trimmed, it begins with what is left.
   *
   * Who writes down how far he has read names the past that he reads of: another one's events are not his (L7).
   */
  readonly read: (partition: number, from: number, past?: string) => Promise<Part>;
  /** Calls back when there is news of a partition, with what is new; until the returned function is called. */
  readonly onNews: (
    listener: (partition: number, events: readonly Headline[]) => void,
  ) => () => void;
  /** Tells what the manager of the partition has committed; undefined: it manages no more. */
  readonly handOn: (partition: number, handed: Handed | undefined) => void;
  readonly roles: readonly Role[];
};

/** Events kept for those who are nearly up to date, all partitions together: some 300 bytes each. */
const keptEvents = 16_384;

/**
 * The newest events: all that the log has from `start` up to `end`. `last`: the record before `end`, once one was read. `past`: the
 * log's, where it is known.
 */
type Newest = {
  start: number;
  end: number;
  events: Headline[];
  last: Entry | undefined;
  past: string | undefined;
};

const from = (end: number): Newest => ({
  start: end,
  end,
  events: [],
  last: undefined,
  past: undefined,
});

export function news(engine: Pick<Engine, "log" | "partitions">): News {
  const atMost = Math.ceil(keptEvents / engine.partitions);
  const listeners = new Set<Parameters<News["onNews"]>[0]>();
  const newest = new Map<number, Newest>();
  /** Where a manager of this process hands on what it commits; true: since the log was read, so that nothing is missing before it. */
  const handed = new Map<number, { joins: boolean }>();
  const wakers = new Map<number, () => void>();

  function follower(partition: number): Role {
    /** While nobody listens, it only keeps up with the end, so that who begins to listen misses nothing and reads little. */
    async function keepUp(kept: Newest): Promise<number> {
      const handing = handed.get(partition);
      // What is handed on is for statistics, too, and they name the past of what they read.
      const past = handing === undefined ? undefined : await engine.log.past(partition);
      const end = await engine.log.end(partition);
      if (end < kept.end) return wentBack(partition, kept.end, end);
      const isTrue = handing?.joins === true && kept.past === past;
      // Who began to listen meanwhile hears of what came meanwhile.
      if (listeners.size === 0 && !isTrue) newest.set(partition, { ...from(end), past });
      return 0;
    }

    async function follow(): Promise<number> {
      const kept = newest.get(partition) ?? (await begin(partition));
      if (listeners.size === 0) return keepUp(kept);
      const entries = await readOn(partition, kept);
      take(partition, kept, eventsIn(entries), entries.at(-1));
      return entries.length;
    }

    return {
      name: `follower ${partition}`,
      get hints() {
        return listeners.size === 0 || handed.get(partition)?.joins === true
          ? ([] as const)
          : (["state"] as const);
      },
      partition,
      onWake: (wake) => void wakers.set(partition, wake),
      async tick() {
        const handing = handed.get(partition);
        const read = await follow();
        if (handing !== undefined) handing.joins = true;
        return read;
      },
    };
  }

  /** Adds what is new of these. */
  function take(
    partition: number,
    kept: Newest,
    found: readonly Headline[],
    last: Entry | undefined,
  ): void {
    const events = found.slice(firstFrom(found, ({ offset }) => offset < kept.end));
    if (last !== undefined && last.offset >= kept.end) {
      kept.end = last.offset + 1;
      kept.last = last;
    }
    if (events.length === 0) return;
    kept.events.push(...events);
    const over = kept.events.length - atMost;
    if (over > atMost / 4) kept.start = (kept.events.splice(0, over).at(-1)?.offset ?? 0) + 1;
    for (const listener of listeners) listener(partition, events);
  }

  async function begin(partition: number): Promise<Newest> {
    const end = await engine.log.end(partition);
    const kept = newest.get(partition) ?? from(end);
    newest.set(partition, kept);
    return kept;
  }

  /**
   * A log in which the last record is another than was read, or none, has lost its last records: a failover did that, or a restored
   * backup. It may have grown since, so that its length does not tell.
   */
  async function readOn(partition: number, kept: Newest): Promise<readonly Entry[]> {
    const { end, last } = kept;
    const checkLength = async (): Promise<void> => {
      const is = await engine.log.end(partition);
      if (is < end) wentBack(partition, end, is);
    };
    let entries: readonly Entry[];
    let past: string;
    try {
      past = kept.past ?? (await engine.log.past(partition));
      entries = await readFrom(partition, last?.offset ?? end, past);
    } catch (error) {
      kept.past = undefined;
      await checkLength();
      throw error;
    }
    const [first] = entries;
    if (last !== undefined && first === undefined) await checkLength();
    const isThere = last !== undefined && first?.offset === last.offset;
    if (isThere && (first.at !== last.at || first.text !== last.text))
      return wentBack(partition, end, first.offset);
    // What cannot be compared, since it was trimmed, is not said to be of another past than it was read of.
    if (!isThere && kept.past !== past) Object.assign(kept, { start: kept.end, events: [] });
    kept.past = past; // Not before: who asks meanwhile must not get what is lost (seed 300852).
    return isThere ? entries.slice(1) : entries;
  }

  function wentBack(partition: number, before: number, now: number): never {
    newest.set(partition, from(now));
    throw new CorruptError(
      `the log of partition ${partition} went back from ${before} to ${now}: the store has lost its last commits; what they said is derived anew`,
      { details: { partition, from: before, to: now } },
    );
  }

  function readFrom(partition: number, from: number, past?: string): Promise<readonly Entry[]> {
    const max = { records: limits.readRecords, bytes: limits.readBytes, past };
    return readLeft(engine.log, partition, from, max);
  }

  return {
    roles: Array.from({ length: engine.partitions }, (_, partition) => follower(partition)),
    async read(partition, from, past) {
      const kept = newest.get(partition);
      const isOfPast = past === undefined || past === kept?.past;
      if (kept !== undefined && isOfPast && from >= kept.start && from <= kept.end)
        return {
          events: kept.events.slice(firstFrom(kept.events, ({ offset }) => offset < from)),
          next: kept.end,
        };
      const entries = await readFrom(partition, from, past);
      return { events: eventsIn(entries), next: (entries.at(-1)?.offset ?? from - 1) + 1 };
    },
    onNews(listener) {
      const mine: typeof listener = (partition, events) => listener(partition, events);
      listeners.add(mine);
      return () => void listeners.delete(mine);
    },
    handOn(partition, what) {
      const kept = newest.get(partition);
      const handing = handed.get(partition);
      if (what?.from === undefined) {
        if (what === undefined) handed.delete(partition);
        else handed.set(partition, { joins: false });
      } else if (handing?.joins === true && kept !== undefined && what.from <= kept.end) {
        take(partition, kept, eventsOf(what), what.last);
        return;
      }
      wakers.get(partition)?.(); // The log says what is missing in between.
    },
  };
}

/** Reads on in one partition, at most so many events at a time: what was read of the log and not asked for yet is kept, and not read again. */
export function readingOn(
  news: Pick<News, "read">,
  partition: number,
): (from: number, atMost: number, past?: string) => Promise<Part> {
  let ahead: Part | undefined;
  let aheadFrom = 0;
  return async (from, atMost, past) => {
    if (ahead === undefined || from < aheadFrom || from >= ahead.next) {
      ahead = undefined;
      ahead = await news.read(partition, from, past);
      aheadFrom = from;
    }
    const { events, next } = ahead;
    const first = firstFrom(events, ({ offset }) => offset < from);
    const beyond = events[first + atMost];
    if (beyond === undefined) ahead = undefined;
    return { events: events.slice(first, first + atMost), next: beyond?.offset ?? next };
  };
}

function eventsIn(entries: readonly Entry[]): readonly Headline[] {
  return entries.map(headlineIn).filter((event) => event !== undefined);
}

function eventsOf({ events, first, at }: Handed): readonly Headline[] {
  return events
    .map((event, n) => headlineOf(event, first + n, at))
    .filter((event) => event !== undefined);
}
