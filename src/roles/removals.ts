/** What retention keeps, and what it has removed lately. */
import { decode, typeIn } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import type { Plans } from "../core/plan.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Log } from "../ports/log.ts";
import { keptFlows, lookEveryMs } from "./retention.ts";
import { readLeft } from "./trimmed.ts";

/** A run that is gone because its retention was over. */
export type Removal = { readonly run: string; readonly flow: string; readonly at: number };

/** How long runs of which flows are kept, and what was removed lately. */
export type RetentionStatus = {
  /** The flows whose runs are not kept for ever: how long after their end, and how many ended ones are there for longer than that. */
  readonly kept: readonly {
    readonly flow: string;
    readonly ms: number;
    /** A thousand at most. Not 0 for long: nobody serves who would remove them. */
    readonly overdue: number;
  }[];
  /** The newest first, as far as the newest records of the log say: what is removed leaves nothing else behind. */
  readonly removed: readonly Removal[];
};

export type RetentionStatusOptions = {
  readonly engine: Pick<Engine, "log" | "views" | "partitions">;
  readonly clock: Clock;
  readonly plans: Plans;
};

const countedOverdue = 1_000;
/** A look and its removals take less. */
const patienceMs = 60_000;
const chunk = 500;
const readBytes = 8_388_608;
/** Large records come in several reads: no more than so many per partition. */
const readsAtMost = 32;

export async function retentionStatus(options: RetentionStatusOptions): Promise<RetentionStatus> {
  const { engine, clock, plans } = options;
  const kept = [];
  for (const { flow, ms } of keptFlows(plans)) {
    const endedBefore = clock.now() - ms - 2 * lookEveryMs(ms) - patienceMs;
    const rows = await engine.views.runs({ flow, endedBefore, limit: countedOverdue });
    kept.push({ flow, ms, overdue: rows.length });
  }
  const removed: Removal[] = [];
  for (let partition = 0; partition < engine.partitions; partition += 1)
    removed.push(...(await removalsIn(engine.log, partition)));
  return { kept, removed: removed.toSorted((a, b) => b.at - a.at) };
}

/** Of the newest records, those that say it; chunk by chunk from the end. */
async function removalsIn(
  log: Pick<Log, "read" | "end">,
  partition: number,
): Promise<readonly Removal[]> {
  const removed: Removal[] = [];
  const end = await log.end(partition);
  let reads = 0;
  for (let to = end; to > 0 && end - to < limits.removalsLooked && reads < readsAtMost;) {
    const from = Math.max(0, to - chunk);
    for (let next = from; next < to && reads < readsAtMost; reads += 1) {
      const max = { records: to - next, bytes: readBytes };
      const entries = await readLeft(log, partition, next, max);
      if ((entries[0]?.offset ?? 0) >= to) return removed; // Trimmed.
      for (const entry of entries) {
        if (entry.offset >= to || typeIn(entry) !== "run.removed") continue;
        const event = decode(entry);
        if (event.type === "run.removed")
          removed.push({ run: event.run, flow: event.flow, at: entry.at });
      }
      next = (entries.at(-1)?.offset ?? to - 1) + 1;
    }
    to = from;
  }
  return removed;
}
