/** The keys of sub-jobs that a manager gave up on by itself: of poison, and of a result that a fold refused, it knows the number only. */
import type { StoredFanOut, StoredStep } from "../core/stored.ts";
import type { Engine } from "../ports/engine.ts";
import { pageAt, type StepPlace } from "./directory.ts";
import type { ItemPage } from "./pages.ts";

/** "#12" */
const number = /^#(\d+)$/;

/** The same steps; what failed in them can be looked up by the keys it is known by. Reads only where there is such a number. */
export async function withSampleKeys(
  engine: Pick<Engine, "log" | "store">,
  place: Omit<StepPlace, "step">,
  steps: readonly (StoredStep | undefined)[],
): Promise<readonly (StoredStep | undefined)[]> {
  const named: (StoredStep | undefined)[] = [];
  for (const step of steps)
    if (step?.kind !== "fan-out") named.push(step);
    else {
      const known = await keysIn(engine, place, step);
      const keyOf = (key: string): string => known.get(key) ?? key;
      const groups = step.groups.map((group) => ({
        ...group,
        keys: [...new Set(group.keys.map(keyOf))],
      }));
      named.push({ ...step, groups });
    }
  return named;
}

/** By "#12". They are looked up in their order, so that each page is read once. */
async function keysIn(
  engine: Pick<Engine, "log" | "store">,
  place: Omit<StepPlace, "step">,
  { name, groups, size }: StoredFanOut,
): Promise<ReadonlyMap<string, string>> {
  const all = new Set(
    groups.flatMap(({ keys }) => keys.map((key) => Number(number.exec(key)?.[1]))),
  );
  const found = new Map<string, string>();
  let page: ItemPage | undefined;
  for (const index of [...all].filter((one) => one < size).toSorted((a, b) => a - b)) {
    if (page === undefined || index >= page.from + page.keys.length)
      page = await pageAt(engine, { ...place, step: name }, index);
    const key = page?.keys[index - page.from];
    // Who calls sub-jobs so meant the key.
    if (key !== undefined && !number.test(key)) found.set(`#${index}`, key);
  }
  return found;
}
