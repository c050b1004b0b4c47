/** What fuzzing needs: texts and values that are nearly right, and the one demand on whoever reads them. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { FanfoldError } from "../../src/errors.ts";

/**
 * Runs of one property, the same ones each time: what is red is red for everybody. For a long night, FANFOLD_FUZZ_RUNS multiplies
 * them and FANFOLD_FUZZ_SEED makes others.
 */
export const runs = (n: number): { readonly numRuns: number; readonly seed: number } => ({
  numRuns: n * Number(process.env["FANFOLD_FUZZ_RUNS"] ?? 1),
  seed: Number(process.env["FANFOLD_FUZZ_SEED"] ?? 1),
});

/** Words are short enough to read, and say nothing of our insides. */
const longestMessage = 2_000;

/** A value, or one of our own errors; what the act throws otherwise is thrown. Returns undefined where it was refused. */
export function valueOrRefusal<T>(act: () => T, ...codes: readonly string[]): T | undefined {
  try {
    return act();
  } catch (error) {
    mustBeOurs(error, codes);
    return undefined;
  }
}

export async function eventualValueOrRefusal<T>(
  act: () => Promise<T>,
  ...codes: readonly string[]
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    mustBeOurs(error, codes);
    return undefined;
  }
}

function mustBeOurs(error: unknown, codes: readonly string[]): void {
  if (!(error instanceof FanfoldError)) throw error;
  assert.ok(codes.includes(error.code), `code ${error.code}: ${error.message}`);
  assert.ok(error.message.length <= longestMessage, `${error.message.length} characters`);
}

/** Any text, and texts that were one of these before something happened to them. */
export function nearly(...good: readonly string[]): fc.Arbitrary<string> {
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.string({ unit: "grapheme", maxLength: 60 }),
    fc.constantFrom("", "\0", "__proto__", "constructor", "-0", "1e400", "NaN", "../..", "%2e", "\ud800", "🧾", "a".repeat(3_000)), // prettier-ignore
  );
  return fc.oneof(any, damaged(fc.constantFrom(...good)), fc.constantFrom(...good));
}

type Edit = { readonly at: number; readonly cut: number; readonly put: string };

/** The text after a few edits: cut off, cut out, put in, repeated. */
export function damaged(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const edit: fc.Arbitrary<Edit> = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.oneof(fc.nat(3), fc.constant(1_000_000)),
    put: fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom("-", "0", "9".repeat(20), '"', "{", "[", "]", "}", ",", "null", "\n", "?", "&", "%"), // prettier-ignore
    ),
  });
  return fc.tuple(text, fc.array(edit, { minLength: 1, maxLength: 4 })).map(([whole, edits]) => {
    let changed = whole;
    for (const { at, cut, put } of edits) {
      const from = Math.floor(at * changed.length);
      changed = changed.slice(0, from) + put + changed.slice(from + cut);
    }
    return changed;
  });
}

/** Values that are not what was expected, whatever that was. */
export const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, "", "x", "__proto__", 0, -1, 1.5, -0, 2 ** 31, 2 ** 53, 1e15, 1e300, [], {}), // prettier-ignore
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.array(fc.oneof(fc.integer(), fc.string({ maxLength: 3 })), { maxLength: 5 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}') as unknown), // prettier-ignore
);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The value with one or two places inside of it replaced, left out, or added: of the wrong type, too large, too small. */
export function twisted(good: unknown): fc.Arbitrary<unknown> {
  const twist = fc.record({
    path: fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
    how: fc.constantFrom("replace", "leave out", "add", "pollute"),
    value: strange,
  });
  return fc.array(twist, { minLength: 1, maxLength: 2 }).map((twists) => {
    let value = fresh(good);
    for (const { path, how, value: other } of twists)
      value = twistOf(value, path, how, fresh(other));
    return value;
  });
}

/** As it comes out of JSON, with nothing shared. */
function fresh(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function twistOf(
  value: Json,
  [first = 0, ...rest]: readonly number[],
  how: string,
  other: unknown,
): Json {
  // prettier-ignore
  if (typeof value !== "object" || value === null) return other as Json;
  const names = Object.keys(value);
  const name = names[first % Math.max(1, names.length)];
  if (name === undefined) return other as Json;
  if (how === "add") Reflect.set(value, `${name}x`, other);
  // As JSON.parse makes it: an own property of that name, and no prototype changed.
  else if (how === "pollute")
    Object.defineProperty(value, "__proto__", { value: other, enumerable: true, configurable: true, writable: true }); // prettier-ignore
  else if (rest.length > 0 && typeof Reflect.get(value, name) === "object")
    Reflect.set(value, name, twistOf(Reflect.get(value, name) as Json, rest, how, other));
  else if (how === "leave out" && !Array.isArray(value)) Reflect.deleteProperty(value, name);
  else Reflect.set(value, name, other);
  return value;
}

/** Bytes after a few of them were flipped, cut off, or put in. */
export function damagedBytes(good: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const flips = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(7)), {
    maxLength: 4,
  });
  const length = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1.2, noNaN: true }));
  return fc.tuple(good, flips, length).map(([bytes, bits, share]) => {
    const copy = new Uint8Array(Math.floor(bytes.length * share));
    copy.set(bytes.subarray(0, copy.length));
    for (const [at, bit] of bits) {
      const place = Math.min(copy.length - 1, Math.floor(at * copy.length));
      if (place >= 0) copy[place] = (copy[place] ?? 0) ^ (1 << bit);
    }
    return copy;
  });
}

/** No parsed key has reached a prototype. */
export function assertUnpolluted(): void {
  assert.equal(Reflect.get({}, "polluted"), undefined);
  assert.equal(Reflect.get([], "polluted"), undefined);
}
