/** Reads a log that retention may have trimmed, and may trim further meanwhile. */
import type { Entry } from "../core/event.ts";
import { NotFoundError } from "../errors.ts";
import type { Log } from "../ports/log.ts";

/** Records from this offset on; where they are gone, from the first that is left (seed 16521: it may be trimmed again meanwhile). */
export async function readLeft(
  log: Pick<Log, "read">,
  partition: number,
  from: number,
  max: Parameters<Log["read"]>[2],
): Promise<readonly Entry[]> {
  try {
    return await log.read(partition, from, max);
  } catch (error) {
    const first: unknown = error instanceof NotFoundError ? error.details["first"] : undefined;
    if (typeof first !== "number" || first <= from) throw error;
    return readLeft(log, partition, first, max);
  }
}
