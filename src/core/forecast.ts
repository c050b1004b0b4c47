/**
 * When a fan-out will be through, as far as its recent pace says. It is a simple rule, and says nothing rather than something made up.
 *
 * What is open, at the rate of the last seconds in which anything was settled: log time, so a stall slows it down. Before 30
 * are settled there is a number only if the job has an `estimate`: then it is what the slots do. It counts the sub-jobs that are
 * known; a split under way, and the steps after this one, come on top.
 */
export type Pace = {
  /** Sub-jobs without an outcome, and with one. */
  readonly open: number;
  readonly settled: number;
  /** Settled per second of log time, the last few: [second, count, …]. */
  readonly recent: readonly number[];
  /** How long one takes; undefined before anything is known. */
  readonly serviceMs: number | undefined;
  /** The job says how long one takes. */
  readonly isEstimated: boolean;
  /** How many run at once; 0 if nobody knows. */
  readonly slots: number;
};

/** Fewer say too little about the rest. */
const enough = 30;

/** In epoch ms; undefined where nothing can be said. */
export function forecastAt(pace: Pace, at: number): number | undefined {
  const { open, settled, serviceMs = 0, isEstimated, slots } = pace;
  if (open === 0) return at;
  if (settled >= enough) {
    const perMs = rateOf(pace.recent, at);
    return perMs === 0 ? undefined : Math.round(at + Math.max(open / perMs, serviceMs));
  }
  if (!isEstimated || slots === 0) return undefined;
  return Math.round(at + Math.ceil(open / slots) * serviceMs);
}

/** Per ms, from the first of the last seconds until now. */
function rateOf(recent: readonly number[], at: number): number {
  const [first] = recent;
  if (first === undefined) return 0;
  let count = 0;
  for (let n = 1; n < recent.length; n += 2) count += recent[n] ?? 0;
  return count / Math.max(1_000, at - first * 1_000);
}
