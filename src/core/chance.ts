import { hashOf } from "./hash.ts";

/**
 * A number in [0, 1) that looks drawn by lot and is always the same for the same parts.
 *
 * It is what `decide` uses where it needs chance: the parts are the identity of the event at hand, say partition, offset
 * and index, so that deciding it again draws the same number. 53 bits; not for secrets. A number and its text count as equal.
 */
export function chance(...parts: readonly (string | number)[]): number {
  const { h1, h2 } = hashOf(parts.join("\0")); // With a separator, ("a", 11) and ("a1", 1) differ.
  return (h1 * 2 ** 21 + (h2 >>> 11)) / 2 ** 53;
}
