/** Finds the place on a log by the time that stands on its records. */
import { NotFoundError } from "../errors.ts";
import type { Log } from "../ports/log.ts";

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
    const found = await recordAt(log, partition, middle);
    if (found.at !== undefined && found.at >= at) high = middle;
    else low = Math.max(low, found.next);
  }
  return low;
}

/** Without a time, it was trimmed; `next` is the first that may be looked for then. */
async function recordAt(log: Pick<Log, "read">, partition: number, offset: number) {
  try {
    const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
    return { at: entry?.at, next: offset + 1 };
  } catch (error) {
    const first: unknown = error instanceof NotFoundError ? error.details["first"] : undefined;
    if (typeof first !== "number" || first <= offset) throw error;
    return { at: undefined, next: first };
  }
}
