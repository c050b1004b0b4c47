/**
 * Plain JSON that is made of older plain JSON, again and again: an accumulator after each result.
 *
 * Going through all of it each time would cost a hundred thousand results a hundred thousand whole accumulators. So what was
 * found sound is frozen, all the way down, and remembered with its size: a new value costs what is new in it, which whoever
 * made it has paid for already. To check only now and then would cost less where `add` copies one flat record, but what is unsound in
 * between (a bigint, a cycle) could not be written to the store either, and would stop everybody's runs, not this one.
 */
import { limits } from "../core/limits.ts";
import { depthLimit, isKey, isLeaf, isPlain, plainJson } from "./json.ts";

type Measure = {
  /** Values in it, itself included. */
  readonly values: number;
  readonly levels: number;
};

/** Of what holds more than a few values; the others are gone through sooner than looked up. */
const measures = new WeakMap<object, Measure>();
const few = 16;

/** The value itself, deeply frozen. Throws UsageError in the words of plainJson, and for the same things. */
export function sound<T>(value: T, what: string): T {
  if (measured(value, 1) === undefined) plainJson(value, what);
  return value;
}

const leaf: Measure = { values: 1, levels: 0 };

/** Undefined if something in it cannot be stored, or it is too large. */
function measured(value: unknown, level: number): Measure | undefined {
  if (typeof value !== "object" || value === null) return isLeaf(value) ? leaf : undefined;
  const before = measures.get(value);
  if (before !== undefined) return before;
  if (level > depthLimit) return undefined; // A cycle ends here, too.
  let values = 1;
  let levels = 0;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const child = measured(value[index], level + 1);
      if (child === undefined) return undefined;
      values += child.values;
      levels = Math.max(levels, child.levels);
    }
  } else {
    if (!isPlain(value)) return undefined;
    for (const key in value) {
      if (!isKey(key)) return undefined;
      if (value[key] === undefined) continue;
      const child = measured(value[key], level + 1);
      if (child === undefined) return undefined;
      values += child.values;
      levels = Math.max(levels, child.levels);
    }
  }
  levels += 1;
  if (values > limits.payloadBytes || levels > depthLimit) return undefined;
  const measure = { values, levels };
  Object.freeze(value);
  if (values > few) measures.set(value, measure);
  return measure;
}
