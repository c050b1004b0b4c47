/** What happened to a run, of a step of it, or as it concerns one sub-job. */
import { partitionOf } from "../core/ids.ts";
import { inRanges } from "../core/ranges.ts";
import { between } from "../define/work.ts";
import { historyOf, type HistoryEvent } from "../roles/history.ts";
import { noSubJob, removed } from "./deciding.ts";
import type { Node } from "./node.ts";

/** Of a step, or of one sub-job of it; of the whole run if nothing is said. */
export type HistoryOf<K extends string = string> = {
  readonly step?: K;
  /** Of a sub-job of that step. */
  readonly key?: string;
  /** So many events at most. Default 1,000. */
  readonly limit?: number;
};

/** Oldest first. Throws NotFoundError for a sub-job that is not there. */
export async function* history(
  node: Node,
  run: string,
  { step, key, limit = 1_000 }: HistoryOf,
): AsyncGenerator<HistoryEvent> {
  between(limit, 1, Number.MAX_SAFE_INTEGER, `limit of the history of run "${run}"`);
  const stored = await node.reader.run(run);
  if (stored === undefined) throw removed(run);
  let index: number | undefined;
  if (step !== undefined && key !== undefined) {
    index = await node.reader.indexOf(run, step, key);
    if (index === undefined) throw noSubJob(run, step, key);
  }
  const partition = partitionOf(run, node.engine.partitions);
  let left = limit;
  for await (const event of historyOf(node.engine.log, partition, stored)) {
    if (!concerns(event, step, index)) continue;
    yield event;
    left -= 1;
    if (left === 0) return;
  }
}

/** What people ask of a run concerns its steps, and, unless it names others, their sub-jobs. */
function concerns(event: HistoryEvent, step?: string, index?: number): boolean {
  if (step === undefined) return true;
  const isAsked = event.type.endsWith(".asked");
  const own = "step" in event ? event.step : undefined;
  if (own !== undefined && own !== step) return false;
  if (index === undefined) return isAsked || own === step;
  const named = "indices" in event ? event.indices : undefined;
  return isAsked && (named === undefined || inRanges(named)(index));
}
