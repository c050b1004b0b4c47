import type { Priority, RunState } from "../core/event.ts";

/** A line in the list of runs. Instants in epoch ms. */
export type RunRow = {
  readonly run: string;
  readonly flow: string;
  readonly state: RunState;
  readonly customer?: string;
  readonly priority: Priority;
  readonly step?: string;
  readonly because?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Of one that waits: when it is to begin. */
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly deadlineAt?: number;
  /** The deadline that has passed; when the forecast was first found beyond it. */
  readonly lateAt?: number;
  readonly riskAt?: number;
};

/** The line goes: nothing of the run is kept any more. */
export type RemovedRow = { readonly run: string; readonly state: "removed" };

/** Which runs a list has. */
export type RunQuery = {
  readonly states?: readonly RunState[];
  readonly flow?: string;
  readonly customer?: string;
  /** Started at or after, epoch ms. */
  readonly since?: number;
  /** Ended before this, epoch ms; those that have not ended are not meant then. */
  readonly endedBefore?: number;
  readonly limit: number;
};

/** What becomes of the views: rows, and how far they know the log then. */
export type Viewed = {
  readonly from: number;
  readonly to: number;
  /** Of the log, as it was before anything of this was read. */
  readonly past: string;
  readonly rows: readonly (RunRow | RemovedRow)[];
};

/**
 * Rows that people ask for, derived from the log.
 *
 * V1  apply stores rows and checkpoint together or not at all; from a checkpoint other than `from` it changes nothing and
 *     throws ConflictError.
 * V2  rows replace the row of the same run; a removed one takes it away.
 * V3  runs returns the matching rows, newest start first.
 * V4  apply of another past than the log has (L7) changes nothing and throws ConflictError.
 */
export type Views = {
  /** Up to which offset (exclusive) the views know the partition. */
  readonly checkpoint: (partition: number) => Promise<number>;
  readonly apply: (partition: number, viewed: Viewed) => Promise<void>;
  readonly run: (run: string) => Promise<RunRow | undefined>;
  readonly runs: (query: RunQuery) => Promise<readonly RunRow[]>;
};
