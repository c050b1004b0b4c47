/** Chance that repeats: the same seed makes the same choices (not the same timing). */
export type Random = {
  /** From `least` to `most`, both included. */
  readonly whole: (least: number, most: number) => number;
  readonly one: <T>(of: readonly T[]) => T;
};

/** mulberry32 */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (least: number, most: number): number =>
    least + Math.floor(next() * (most - least + 1));
  return {
    whole,
    one(of) {
      const chosen = of[whole(0, of.length - 1)];
      if (chosen === undefined) throw new RangeError("nothing to choose from");
      return chosen;
    },
  };
}
