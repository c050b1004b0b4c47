/** What the managers keep, in two tables. One process owns the file, so the fence is in memory, and the tables check it again. */
import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../ports/clock.ts";
import { keys } from "../../core/ids.ts";
import type { Commit, Store, Value } from "../../ports/store.ts";
import { checkPartition, checkText } from "../memory/checks.ts";
import type { Hints } from "../memory/hints.ts";
import type { MemoryQueue } from "../memory/queue.ts";
import { claimed, claimOf, committed, emptySeat, resigned, type Seat } from "../memory/seat.ts";
import { checkKept, putsOfReader } from "../memory/store.ts";
import { decodeKey, encodeKey, prefixEnd } from "../keys.ts";
import type { SqliteLog } from "./log.ts";
import { limitOf, numberIn, type Row, textIn } from "../rows.ts";
import { encodeText } from "../text.ts";
import type { Write } from "./transaction.ts";
import type { Writer } from "./writer.ts";

export type StoreOptions = {
  readonly clock: Clock;
  readonly partitions: number;
  readonly log: SqliteLog;
  readonly queue: MemoryQueue;
  readonly hint: Hints["hint"];
};

export function sqliteStore(
  db: DatabaseSync,
  writer: Writer,
  { clock, partitions, log, queue, hint }: StoreOptions,
): Store {
  const reader = storeReader(db, partitions);
  const seats = Array.from({ length: partitions }, (_, partition) => reader.seat(partition));

  /** Of readers that kept something since the file was opened: what is durable and what is about to be. */
  const checkpoints = new Map<string, number>();

  function seatOf(partition: number): Seat {
    checkPartition(partition, partitions);
    return seats[partition] ?? emptySeat(partition);
  }

  function storedCheckpoint(partition: number, name: string): number | undefined {
    const [stored] = writer.read(() => reader.load(partition, [keys.reader(name)]));
    return stored === undefined ? undefined : Number(stored);
  }

  async function sit(seat: Seat): Promise<void> {
    const { partition, epoch, holder } = seat;
    const before = seatOf(partition);
    seats[partition] = seat;
    if (epoch !== before.epoch || holder !== before.holder)
      await writer.write([["seat", epoch, holder ?? null, partition]]);
  }

  return {
    async claim(partition, holder, claimMs) {
      const seat = claimed(seatOf(partition), holder, claimMs, clock.now());
      if (seat === undefined) return undefined;
      await sit(seat);
      return claimOf(seat);
    },
    async resign(claim, holder) {
      await sit(resigned(seatOf(claim.partition), claim, holder));
    },
    async commit(claim, commit) {
      const { partition, epoch, offset } = claim;
      const end = log.endOf(partition);
      const seat = committed(seatOf(partition), claim, commit, end, clock.now());
      const puts = putsOf(partition, commit.puts);
      const appending = log.add(partition, commit.events);
      seats[partition] = seat;
      const advance: Write = [
        "advance",
        commit.to,
        commit.wakeAt ?? null,
        partition,
        epoch,
        offset,
      ];
      await writer.write([...appending.writes, ...puts, advance], () => {
        appending.durable();
        queue.add(commit.tasks);
        if (commit.events.length > 0) hint("log", partition);
        hint("state", partition);
      });
      const { offset: first, at } = appending;
      return {
        ...claimOf(seat),
        written: commit.events.length === 0 ? undefined : { first, at },
      };
    },
    load: async (partition, keys) => writer.read(() => reader.load(partition, keys)),
    scan: async (partition, prefix, max, after) =>
      writer.read(() => reader.scan(partition, prefix, max, after)),
    position: async (partition) => writer.read(() => reader.position(partition)),
    async keep(partition, name, kept) {
      const own = `${partition}/${name}`;
      log.checkPast(partition, kept.past);
      checkKept(name, kept, checkpoints.get(own) ?? storedCheckpoint(partition, name));
      checkpoints.set(own, kept.to);
      await writer.writeAlong(putsOf(partition, putsOfReader(name, kept))); // No run waits for what a reader keeps.
    },
  };
}

function putsOf(partition: number, puts: Commit["puts"]): readonly Write[] {
  return puts.map(([key, value]): Write => {
    if (value === undefined) return ["remove", partition, keyText(key)];
    if (typeof value !== "string") return ["put", partition, keyText(key), value];
    checkText(value);
    return ["put", partition, keyText(key), encodeText(value)];
  });
}

type Pair = readonly [key: string, value: Value];

export type StoreReader = {
  readonly load: (partition: number, keys: readonly string[]) => readonly (Value | undefined)[];
  readonly scan: (
    partition: number,
    prefix: string,
    max: number,
    after: string | undefined,
  ) => readonly Pair[];
  readonly position: (partition: number) => {
    readonly offset: number;
    readonly wakeAt: number | undefined;
  };
  /** As the last owner left it, free for anybody: whoever held it is gone. */
  readonly seat: (partition: number) => Seat;
};

/** Outside of a transaction every statement sees committed state, and all of it: S5. */
export function storeReader(db: DatabaseSync, partitions: number): StoreReader {
  const one = db.prepare("select value from state where partition = ? and key = ?");
  const from = db.prepare(
    `select key, value from state
     where partition = ? and key >= ? and key < ? order by key limit ?`,
  );
  const beyond = db.prepare(
    `select key, value from state
     where partition = ? and key > ? and key < ? order by key limit ?`,
  );
  const place = db.prepare(
    "select epoch, holder, offset, wake_at from partition where partition = ?",
  );

  function position(partition: number): { offset: number; wakeAt: number | undefined } {
    checkPartition(partition, partitions);
    const row = place.get(partition);
    const wakeAt = row?.["wake_at"] === null ? undefined : numberIn(row, "wake_at");
    return { offset: numberIn(row, "offset"), wakeAt };
  }

  return {
    load(partition, keys) {
      checkPartition(partition, partitions);
      return keys.map((key) => {
        const row = one.get(partition, keyText(key));
        return row === undefined ? undefined : valueIn(row);
      });
    },
    scan(partition, prefix, max, after) {
      checkPartition(partition, partitions);
      const end = encodeText(prefixEnd(prefix));
      const rows =
        after === undefined || after < prefix
          ? from.all(partition, keyText(prefix), end, limitOf(max))
          : beyond.all(partition, keyText(after), end, limitOf(max));
      return rows.map((row): Pair => [decodeKey(textIn(row, "key")), valueIn(row)]);
    },
    position,
    seat(partition) {
      const row = place.get(partition);
      const holder = row?.["holder"] === null ? undefined : textIn(row, "holder");
      const epoch = numberIn(row, "epoch");
      return { ...emptySeat(partition), epoch, holder, ...position(partition) };
    },
  };
}

function keyText(key: string): string {
  return encodeText(encodeKey(key));
}

function valueIn(row: Row): Value {
  const value = row["value"];
  return value instanceof Uint8Array ? value : textIn(row, "value");
}
