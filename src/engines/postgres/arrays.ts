/**
 * Texts and bytes on their way into PostgreSQL: arrays in its binary format, which costs neither quoting nor parsing, and
 * texts without the one character it refuses.
 *
 *   one int4 each: dimensions 1 · has nulls · element's type · count · lower bound 1, then per element its length (−1: null) and bytes
 */
import { encodeText } from "../text.ts";

const textType = 25;
const byteaType = 17;
const headBytes = 20;

/** Texts may hold NUL: they are escaped. */
export function textArray(values: readonly (string | undefined)[]): Buffer {
  return arrayOf(
    textType,
    values.map((value) => (value === undefined ? undefined : encodeText(value))),
  );
}

export function byteaArray(values: readonly (Uint8Array | undefined)[]): Buffer {
  return arrayOf(byteaType, values);
}

function arrayOf(type: number, values: readonly (string | Uint8Array | undefined)[]): Buffer {
  const lengths = values.map((value) =>
    value === undefined
      ? 0
      : typeof value === "string"
        ? Buffer.byteLength(value)
        : value.byteLength,
  );
  const bytes = lengths.reduce((sum, length) => sum + length, headBytes + 4 * values.length);
  const array = Buffer.allocUnsafe(bytes);
  const head = [1, values.includes(undefined) ? 1 : 0, type, values.length, 1];
  for (const [index, number] of head.entries()) array.writeInt32BE(number, 4 * index);
  let at = headBytes;
  for (const [index, value] of values.entries()) {
    const length = lengths[index] ?? 0;
    at = array.writeInt32BE(value === undefined ? -1 : length, at);
    if (typeof value === "string") array.write(value, at);
    else if (value !== undefined) array.set(value, at);
    at += length;
  }
  return array;
}

/** In the text format: numbers need no quoting. */
export function numberArray(values: readonly number[]): string {
  return `{${values.join()}}`;
}
