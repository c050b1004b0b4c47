/**
 * A sum of numbers that does not depend on the order of adding them.
 *
 * (0.1 + 0.2) + 0.3 is not 0.1 + (0.2 + 0.3): every addition rounds. Cents as integers never notice, and stay one number
 * here while the sum is a safe integer. Anything else is kept as an expansion: a short list of numbers that add up to the
 * sum exactly, none overlapping another, smallest first. Only reading it rounds, once, to the nearest number, so equal sets
 * of summands give equal sums, bit for bit.
 *
 *   0.1 + 0.2 + 0.3  →  [-2.7755575615628914e-17, 0.6]  →  0.6
 *
 * Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997, in the
 * form of Python's math.fsum. Numbers of like size make a handful of parts; since no two parts touch, there can be about a
 * thousand at the very most, from numbers of one bit each, all over the range.
 */

/** A safe integer, or the parts. Plain JSON. */
export type ExactSum = number | number[];

/** With limits.subJobs summands below this, no partial sum can overflow, in any order. */
export const largestSummand: number = 2 ** 990;

/** Adds a finite number of at most largestSummand; updates an expansion in place. */
export function addExactly(sum: ExactSum, summand: number): ExactSum {
  if (typeof sum === "number") {
    const integer = sum + summand;
    // A safe result of two integers is exact. (2 ** 52 + 0.5 is safe and is not: hence the first condition.)
    if (Number.isInteger(summand) && Number.isSafeInteger(integer)) return integer;
    return grow(sum === 0 ? [] : [sum], summand);
  }
  return grow(sum, summand);
}

/** Each part takes what it can of the carried number; the rounding errors stay behind, exact. */
function grow(parts: number[], summand: number): number[] {
  let carried = summand;
  let kept = 0;
  for (const part of parts) {
    const [large, small] = Math.abs(carried) < Math.abs(part) ? [part, carried] : [carried, part];
    carried = large + small;
    const lost = small - (carried - large);
    if (lost !== 0) parts[kept++] = lost;
  }
  parts.length = kept;
  if (carried !== 0) parts.push(carried);
  return parts;
}

/** The number nearest to the sum; of two equally near, the even one. */
export function rounded(sum: ExactSum): number {
  if (typeof sum === "number") return sum;
  let at = sum.length - 1;
  let total = sum[at] ?? 0;
  let lost = 0;
  while (at > 0 && lost === 0) {
    const part = sum[--at] ?? 0;
    const before = total;
    total = before + part;
    lost = part - (total - before);
  }
  // Half-way, and the parts below say to which side: adding twice what was lost shows whether that is exact.
  const below = sum[at - 1] ?? 0;
  if ((lost < 0 && below < 0) || (lost > 0 && below > 0)) {
    const next = total + lost * 2;
    if (next - total === lost * 2) return next;
  }
  return total;
}
