/** Keeps the list of runs: reads the log with a checkpoint of its own, so that the list can be thrown away and made again. */
import type { Entry } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { NotFoundError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Role } from "./role.ts";
import { changedRows } from "./run-list.ts";

/**
 * Records that change no row and are not written down as read: most are outcomes, and a transaction for each commit of theirs
 * would be one for nothing. Who comes after reads so many again, and finds nothing in them again.
 */
const unmarkedAtMost = 200;
/** What is written down is a moment behind, and whoever asks reads the rest; to look at each commit of a run that is under way would cost as much as to decide on it. */
const restMs = 25;

export function projector({
  engine,
  clock,
  partition,
}: {
  readonly engine: Engine;
  readonly clock: Pick<Clock, "now">;
  readonly partition: number;
}): Role {
  /** How far the list is written down, and how far it was read since, of which past. */
  let known: { readonly applied: number; readonly read: number; readonly past: string } | undefined;
  let restsUntil = 0;
  return {
    name: `projector ${partition}`,
    hints: ["state"],
    partition,
    restsUntil: () => restsUntil,
    async tick() {
      const at = known ?? (await applied());
      known = undefined; // If anything below throws, the store is asked again.
      const { past } = at;
      const entries = await readFrom(at.read, past);
      if (entries === undefined) return 1;
      const rows = await changedRows(engine.views, entries);
      const read = at.read + entries.length;
      const isDue = rows.size > 0 || read - at.applied > unmarkedAtMost;
      if (isDue)
        await engine.views.apply(partition, {
          from: at.applied,
          to: read,
          past,
          rows: [...rows.values()],
        });
      known = { applied: isDue ? read : at.applied, read, past };
      if (entries.length > 0 && entries.length < limits.readRecords)
        restsUntil = clock.now() + restMs;
      return entries.length;
    },
  };

  /** undefined: another process has written the list, and what it has read was trimmed; the store knows how far that is. */
  async function readFrom(from: number, past: string): Promise<readonly Entry[] | undefined> {
    try {
      const max = { records: limits.readRecords, bytes: limits.readBytes, past };
      return await engine.log.read(partition, from, max);
    } catch (error) {
      if (error instanceof NotFoundError && (await engine.views.checkpoint(partition)) > from)
        return undefined;
      throw error;
    }
  }

  async function applied() {
    const past = await engine.log.past(partition);
    const checkpoint = await engine.views.checkpoint(partition);
    return { applied: checkpoint, read: checkpoint, past };
  }
}
