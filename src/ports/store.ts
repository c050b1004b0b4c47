import type { Task } from "../core/task.ts";

/** JSON text, or bytes. */
export type Value = string | Uint8Array;

/** A manager's right to commit to a partition. */
export type Claim = {
  readonly partition: number;
  readonly epoch: number;
  /** The next event to consume. */
  readonly offset: number;
};

/** What a reader of the log keeps: `from` and `to` are checkpoints, undefined where it has kept nothing yet. */
export type Kept = {
  readonly from: number | undefined;
  readonly to: number;
  /** Of the log, as it was before anything of this was read. */
  readonly past: string;
  /** Under keys.reader(name, key); undefined removes. */
  readonly puts: readonly (readonly [key: string, value: string | undefined])[];
};

export type Commit = {
  /** Consumed up to here, exclusive. */
  readonly to: number;
  /** What changed, by key; undefined removes. */
  readonly puts: readonly (readonly [key: string, value: Value | undefined])[];
  /** Records to append, as Log.append takes them. */
  readonly events: readonly string[];
  readonly tasks: readonly Task[];
  /** When the partition wants to be told the time, in epoch ms. */
  readonly wakeAt: number | undefined;
};

/** The claim from there on. */
export type Committed = Claim & {
  /** Undefined where it had no events. */
  readonly written: { readonly first: number; readonly at: number } | undefined;
};

/**
 * What the managers keep, by partition and key, and the commit that joins log, state and queue. And what readers keep beside it.
 *
 * S1  a partition is claimed by one holder at a time; an expired claim may be taken over, with a higher epoch. Claiming again
 *     as the same holder is the same right, with the epoch it had.
 * S2  commit is all or nothing: offset, puts and wakeAt are stored and events appended, or none of it; durable when it resolves.
 * S3  commit with an ended claim, or from an offset already passed, throws ConflictError and changes nothing.
 * S4  when commit resolves, its tasks have been put at least once.
 * S5  load, scan and position see committed state only, and at least every commit that had resolved before they were called.
 * S6  position().wakeAt is what the last commit said.
 * S7  keep stores a reader's checkpoint, under keys.reader(name), and its puts together or not at all, durable when it
 *     resolves; from a checkpoint other than `from` it changes nothing and throws ConflictError. It needs no claim, and
 *     changes nothing of what the manager or another reader has.
 * S8  keep of another past than the log has (L7) changes nothing and throws ConflictError.
 * S9  commit says where on the log its events stand: the offset of the first, and the `at` of all of them.
 */
export type Store = {
  readonly claim: (
    partition: number,
    holder: string,
    claimMs: number,
  ) => Promise<Claim | undefined>;
  /** Gives the claim up, so that another holder need not wait. */
  readonly resign: (claim: Claim, holder: string) => Promise<void>;
  readonly commit: (claim: Claim, commit: Commit) => Promise<Committed>;
  /** The values of these keys, in their order. */
  readonly load: (
    partition: number,
    keys: readonly string[],
  ) => Promise<readonly (Value | undefined)[]>;
  /** All pairs whose key starts with prefix, in order of keys (by code unit), from `after` (exclusive) on, at most `max`. */
  readonly scan: (
    partition: number,
    prefix: string,
    max: number,
    after?: string,
  ) => Promise<readonly (readonly [key: string, value: Value])[]>;
  readonly position: (
    partition: number,
  ) => Promise<{ readonly offset: number; readonly wakeAt: number | undefined }>;
  readonly keep: (partition: number, reader: string, kept: Kept) => Promise<void>;
};
