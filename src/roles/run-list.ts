/** The list of runs as of now: what is written down of it, and what the log says since. */
import { decode, type Entry } from "../core/event.ts";
import { NotFoundError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import type { RemovedRow, RunQuery, RunRow, Views } from "../ports/views.ts";
import { listed, runRows } from "../views/runs.ts";

export type Rows = ReadonlyMap<string, RunRow | RemovedRow>;

const none: Rows = new Map();
/** Records between the list and the end of the log that are read for one question; a list that is being made again has more. */
const behindAtMost = 20_000;
const page = { records: 5_000, bytes: 16_777_216 };
/** While it is read, others may write it: then it is read again, so often at most. */
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
  const checkpoints = async (): Promise<readonly number[]> =>
    Promise.all(all.map(views.checkpoint));
  let from = await checkpoints();
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    const parts = await Promise.all(all.map((each) => changedSince(each, from[each] ?? 0)));
    const changed: Rows = new Map(parts.flatMap((part) => [...part]));
    const kept = await views.runs({ ...query, limit: query.limit + changed.size });
    const now = await checkpoints();
    if (now.every((checkpoint, each) => checkpoint === from[each]))
      return listed(kept, changed, query);
    from = now;
  }
  return views.runs(query);

  async function changedSince(partition: number, checkpoint: number): Promise<Rows> {
    const end = await log.end(partition);
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
    const before = rows.get(event.run) ?? (await views.run(event.run));
    const row = runRows(before, event);
    if (row !== undefined) rows.set(event.run, row);
  }
  return rows;
}

function isOfRun({ text }: Entry): boolean {
  return text.startsWith('{"type":"run.') || text.startsWith('{"type":"step.');
}
