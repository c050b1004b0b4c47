/** Reads who has been told to come back later: jobs, and keys of limits. */
import { keys, prefixes } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { limitByKey, type JobPlan, type StepPlan } from "../core/plan.ts";
import { heldJobs, heldUntil } from "../core/stored-limits.ts";
import type { Store } from "../ports/store.ts";
import { longestHeld, type Holds } from "../views/limits.ts";
import type { KeyNames, Where } from "./key-names.ts";

/** As the manager of one partition, or of several, has stored it. Of the keys of a limit it looks at so many in each. */
export async function loadHolds(
  store: Pick<Store, "load" | "scan">,
  partitions: readonly number[],
  jobs: readonly JobPlan[],
): Promise<Holds> {
  const held = new Map<string, number>();
  const keysOf = new Map<string, Map<string, number>>();
  for (const partition of partitions) {
    const [tokens] = await store.load(partition, [keys.tokens]);
    if (typeof tokens === "string")
      for (const [job, until] of heldJobs(tokens)) put(held, job, until);
    for (const limit of keyedLimits(jobs)) {
      const prefix = prefixes.keys(limit);
      const found = keysOf.get(limit) ?? new Map<string, number>();
      keysOf.set(limit, found);
      for (const [name, value] of await store.scan(partition, prefix, limits.keysLooked))
        if (typeof value === "string") put(found, name.slice(prefix.length), heldUntil(value));
    }
  }
  return { jobs: held, keys: keysOf };
}

/** Looks for the names of those that are shown. */
export async function nameHeld(
  names: KeyNames,
  holds: Holds,
  where: Where,
  at: number,
): Promise<void> {
  const limit = limitByKey(where.plan.job);
  const held = limit === undefined ? [] : longestHeld(holds.keys.get(limit.name), at);
  const shown = held.slice(0, limits.keysNamed).map(([hash]) => hash);
  if (shown.length > 0) await names.find(where, shown);
}

/** The jobs of those that are fan-outs. */
export function jobsIn(steps: readonly StepPlan[]): readonly JobPlan[] {
  return steps.flatMap((step) => (step.kind === "fan-out" ? [step.job] : []));
}

function keyedLimits(jobs: readonly JobPlan[]): ReadonlySet<string> {
  const all = jobs.flatMap((job) => job.limits ?? []);
  return new Set(all.filter(({ key }) => key !== undefined).map(({ name }) => name));
}

/** The latest counts: a limit has a share in each partition, and each was told for itself. */
function put(held: Map<string, number>, name: string, until: number): void {
  held.set(name, Math.max(held.get(name) ?? 0, until));
}
