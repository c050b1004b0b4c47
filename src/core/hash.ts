/** 64 bits of hash as two unsigned 32-bit numbers. */
export type Hash = { readonly h1: number; readonly h2: number };

/**
 * A hash of a text, stable for ever: index rows, partitions and jitter are derived from it.
 *
 * Two 32-bit lanes over two code units at a time, each stirred into the other, and MurmurHash3's finisher at the end. Not
 * cryptographic: whoever chooses texts can make two collide, so it may decide where to look, never what is true. Written
 * for 32-bit integers because BigInt is 50 times slower; about 20 ns for ten characters (bench/key-index.ts).
 */
export function hashOf(text: string): Hash {
  const { length } = text;
  let a = 0x9e3779b9 ^ length;
  let b = 0x85ebca6b;
  for (let at = 0; at < length; at += 2) {
    const word = text.charCodeAt(at) | (at + 1 < length ? text.charCodeAt(at + 1) << 16 : 0);
    a = Math.imul(a ^ word, 0xcc9e2d51);
    b = Math.imul(b ^ word, 0x1b873593);
    a = (((a << 15) | (a >>> 17)) + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
  }
  a = finish(a);
  b = finish(b ^ a);
  return { h1: (a ^ b) >>> 0, h2: b >>> 0 };
}

/** Every bit of the input moves every bit of the output with probability one half. Source: MurmurHash3, fmix32. */
function finish(bits: number): number {
  let h = bits;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
