/** What is left behind on behalf of sub-jobs if this process vanishes: one will per slice of first tries, one per sub-job of what is tried again. */
import type { Wills } from "../ports/wills.ts";
import { lostText, triplesOf } from "./loss.ts";
import type { Held } from "./sub-jobs.ts";

export type Willed = { will?: number | undefined };

export type LastWills = {
  /** Nothing where it has one, or where its sub-jobs have their own. */
  readonly ofSlice: (slice: Held) => void;
  /** Before user code is called. */
  readonly ofSubJob: (subJob: Willed, slice: Held, index: number, issue: number) => void;
  readonly revoke: (of: Willed) => void;
};

export function lastWills(wills: Wills | undefined): LastWills | undefined {
  if (wills === undefined) return undefined;

  function ofSlice(slice: Held): void {
    const { task, home } = slice;
    if (task.again !== undefined) return;
    const { partition } = home;
    slice.will ??= wills?.make({ partition, text: lostText(task, triplesOf(task), false) });
  }

  return {
    ofSlice,
    ofSubJob(subJob, slice, index, issue) {
      const { task, home } = slice;
      if (task.again === undefined) ofSlice(slice);
      else {
        const text = lostText(task, [index, 1, issue], false);
        subJob.will = wills.make({ partition: home.partition, text });
      }
    },
    revoke({ will }) {
      if (will !== undefined) wills.revoke(will);
    },
  };
}
