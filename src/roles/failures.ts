/** What is given up on in all runs that are not over, and lately in others: read from their steps, a run at a time. */
import { partitionOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Plans } from "../core/plan.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Engine } from "../ports/engine.ts";
import { gatherFailures, type FailureQuery, type Failures } from "../views/failures.ts";
import { liveRuns, loadStoredRun, loadStoredSteps } from "./loading.ts";
import { listRuns } from "./run-list.ts";
import { withSampleKeys } from "./sample-keys.ts";

/** Takes as many reads as there are such runs; holds one of them at a time. */
export async function failuresIn(
  engine: Pick<Engine, "log" | "store" | "views" | "partitions">,
  plans: Plans,
  query: FailureQuery,
): Promise<Failures> {
  const { store, partitions } = engine;
  const gathering = gatherFailures(query);
  const add = async (partition: number, run: StoredRun): Promise<void> => {
    const steps = await loadStoredSteps(store, partition, run);
    const named = await withSampleKeys(engine, { partition, run: run.run }, steps);
    gathering.add(run, named, plans.get(run.flow));
  };
  for (let partition = 0; partition < partitions; partition += 1)
    for await (const run of liveRuns(store, partition)) await add(partition, run);
  const { since, flow, customer } = query;
  if (since === undefined) return { ...gathering.all(), isAll: true };
  const rows = await listRuns(engine, {
    states: ["done", "failed"],
    since,
    ...(flow === undefined ? {} : { flow }),
    ...(customer === undefined ? {} : { customer }),
    limit: limits.endedRunsLooked,
  });
  for (const { run: id } of rows) {
    const partition = partitionOf(id, partitions);
    const run = await loadStoredRun(store, partition, id);
    // One that goes on since the list was written is among those above, or will be.
    if (run?.endedAt !== undefined) await add(partition, run);
  }
  return { ...gathering.all(), isAll: rows.length < limits.endedRunsLooked };
}
