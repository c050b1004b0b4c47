/** Finds the place on a log by the time that stands on its records. */
import type { Log } from "../ports/log.ts";
import { readLeft } from "./trimmed.ts";

/**
 * The offset of the first record that is not older than `at` (epoch ms), of those that are still there; the end if all are.
 *
 * The time of a log never falls (L3), so it halves what is left: a thousand million records are thirty reads of one.
 */
export async function offsetAt(
  log: Pick<Log, "read" | "end">,
  partition: number,
  at: number,
): Promise<number> {
  let low = 0;
  let high = await log.end(partition);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [found] = await readLeft(log, partition, middle, { records: 1, bytes: 1 });
    if (found !== undefined && found.offset > middle) low = found.offset; // What was before it is gone.
    else if (found !== undefined && found.at >= at) high = middle;
    else low = middle + 1;
  }
  return low;
}
