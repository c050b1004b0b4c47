/** The list of runs as of now: what is written down of it, and what the log says since. */
import { decode, type Entry, type Recorded } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { NotFoundError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import type { RemovedRow, RunQuery, RunRow, Views } from "../ports/views.ts";
import { listed, runRows } from "../views/runs.ts";

export type Rows = ReadonlyMap<string, RunRow | RemovedRow>;

const none: Rows = new Map();
/** Records between the list and the end of the log that are read for one question; a list that is being made again has more. */
const behindAtMost = 20_000;
const page = { records: limits.readRecords, bytes: limits.readBytes };
/**
 * While it is read, others may write it: then it is read again, so often at most. In the end, what is laid over it may be
 * laid over rows that know it already; that changes them no more, since each event says what is, and not by how much.
 */
const attempts = 5;

/**
 * Resolves to the matching runs, newest start first, with all that the log said at the call.
 *
 * While the list is made anew, and so is far behind: to those it has already.
 */
export async function listRuns(
  { log, views, partitions }: Pick<Engine, "log" | "views" | "partitions">,
  query: RunQuery,
): Promise<readonly RunRow[]> {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const onEach = async (ask: (partition: number) => Promise<number>): Promise<readonly number[]> =>
    Promise.all(all.map(ask));
  let from = await onEach(views.checkpoint);
  for (let attempt = 1; ; attempt += 1) {
    const ends = await onEach(log.end);
    const parts = all.map((each) => changedSince(each, from[each] ?? 0, ends[each] ?? 0));
    const changed: Rows = new Map((await Promise.all(parts)).flatMap((part) => [...part]));
    const kept = await views.runs({ ...query, limit: query.limit + changed.size });
    const now = await onEach(views.checkpoint);
    const isSame = now.every((checkpoint, each) => checkpoint === from[each]);
    if (isSame || attempt === attempts) return listed(kept, changed, query);
    from = now;
  }

  async function changedSince(partition: number, checkpoint: number, end: number): Promise<Rows> {
    if (end <= checkpoint || end - checkpoint > behindAtMost) return none;
    const entries: Entry[] = [];
    try {
      while (checkpoint + entries.length < end) {
        const next = await log.read(partition, checkpoint + entries.length, page);
        if (next.length === 0) break;
        for (const entry of next) entries.push(entry);
      }
    } catch (error) {
      if (error instanceof NotFoundError) return none; // Trimmed, so others have written the list: their checkpoint says so.
      throw error;
    }
    return changedRows(views, entries);
  }
}

/** The last row of each run that these records change, which follow on what the views know. */
export async function changedRows(
  views: Pick<Views, "run">,
  entries: readonly Entry[],
): Promise<Rows> {
  const rows = new Map<string, RunRow | RemovedRow>();
  for (const entry of entries) {
    // Most records are outcomes, which the list does not show: they are not even parsed.
    if (!isOfRun(entry)) continue;
    const event = decode(entry);
    if (!("run" in event)) continue;
    const before = rows.get(event.run) ?? (isWhole(event) ? undefined : await views.run(event.run));
    const row = runRows(before, event);
    if (row !== undefined) rows.set(event.run, row);
  }
  return rows;
}

/** Makes the row, whatever it was: the store need not be asked. */
function isWhole({ type }: Recorded): boolean {
  return type === "run.began" || type === "run.delayed" || type === "run.removed";
}

function isOfRun({ text }: Entry): boolean {
  return text.startsWith('{"type":"run.') || text.startsWith('{"type":"step.');
}
