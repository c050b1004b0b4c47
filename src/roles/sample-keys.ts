/** The keys of sub-jobs that a manager gave up on by itself: of poison, and of a result that a fold refused, it knows the number only. */
import type { Group } from "../core/failures.ts";
import type { StoredStep } from "../core/stored.ts";
import type { Engine } from "../ports/engine.ts";
import { pageAt } from "./directory.ts";
import { readPage } from "./pages.ts";

type Place = { readonly partition: number; readonly run: string; readonly step: string };

/** "#12" */
const number = /^#(\d+)$/;

/** The same steps; what failed in them can be looked up by the keys it is known by. Reads only where there is such a number. */
export async function withSampleKeys(
  engine: Pick<Engine, "log" | "store">,
  { partition, run }: Omit<Place, "step">,
  steps: readonly (StoredStep | undefined)[],
): Promise<readonly (StoredStep | undefined)[]> {
  const named: (StoredStep | undefined)[] = [];
  for (const step of steps)
    if (step?.kind !== "fan-out" || !step.groups.some(isNumbered)) named.push(step);
    else {
      const place = { partition, run, step: step.name };
      const groups: Group[] = [];
      for (const group of step.groups)
        groups.push(isNumbered(group) ? await withKeys(engine, place, group) : group);
      named.push({ ...step, groups });
    }
  return named;
}

function isNumbered({ keys }: Group): boolean {
  return keys.some((key) => number.test(key));
}

async function withKeys(
  engine: Pick<Engine, "log" | "store">,
  place: Place,
  group: Group,
): Promise<Group> {
  const keys: string[] = [];
  for (const key of group.keys) {
    const index = number.exec(key)?.[1];
    const found = index === undefined ? undefined : await keyAt(engine, place, Number(index));
    // Who calls sub-jobs so meant the key.
    keys.push(found === undefined || number.test(found) ? key : found);
  }
  return { ...group, keys: [...new Set(keys)] };
}

async function keyAt(
  { log, store }: Pick<Engine, "log" | "store">,
  { partition, run, step }: Place,
  index: number,
): Promise<string | undefined> {
  const offset = await pageAt(store, partition, run, step, index);
  const page = offset === undefined ? undefined : await readPage(log, partition, offset);
  return page?.keys[index - page.from];
}
