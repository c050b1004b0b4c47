import type { Clock } from "../../ports/clock.ts";
import { keys } from "../../core/ids.ts";
import { firstFrom } from "../../core/sorted.ts";
import { ConflictError } from "../../errors.ts";
import type { Kept, Store, Value } from "../../ports/store.ts";
import { checkPartition, checkText } from "./checks.ts";
import type { Hints } from "./hints.ts";
import type { MemoryLog } from "./log.ts";
import type { MemoryQueue } from "./queue.ts";
import { claimed, claimOf, committed, emptySeat, resigned, takenBack, type Seat } from "./seat.ts";

/** keys: those of values, sorted; undefined when one came or went since. */
type Pairs = { readonly values: Map<string, Value>; keys: readonly string[] | undefined };

/** No await between a check and what it protects: in memory, that is the transaction. */
export function memoryStore(
  clock: Clock,
  partitions: number,
  log: MemoryLog,
  queue: MemoryQueue,
  hint: Hints["hint"],
): Store & { readonly copy: () => () => void } {
  const seats = Array.from({ length: partitions }, (_, partition) => emptySeat(partition));
  const pairs = seats.map((): Pairs => ({ values: new Map<string, Value>(), keys: undefined }));

  function seatOf(partition: number): Seat {
    checkPartition(partition, partitions);
    return seats[partition] ?? emptySeat(partition);
  }

  function pairsOf(partition: number): Pairs {
    checkPartition(partition, partitions);
    return pairs[partition] ?? { values: new Map<string, Value>(), keys: undefined };
  }

  return {
    copy() {
      const were = [...seats];
      const values = pairs.map((one) => new Map(one.values));
      return () => {
        for (const [partition, seat] of were.entries())
          seats[partition] = takenBack(seat, seatOf(partition));
        for (const [partition, of] of values.entries())
          pairs[partition] = { values: of, keys: undefined };
      };
    },
    async claim(partition, holder, claimMs) {
      const seat = claimed(seatOf(partition), holder, claimMs, clock.now());
      if (seat === undefined) return undefined;
      seats[partition] = seat;
      return claimOf(seat);
    },
    async resign(claim, holder) {
      seats[claim.partition] = resigned(seatOf(claim.partition), claim, holder);
    },
    async commit(claim, commit) {
      const { partition } = claim;
      const end = log.endOf(partition);
      const seat = committed(seatOf(partition), claim, commit, end, clock.now());
      for (const [, value] of commit.puts) if (typeof value === "string") checkText(value);
      const written = log.add(partition, commit.events);
      put(pairsOf(partition), commit.puts);
      seats[partition] = seat;
      queue.add(commit.tasks);
      if (commit.events.length > 0) hint("log", partition);
      hint("state", partition);
      return { ...claimOf(seat), written };
    },
    async load(partition, keys) {
      const { values } = pairsOf(partition);
      return keys.map((key) => copy(values.get(key)));
    },
    async scan(partition, prefix, max, after) {
      const mine = pairsOf(partition);
      mine.keys ??= [...mine.values.keys()].toSorted(byCodeUnit);
      const found: [string, Value][] = [];
      const start = after === undefined || after < prefix ? prefix : after;
      for (let at = firstFrom(mine.keys, (key) => key < start); found.length < max; at += 1) {
        const key = mine.keys[at];
        const value = key?.startsWith(prefix) === true ? mine.values.get(key) : undefined;
        if (key === undefined || value === undefined) break;
        if (key !== after) found.push([key, copy(value)]);
      }
      return found;
    },
    async position(partition) {
      const { offset, wakeAt } = seatOf(partition);
      return { offset, wakeAt };
    },
    async keep(partition, reader, kept) {
      const pairs = pairsOf(partition);
      const { values } = pairs;
      log.checkPast(partition, kept.past);
      const checkpoint = values.get(keys.reader(reader));
      checkKept(reader, kept, checkpoint === undefined ? undefined : Number(checkpoint));
      put(pairs, putsOfReader(reader, kept));
    },
  };
}

function put(pairs: Pairs, puts: readonly (readonly [string, Value | undefined])[]): void {
  for (const [key, value] of puts) {
    if (value === undefined || !pairs.values.has(key)) pairs.keys = undefined;
    if (value === undefined) pairs.values.delete(key);
    else pairs.values.set(key, copy(value));
  }
}

/** By S7: somebody else who reads under the same name must not be undone. */
export function checkKept(
  reader: string,
  { from, puts }: Kept,
  checkpoint: number | undefined,
): void {
  for (const [, value] of puts) checkText(value ?? "");
  if (from !== checkpoint)
    throw new ConflictError(
      `"${reader}" has read up to ${checkpoint ?? "nowhere"}, and not ${from ?? "nowhere"}: somebody else reads under this name`,
      { details: { reader, from, checkpoint } },
    );
}

/** As they stand in the store, the checkpoint among them. */
export function putsOfReader(
  reader: string,
  { to, puts }: Kept,
): readonly (readonly [key: string, value: string | undefined])[] {
  return [
    [keys.reader(reader), `${to}`],
    ...puts.map(([key, value]) => [keys.reader(reader, key), value] as const),
  ];
}

/** Nobody's later writing into the array they gave or got may change what was committed. */
function copy<V extends Value | undefined>(value: V): V | Uint8Array {
  return value instanceof Uint8Array ? value.slice() : value;
}

function byCodeUnit(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
