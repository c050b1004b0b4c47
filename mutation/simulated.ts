/**
 * The simulator as a net: the first world in which something is wrong, of those where the sweep and short time-outs heal what was
 * lost, and of those where nothing does. What heals itself hides bugs.
 */
import { simulate } from "../src/sim/world.ts";
import type { NetName, Seen } from "./nets.ts";

const seeds = Number(process.argv[2] ?? 200);
const began = performance.now();
const missing = new Set<NetName>(["simulator", "simulator, unhealed"]);

for (let seed = 1; seed <= seeds && missing.size > 0; seed += 1) {
  const { about, violations } = (await simulate(seed)).report;
  const net = about.includes(", healed") ? "simulator" : "simulator, unhealed";
  const [what] = violations;
  if (what === undefined || !missing.delete(net)) continue;
  const seconds = Math.round(performance.now() - began) / 1_000;
  const seen: Seen = { net, seed, seconds, what: what.split("\n", 1)[0] ?? "" };
  console.log(JSON.stringify(seen));
}
