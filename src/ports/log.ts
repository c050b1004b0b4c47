import type { Entry } from "../core/event.ts";

/**
 * The truth: per partition, a sequence of text records with dense offsets.
 *
 * L1  offsets of a partition are 0, 1, 2, … in the order of append, without a gap; records of one append stand together, in order.
 * L2  when append resolves, the records survive a crash of any process and, on durable settings, loss of power. All of them, or none.
 * L3  `at` is the log's own time in whole epoch ms; within a partition it never falls.
 * L4  read returns records from `from` on, in order, without a gap, at most max.records of them and not many more than
 *     max.bytes characters (but at least one, if there is one); nothing when `from` is the end.
 * L5  what read returns is durable; with `ahead`, it is durable before any commit that passes it is. So a manager need not wait
 *     for the sync of what it decides on: one sync carries both. Nobody else may look ahead: who is told must be able to rely on it.
 * L6  records before `trim` may be gone; reading there throws NotFoundError. Offsets are never used again.
 * L7  past names the past that the log has. Where records that could be read may be gone from its end, it is a name that it never
 *     had before. read with a past, and trim, throw ConflictError where the log has another; whoever writes down what he made of
 *     what he read names it, too (S8, V4).
 *
 * Not promised: append once. An append that rejected with UnavailableError may have happened.
 */
export type Log = {
  /** Resolves to the offset of the first record, when all are durable. */
  readonly append: (partition: number, texts: readonly string[]) => Promise<number>;
  readonly read: (
    partition: number,
    from: number,
    max: {
      readonly records: number;
      readonly bytes: number;
      readonly ahead?: boolean;
      readonly past?: string | undefined;
    },
  ) => Promise<readonly Entry[]>;
  /** The offset the next record will get. */
  readonly end: (partition: number) => Promise<number>;
  readonly trim: (partition: number, before: number, past: string) => Promise<void>;
  readonly past: (partition: number) => Promise<string>;
};
