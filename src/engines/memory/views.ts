import { ConflictError } from "../../errors.ts";
import type { RunRow, Views } from "../../ports/views.ts";
import { matches, newestFirst } from "../../views/runs.ts";
import { checkPartition } from "./checks.ts";
import type { MemoryLog } from "./log.ts";

export function memoryViews(
  partitions: number,
  log: Pick<MemoryLog, "checkPast">,
): Views & { readonly copy: () => () => void } {
  const checkpoints = Array.from({ length: partitions }, () => 0);
  const rows = new Map<string, RunRow>();

  function checkpointOf(partition: number): number {
    checkPartition(partition, partitions);
    return checkpoints[partition] ?? 0;
  }

  return {
    copy() {
      const [were, had] = [[...checkpoints], [...rows]];
      return () => {
        checkpoints.splice(0, partitions, ...were);
        rows.clear();
        for (const [run, row] of had) rows.set(run, row);
      };
    },
    checkpoint: async (partition) => checkpointOf(partition),
    async apply(partition, { from, to, past, rows: changed }) {
      log.checkPast(partition, past);
      checkCheckpoint(partition, from, checkpointOf(partition));
      checkpoints[partition] = to;
      for (const row of changed)
        if (row.state === "removed") rows.delete(row.run);
        else rows.set(row.run, row);
    },
    run: async (run) => rows.get(run),
    async runs(query) {
      const matching = [...rows.values()].filter((row) => matches(row, query));
      return matching.toSorted(newestFirst).slice(0, query.limit);
    },
  };
}

export function checkCheckpoint(partition: number, from: number, current: number): void {
  if (from !== current)
    throw new ConflictError(
      `the views know partition ${partition} up to ${current}, rows from ${from} on do not fit`,
      { details: { partition, from, current } },
    );
}
