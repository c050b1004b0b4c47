/** How far the attempts that run say they are: `ctx.progress`. Shown to people, never decided on. */
import type { Recorded } from "./event.ts";
import { limits } from "./limits.ts";

/** The last that one attempt said. */
export type Progress = {
  /** Of the sub-job; -1 for the body of a step, or the split. */
  readonly index: number;
  readonly done: number;
  readonly of?: number;
  /** The log's time. */
  readonly at: number;
};

/** Takes it in, in place: the newest of each, and at most limits.progress of those that spoke last. */
export function report(
  list: Progress[],
  { index, done, of, at }: Recorded & { readonly type: "sub-jobs.progressed" },
): void {
  const before = list.findIndex((one) => one.index === index);
  if (before !== -1) list.splice(before, 1);
  list.push(of === undefined ? { index, done, at } : { index, done, of, at });
  if (list.length > limits.progress) list.shift();
}

/** Forgets those that no longer run, in place. */
export function forget(list: Progress[], runs: (index: number) => boolean): void {
  if (list.length === 0) return;
  const kept = list.filter(({ index }) => runs(index));
  list.splice(0, list.length, ...kept);
}
