/** What a worker has to write down: records, and the leases that are over once the records are durable. */
import type { Engine } from "../ports/engine.ts";
import type { Lease } from "../ports/queue.ts";
import type { Written } from "./outcomes.ts";

export type Outgoing = {
  readonly record: (written: Written) => void;
  /** The lease is over when what was recorded up to now is durable. */
  readonly over: (lease: Lease) => void;
  readonly isEmpty: () => boolean;
  /** Outcomes first, then their leases: a crash between the two repeats work, it loses none. What could not be written is kept. */
  readonly flush: () => Promise<number>;
};

/** Characters of one append, unless a single record is longer: an owner of a file refuses much larger ones over HTTP. */
const appendLength = 2_000_000;

export function outgoing({ log, queue }: Pick<Engine, "log" | "queue">, worker: string): Outgoing {
  let records: Written[] = [];
  let leases: Lease[] = [];
  return {
    record(written) {
      records.push(written);
    },
    over(lease) {
      leases.push(lease);
    },
    isEmpty: () => records.length === 0 && leases.length === 0,
    async flush() {
      const written = records;
      const over = leases;
      records = [];
      leases = [];
      try {
        await Promise.all(
          appends(written).map(({ partition, texts }) => log.append(partition, texts)),
        );
        if (over.length > 0) await queue.ack(worker, over);
      } catch (error) {
        // It may have been written, or not: it is written again, and the ledger ignores the second.
        records = [...written, ...records];
        leases = [...over, ...leases];
        throw error;
      }
      return written.length + over.length;
    },
  };
}

type Append = { readonly partition: number; readonly texts: string[]; length: number };

/** Records by partition, in appends of bounded size. */
function appends(written: readonly Written[]): readonly Append[] {
  const all: Append[] = [];
  const open = new Map<number, Append>();
  for (const { partition, text } of written) {
    let append = open.get(partition);
    if (append === undefined || append.length + text.length > appendLength) {
      append = { partition, texts: [], length: 0 };
      open.set(partition, append);
      all.push(append);
    }
    append.texts.push(text);
    append.length += text.length;
  }
  return all;
}
