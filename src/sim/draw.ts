/**
 * Keyed randomness: every choice is a hash of who makes it, which of his choices it is, and what it is about. So taking one fault
 * away moves no other choice, and a failing seed can be shrunk.
 */
import { hashOf } from "../core/hash.ts";

export type Draw = {
  /** A number in [0, 1). */
  readonly unit: (...about: readonly (string | number)[]) => number;
  readonly chance: (rate: number, ...about: readonly (string | number)[]) => boolean;
  /** An integer from low to high, both included. */
  readonly between: (low: number, high: number, ...about: readonly (string | number)[]) => number;
  readonly pick: <T>(from: readonly [T, ...T[]], ...about: readonly (string | number)[]) => T;
};

export function drawer(seed: number): Draw {
  const unit = (...about: readonly (string | number)[]): number =>
    hashOf(`${seed}\0${about.join("\0")}`).h1 / 2 ** 32;
  const between = (low: number, high: number, ...about: readonly (string | number)[]): number =>
    low + Math.floor(unit(...about) * (high - low + 1));
  return {
    unit,
    chance: (rate, ...about) => rate > 0 && unit(...about) < rate,
    between,
    pick: (from, ...about) => from[between(0, from.length - 1, ...about)] ?? from[0],
  };
}

/** The same for the hot path, where the parts are numbers: [0, 1). */
export function unitOf(seed: number, actor: number, call: number, purpose: number): number {
  let h = seed ^ Math.imul(actor + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ Math.imul(call + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 13), 0x27d4eb2f) ^ Math.imul(purpose + 1, 0x165667b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
}
