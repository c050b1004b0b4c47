/** What may go wrong in a simulated world, and how often: drawn by the seed, each kind on or off by itself. */
import type { Draw } from "./draw.ts";

/** A kind of fault, as it is counted, and as it is taken away when a failing seed is shrunk. */
export const faultKinds = [
  "lost request",
  "lost answer",
  "repeated request",
  "slow call",
  "crash",
  "pause",
  "worker's clock",
  "log's clock",
  "lost hint",
  "lost queue",
  "failover",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export type Weather = {
  /** Calls take up to this, half on the way there and half on the way back. */
  readonly latencyMs: number;
  /** Per call; of the clocks and the queue: per second. */
  readonly rates: Readonly<Record<FaultKind, number>>;
};

const most: Readonly<Record<FaultKind, number>> = {
  "lost request": 0.05,
  "lost answer": 0.05,
  "repeated request": 0.05,
  "slow call": 0.01,
  crash: 0.004,
  pause: 0.002,
  "worker's clock": 0.05,
  "log's clock": 0.05,
  "lost hint": 0.5,
  "lost queue": 0.05,
  failover: 0.05,
};

export const clear: Weather = { latencyMs: 2, rates: each(() => 0) };

/** Without `healed` there is none of the faults that only the sweep can mend; only a server that is shared may come back from its past. */
export function drawWeather(
  draw: Draw,
  without: ReadonlySet<FaultKind>,
  { healed, isShared }: { readonly healed: boolean; readonly isShared: boolean },
): Weather {
  const rate = (kind: FaultKind): number => {
    if (without.has(kind) || (kind === "lost queue" && !healed)) return 0;
    if (kind === "failover" && !(healed && isShared)) return 0;
    return draw.chance(0.5, "weather", kind) ? most[kind] * draw.unit("rate", kind) : 0;
  };
  return { latencyMs: draw.pick([0, 1, 5, 20, 100], "weather", "latency"), rates: each(rate) };
}

/** A number for every kind. */
export function each(of: (kind: FaultKind) => number): Record<FaultKind, number> {
  const numbers: unknown = Object.fromEntries(faultKinds.map((kind) => [kind, of(kind)]));
  return numbers as Record<FaultKind, number>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one entry per kind
}
