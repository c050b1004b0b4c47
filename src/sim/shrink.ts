/** Makes a failing world as small as it can be and still fail: who reads it has less to read. */
import { simulate, type Smaller } from "./world.ts";
import { faultKinds } from "./weather.ts";

/** Tried in this order, each on top of what was kept of those before. */
const smallers: readonly Smaller[] = [
  { commands: 0 },
  { commands: 1 },
  { runs: 1 },
  { runs: 2 },
  { items: 3 },
  { items: 12 },
  { nodes: 1 },
  { nodes: 2 },
  { nodes: 3 },
  ...faultKinds.map((kind) => ({ without: [kind] })),
];

type Judge = (seed: number, smaller: Smaller) => Promise<readonly string[]>;

const violationsOf: Judge = async (seed, smaller) =>
  (await simulate(seed, smaller)).report.violations;

/** What can be taken smaller, or away, so that the seed still fails; with what it says then. */
export async function shrink(
  seed: number,
  given: Smaller = {},
  judge: Judge = violationsOf,
): Promise<{ readonly smaller: Smaller; readonly violations: readonly string[] }> {
  let kept = given;
  let violations = await judge(seed, kept);
  for (const smaller of smallers) {
    if (violations.length === 0) break;
    const names = Object.keys(smaller).filter((name) => name !== "without");
    if (names.some((name) => Reflect.has(kept, name))) continue;
    const next = {
      ...kept,
      ...smaller,
      without: [...(kept.without ?? []), ...(smaller.without ?? [])],
    };
    const said = await judge(seed, next);
    if (said.length === 0) continue;
    kept = next;
    violations = said;
  }
  return { smaller: kept, violations };
}

/** The arguments that repeat it. */
export function argumentsFor(
  seed: number,
  { without = [], nodes, runs, items, commands }: Smaller,
): string {
  const numbers = Object.entries({ nodes, runs, items, commands })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` --${name} ${value}`);
  const kinds = without.length === 0 ? "" : ` --without "${without.join(",")}"`;
  return `--seed ${seed}${numbers.join("")}${kinds}`;
}
