import type { Entry } from "../../core/event.ts";
import { NotFoundError } from "../../errors.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Committed } from "../../ports/store.ts";
import { checkFrom, checkPartition, checkPast, checkText } from "./checks.ts";

export type MemoryLog = Log & {
  /** What append does, at once: for a commit. */
  readonly add: (partition: number, texts: readonly string[]) => Committed["written"];
  readonly endOf: (partition: number) => number;
  /** Throws ConflictError, by L7. */
  readonly checkPast: (partition: number, past: string) => void;
  readonly copy: () => () => void;
};

type Records = { first: number; at: number; entries: Entry[] };

export function memoryLog(
  clock: Clock,
  partitions: number,
  hint: (partition: number) => void,
): MemoryLog {
  const logs = Array.from({ length: partitions }, (): Records => ({
    first: 0,
    at: 0,
    entries: [],
  }));

  let pasts = 1;

  function recordsOf(partition: number): Records {
    checkPartition(partition, partitions);
    return logs[partition] ?? { first: 0, at: 0, entries: [] };
  }

  function endOf(partition: number): number {
    const { first, entries } = recordsOf(partition);
    return first + entries.length;
  }

  function add(partition: number, texts: readonly string[]): Committed["written"] {
    const first = endOf(partition);
    for (const text of texts) checkText(text);
    const log = recordsOf(partition);
    log.at = Math.max(log.at, Math.floor(clock.now()));
    for (const text of texts) log.entries.push({ offset: endOf(partition), at: log.at, text });
    return texts.length === 0 ? undefined : { first, at: log.at };
  }

  return {
    add,
    endOf,
    checkPast: (partition, past) => checkPast(partition, past, `${pasts}`),
    copy() {
      const copies = logs.map((log) => ({ ...log, entries: [...log.entries] }));
      return () => {
        logs.splice(0, logs.length, ...copies);
        pasts += 1;
      };
    },
    async append(partition, texts) {
      const written = add(partition, texts);
      if (written !== undefined) hint(partition);
      return written?.first ?? endOf(partition);
    },
    async read(partition, from, max) {
      const { first, entries } = recordsOf(partition);
      checkPast(partition, max.past, `${pasts}`);
      checkFrom(from, endOf(partition));
      checkTrim(partition, from, first);
      return pageOf(entries, from - first, max);
    },
    end: async (partition) => endOf(partition),
    async trim(partition, before, past) {
      checkPast(partition, past, `${pasts}`);
      checkFrom(before, endOf(partition));
      const log = recordsOf(partition);
      log.entries = log.entries.slice(Math.max(0, before - log.first));
      log.first = Math.max(log.first, before);
    },
    async past(partition) {
      checkPartition(partition, partitions);
      return `${pasts}`;
    },
  };
}

export function checkTrim(partition: number, from: number, first: number): void {
  if (from < first)
    throw new NotFoundError(
      `offset ${from} of partition ${partition} was trimmed: the log starts at ${first}`,
      { details: { partition, offset: from, first } },
    );
}

/** What fits of the entries from an index on; the first in any case, by L4. */
export function pageOf(
  entries: readonly Entry[],
  index: number,
  max: { readonly records: number; readonly bytes: number },
): readonly Entry[] {
  const last = Math.min(entries.length, index + max.records);
  let to = index;
  for (let bytes = 0; to < last; to += 1) {
    bytes += entries[to]?.text.length ?? 0;
    if (bytes > max.bytes && to > index) break;
  }
  return entries.slice(index, to);
}
