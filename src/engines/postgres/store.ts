/** What the managers keep: the claim, its fence and the commit are one statement each. */
import { keys } from "../../core/ids.ts";
import { ConflictError } from "../../errors.ts";
import type { Claim, Kept, Store, Value } from "../../ports/store.ts";
import { decodeKey, encodeKey, prefixEnd } from "../keys.ts";
import { checkPartition, checkPast, checkText } from "../memory/checks.ts";
import type { Hints } from "../memory/hints.ts";
import { checkKept, putsOfReader } from "../memory/store.ts";
import { encodeText } from "../text.ts";
import { byteaArray, textArray } from "./arrays.ts";
import type { Database } from "./database.ts";
import { postgresLoads, valueIn } from "./loads.ts";
import { pastOf } from "./log.ts";
import { limitOf, numberIn, textIn } from "../rows.ts";
import { statements } from "./statements.ts";
import { taskArrays } from "./tasks.ts";

export type StoreOptions = {
  readonly partitions: number;
  readonly hint: Hints["hint"];
  /** Partitions that this process serves, as far as it knows: kept here. */
  readonly served: Set<number>;
};

export function postgresStore(database: Database, options: StoreOptions): Store {
  const { partitions, hint, served } = options;
  const load = postgresLoads(database);

  /** Says why a commit changed nothing. */
  async function conflict({ partition, epoch, offset }: Claim): Promise<ConflictError> {
    const { rows } = await database.query(statements.seat, [partition]);
    const now = numberIn(rows[0], "epoch");
    const place = numberIn(rows[0], "offset");
    if (now !== epoch || rows[0]?.["holder"] === null)
      return new ConflictError(
        `the claim on partition ${partition} has ended: epoch ${epoch}, now ${now}`,
        { details: { partition, epoch, current: now } },
      );
    return new ConflictError(
      `offset ${offset} of partition ${partition} is passed: the next is ${place}`,
      { details: { partition, offset, current: place } },
    );
  }

  /** Says why keep changed nothing. */
  async function keptElsewhere(
    partition: number,
    reader: string,
    kept: Kept,
  ): Promise<ConflictError> {
    checkPast(partition, kept.past, await pastOf(database));
    const [checkpoint] = await load(partition, [keys.reader(reader)]);
    checkKept(reader, kept, checkpoint === undefined ? undefined : Number(checkpoint));
    return new ConflictError(`somebody else reads as "${reader}"`, { details: { reader } });
  }

  return {
    async claim(partition, holder, claimMs) {
      checkPartition(partition, partitions);
      const { rows } = await database.query(statements.claim, [partition, holder, claimMs]);
      if (rows.length === 0) {
        served.delete(partition);
        return undefined;
      }
      served.add(partition);
      return { partition, epoch: numberIn(rows[0], "epoch"), offset: numberIn(rows[0], "offset") };
    },
    async resign({ partition, epoch }, holder) {
      served.delete(partition);
      const { changed } = await database.query(statements.resign, [partition, epoch, holder]);
      if (changed > 0) hint("seat", partition);
    },
    async commit(claim, commit) {
      const { partition, epoch, offset } = claim;
      checkPartition(partition, partitions);
      for (const text of commit.events) checkText(text);
      const { rows } = await database.query(statements.commit, [
        partition,
        textArray(commit.events),
        epoch,
        offset,
        commit.to,
        commit.wakeAt ?? null,
        ...putArrays(commit.puts),
        ...taskArrays(commit.tasks),
      ]);
      const [row] = rows;
      if (row === undefined) {
        served.delete(partition);
        throw await conflict(claim);
      }
      if (commit.tasks.length > 0) hint("queue");
      if (commit.events.length > 0) hint("log", partition);
      hint("state", partition);
      const written =
        commit.events.length === 0
          ? undefined
          : { first: numberIn(row, "first"), at: numberIn(row, "at") };
      return { partition, epoch, offset: commit.to, written };
    },
    async load(partition, keys) {
      checkPartition(partition, partitions);
      return keys.length === 0 ? [] : load(partition, keys);
    },
    async scan(partition, prefix, max, after) {
      checkPartition(partition, partitions);
      const isFirst = after === undefined || after < prefix;
      const { rows } = await database.query(isFirst ? statements.scan : statements.scanAfter, [
        partition,
        limitOf(max),
        storedKey(isFirst ? prefix : after),
        encodeText(prefixEnd(prefix)),
      ]);
      return rows.map((row) => [decodeKey(textIn(row, "key")), valueIn(row)] as const);
    },
    async position(partition) {
      checkPartition(partition, partitions);
      const { rows } = await database.query(statements.position, [partition]);
      const wakeAt = rows[0]?.["wake_at"] === null ? undefined : numberIn(rows[0], "wake_at");
      return { offset: numberIn(rows[0], "offset"), wakeAt };
    },
    async keep(partition, reader, kept) {
      checkPartition(partition, partitions);
      const { from, to, past } = kept;
      for (const [, value] of kept.puts) checkText(value ?? "");
      const { changed } = await database.query(statements.keep, [
        partition,
        storedKey(keys.reader(reader)),
        from === undefined ? null : `${from}`,
        `${to}`,
        past,
        ...putArrays(putsOfReader(reader, kept).slice(1)),
      ]);
      if (changed === 0) throw await keptElsewhere(partition, reader, kept);
    },
  };
}

function storedKey(key: string): string {
  return encodeText(encodeKey(key));
}

type Puts = readonly (readonly [key: string, value: Value | undefined])[];

/** Keys, texts and bytes of what is put, and the keys of what is removed. Of a key that is named twice, the last counts. */
function putArrays(puts: Puts): readonly Buffer[] {
  const last = new Map(puts);
  const put = [...last].filter((pair): pair is [string, Value] => pair[1] !== undefined);
  for (const [, value] of put) if (typeof value === "string") checkText(value);
  return [
    textArray(put.map(([key]) => encodeKey(key))),
    textArray(put.map(([, value]) => (typeof value === "string" ? value : undefined))),
    byteaArray(put.map(([, value]) => (typeof value === "string" ? undefined : value))),
    textArray([...last].filter(([, value]) => value === undefined).map(([key]) => encodeKey(key))),
  ];
}
