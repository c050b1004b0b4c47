/**
 * What deadlines closed or cancelled. The record that says so stands a little behind the one that brought it about, and which one
 * that was depends on when the deadline was set. So from the first moment on at which it may have been, what is open may be cancelled.
 */
import { cancelled, open } from "./model.ts";
import type { Row } from "./store.ts";

type Told = {
  readonly run: string;
  readonly offset: number;
  readonly at: number;
  readonly deadlineAt?: number;
  readonly atDeadline?: string;
};
type Step = { closed: boolean; readonly masks: number[] };
type Run = { readonly steps: ReadonlyMap<string, Step> };

export type Late = { readonly run: string; readonly offset: number; readonly deadlineAt: number };

/** Those that ended something, in the order of the log. */
export function latesIn(rows: Iterable<Row>, told: (row: Row) => Told): readonly Late[] {
  const lates: Late[] = [];
  for (const row of rows) {
    if (!row.text.startsWith('{"type":"run.late"')) continue;
    const { run, offset, deadlineAt, atDeadline } = told(row);
    if (atDeadline === "close" || atDeadline === "cancel")
      lates.push({ run, offset, deadlineAt: Number(deadlineAt) });
  }
  return lates;
}

/** Called with every record before it is taken in. */
export function widenedBy(
  lates: readonly Late[],
  runs: ReadonlyMap<string, Run>,
): (e: Told) => void {
  return ({ offset, at }) => {
    for (const late of lates) {
      if (late.deadlineAt > at || offset > late.offset) continue;
      for (const step of runs.get(late.run)?.steps.values() ?? []) {
        step.closed ||= offset === late.offset;
        for (const [index, mask] of step.masks.entries())
          if ((mask & open) > 0) step.masks[index] = mask | cancelled;
      }
    }
  };
}
