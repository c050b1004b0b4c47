/** What the queue carries: one attempt at a step, or at a slice of sub-jobs. Plain JSON. */
import type { Json, Priority } from "./event.ts";
import type { Trace } from "./trace.ts";

type OfTask = {
  readonly queue: string;
  readonly partition: number;
  readonly run: string;
  readonly flow: string;
  readonly step: string;
  readonly generation: number;
  readonly priority: Priority;
  readonly customer?: string;
  readonly deadlineAt?: number;
  /** Of the run. */
  readonly trace?: Trace;
};

/** Run the body of a plain step. */
export type StepTask = OfTask & {
  readonly kind: "step";
  readonly issue: number;
  readonly attempt: number;
  /** Of the attempt before, where it was traced. */
  readonly after?: Trace;
};

/** Run `over` and write its items down, from `size` on. */
export type SplitTask = OfTask & {
  readonly kind: "split";
  readonly issue: number;
  readonly attempt: number;
  readonly after?: Trace;
  readonly size: number;
  readonly cursor?: Json;
};

/** A sub-job that is tried again; `previous` is the offset of its last outcome. */
export type Again = {
  readonly index: number;
  readonly issue: number;
  readonly attempt: number;
  readonly previous?: number;
  /** Of one whose input was corrected: the offset of the redrive that has its item. */
  readonly edited?: number;
};

/**
 * Run sub-jobs: either a range that is tried for the first time (issue 1, attempt 1), or a list that is tried again.
 *
 * pages says where their items are: [first index, offset of the page, first index, offset, …], ascending.
 */
export type SliceTask = OfTask & {
  readonly kind: "slice";
  readonly job: string;
  readonly from: number;
  readonly count: number;
  readonly again?: readonly Again[];
  readonly pages: readonly number[];
  /** So little comes after it that nobody should have it wait for a slot while another's is free. */
  readonly last?: boolean;
};

export type Task = StepTask | SplitTask | SliceTask;
