/**
 * The log in one table. Whoever appends to a partition holds its head until the commit is durable, so one append at a time
 * is on its way from this process; what comes meanwhile travels together in the next.
 */
import type { Entry } from "../../core/event.ts";
import { assert, UsageError } from "../../errors.ts";
import type { Log } from "../../ports/log.ts";
import { checkFrom, checkPartition, checkPast, checkText } from "../memory/checks.ts";
import { checkTrim } from "../memory/log.ts";
import { nextTurn } from "../system.ts";
import { textArray } from "./arrays.ts";
import type { Database } from "./database.ts";
import { limitOf, numberIn, type Row, textIn } from "../rows.ts";
import { statements } from "./statements.ts";

export type LogOptions = {
  readonly partitions: number;
  /** There is something new in a partition. */
  readonly hint: (partition: number) => void;
};

/** Records that one statement deletes: some ms, so that nobody waits for a long transaction, and none is cancelled. */
const forgetAtOnce = 5_000;
/** Characters that one statement appends, unless a single append is longer. */
const appendLength = 8_000_000;

type Append = {
  readonly texts: readonly string[];
  readonly resolve: (offset: number) => void;
  readonly reject: (error: unknown) => void;
};

export function postgresLog(database: Database, { partitions, hint }: LogOptions): Log {
  const lines = Array.from({ length: partitions }, () => ({
    waiting: new Array<Append>(),
    busy: false,
  }));

  async function flush(partition: number): Promise<void> {
    const line = lines[partition];
    assert(line, `partition ${partition} has a line`);
    while (line.waiting.length > 0) {
      const batch = line.waiting.splice(0, fitting(line.waiting));
      try {
        const texts = batch.flatMap((append) => append.texts);
        const { rows } = await database.query(statements.append, [partition, textArray(texts)]);
        let offset = numberIn(rows[0], "first");
        for (const append of batch) {
          append.resolve(offset);
          offset += append.texts.length;
        }
        hint(partition);
      } catch (error) {
        for (const append of batch) append.reject(error);
      }
    }
    line.busy = false;
  }

  async function end(partition: number): Promise<number> {
    const { rows } = await database.query(statements.end, [partition]);
    return numberIn(rows[0], "end");
  }

  return {
    async append(partition, texts) {
      checkPartition(partition, partitions);
      for (const text of texts) checkText(text);
      if (texts.length === 0) return end(partition);
      return new Promise<number>((resolve, reject) => {
        const line = lines[partition];
        assert(line, `partition ${partition} has a line`);
        line.waiting.push({ texts, resolve, reject });
        if (line.busy) return;
        line.busy = true;
        nextTurn(() => void flush(partition));
      });
    },
    /** What is visible here is durable: nobody can look ahead, and `ahead` asks for nothing else. */
    async read(partition, from, { records, bytes, past }) {
      checkPartition(partition, partitions);
      const { rows } = await database.query(statements.read, [
        partition,
        Math.max(0, from),
        limitOf(records),
        limitOf(bytes),
        past ?? null,
      ]);
      if (rows[0]?.["is_past"] !== true) checkPast(partition, past, await pastOf(database));
      checkFrom(from, numberIn(rows[0], "end"));
      checkTrim(partition, from, numberIn(rows[0], "trimmed"));
      if (rows[0]?.["offset"] === null) return [];
      return rows.map((row, index) => entryOf(row, from + index));
    },
    end: async (partition) => {
      checkPartition(partition, partitions);
      return end(partition);
    },
    async trim(partition, before, past) {
      checkPartition(partition, partitions);
      const { rows } = await database.query(statements.trim, [partition, before, past]);
      if (rows.length === 0) {
        checkPast(partition, past, await pastOf(database));
        throw new UsageError(
          `cannot trim partition ${partition} to ${before}: the log ends before`,
        );
      }
      for (let count = forgetAtOnce; count === forgetAtOnce;) {
        const forgotten = await database.query(statements.forget, [partition, forgetAtOnce]);
        count = numberIn(forgotten.rows[0], "count");
      }
    },
    async past(partition) {
      checkPartition(partition, partitions);
      return pastOf(database);
    },
  };
}

/** The same for every partition: they are lost together. */
export async function pastOf(database: Database): Promise<string> {
  const { rows } = await database.query(statements.past, []);
  return textIn(rows[0], "past");
}

/** How many of them travel together; the first in any case. */
function fitting(appends: readonly Append[]): number {
  let length = 0;
  const count = appends.findIndex(({ texts }, index) => {
    for (const text of texts) length += text.length;
    return length > appendLength && index > 0;
  });
  return count === -1 ? appends.length : count;
}

function entryOf(row: Row, offset: number): Entry {
  assert(numberIn(row, "offset") === offset, `record ${offset} is there`);
  return { offset, at: numberIn(row, "at"), text: textIn(row, "record") };
}
