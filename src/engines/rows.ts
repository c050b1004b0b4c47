/** Rows of a database are parsed where they are read: a value of another type is damage. */
import { assert } from "../errors.ts";
import { decodeText } from "./text.ts";

export type Row = Readonly<Record<string, unknown>>;

export function numberIn(row: Row | undefined, column: string): number {
  const value = row?.[column];
  assert(typeof value === "number", `column ${column} holds a number`);
  return value;
}

/** As encodeText gave it. */
export function textIn(row: Row | undefined, column: string): string {
  const value = row?.[column];
  assert(typeof value === "string", `column ${column} holds text`);
  return decodeText(value);
}

/** A bound as a database takes it: whole, and not infinite. */
export function limitOf(max: number): number {
  return Math.max(0, Math.min(Math.floor(max), 2 ** 31 - 1));
}
