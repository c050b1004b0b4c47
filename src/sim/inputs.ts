/** Whether sub-jobs worked on the input they have: the simulator's results tell by which item they were made. */
import type { Draw } from "./draw.ts";
import type { SubJob } from "./model.ts";
import { resultOf, type Item, type Result } from "./program.ts";

/** Its success that counts is of another input, the one of the split or one that was corrected since. */
export function isOfOther(
  draw: Draw,
  at: { readonly run: string; readonly step: string; readonly key: string | undefined },
  { state, edited, result }: SubJob,
): boolean {
  const item = (edited === undefined ? { key: at.key } : edited.item) as Item | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- people.ts makes no others
  const made = result as Result | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the simulator's jobs return nothing else
  if (state !== "ok" || item === undefined || made === undefined) return false;
  return made.n !== resultOf(draw, at.run, at.step, item).n;
}
