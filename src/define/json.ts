/** Plain JSON, in the types and at run time: the only thing that is ever stored. */
import { limits } from "../core/limits.ts";
import { UsageError } from "../errors.ts";

// ---- for the compiler

type IsAny<T> = 0 extends 1 & T ? true : false;
type Plain = string | number | boolean | null | undefined | void;
type Unstorable =
  | ((...args: never) => unknown)
  | symbol
  | bigint
  | Date
  | Error
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView;

/** Stands where the compiler should print a sentence. */
export interface Bad<M extends string> {
  readonly " ✗": M;
}

/** What T is after it was stored: itself, with a Bad in every place that cannot be. */
export type Stored<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? unknown
      : T extends Plain
        ? T
        : T extends Unstorable
          ? Bad<"cannot be stored">
          : { [K in keyof T]: Stored<T[K]> };

type Leaves<T> =
  T extends Bad<string>
    ? T
    : T extends Plain
      ? never
      : T extends readonly (infer E)[]
        ? Leaves<E>
        : T extends object
          ? { [K in keyof T]: Leaves<T[K]> }[keyof T]
          : never;

type HasBad<T> =
  IsAny<T> extends true
    ? false
    : unknown extends T
      ? false
      : [Extract<Leaves<T>, Bad<string>>] extends [never]
        ? false
        : true;

/** Intersect a callback with this, in place: the error then lands on that argument, in these words. */
export type MustStore<R> =
  HasBad<Stored<Awaited<R>>> extends true
    ? Bad<"the result is not plain JSON; return plain data (a Date as an ISO string)">
    : unknown;

/** The same for what a schema takes in. */
export type MustStoreInput<I> =
  HasBad<Stored<I>> extends true
    ? Bad<"the input is not plain JSON; take a Date as an ISO string and transform it in the schema">
    : unknown;

// ---- at run time

/** Levels of a value, at most. */
export const depthLimit = 64;

/**
 * Throws UsageError, naming the path of the first thing that cannot be stored:
 * `result of job "send-invoice": expected plain JSON, got a Date at .issued; return it as an ISO string`.
 *
 * Undefined properties are fine, storing drops them; so is undefined itself. Bounded: 64 levels, and no more values than
 * fit in limits.payloadBytes, so that shared references cannot explode.
 */
export function plainJson(value: unknown, what: string): void {
  if (value === undefined || walk(value, 0, limits.payloadBytes) >= 0) return;
  throw new UsageError(`${what}: ${complaint(value)}`);
}

/**
 * The text to store: checked, and at most limits.payloadBytes of UTF-8. Undefined is stored as null.
 *
 * Throws UsageError.
 */
export function store(value: unknown, what: string): string {
  if (value === undefined) return "null";
  plainJson(value, what);
  const text = JSON.stringify(value);
  if (text.length * 3 > limits.payloadBytes && utf8Bytes(text) > limits.payloadBytes) {
    throw new UsageError(
      `${what}: expected at most 1 MB (${limits.payloadBytes} bytes) as JSON, got ${utf8Bytes(text)} bytes; ${tooLarge}`,
    );
  }
  return text;
}

const tooLarge = "keep it in a file or object store and pass its address";

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

/**
 * How many more values may follow, or below zero if something cannot be stored.
 *
 * Runs for every sub-job, so it finds no path and builds nothing: complaint does, once something is wrong.
 */
function walk(value: unknown, depth: number, left: number): number {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? left - 1 : -1;
    case "number":
      return Number.isFinite(value) ? left - 1 : -1;
    case "boolean":
      return left - 1;
    case "bigint":
    case "function":
    case "symbol":
    case "undefined":
      return -1;
    case "object":
      break;
  }
  if (value === null) return left - 1;
  if (depth === depthLimit) return -1;
  let rest = left - 1;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && rest >= 0; index++)
      rest = walk(value[index], depth + 1, rest);
    return rest;
  }
  if (!isPlain(value)) return -1;
  for (const key in value) {
    if (!isKey(key)) return -1;
    const child = value[key];
    if (child !== undefined) rest = walk(child, depth + 1, rest);
    if (rest < 0) return -1;
  }
  return rest;
}

export function isKey(key: string): boolean {
  return key !== "__proto__" && key.isWellFormed();
}

/** True of what has nothing inside and can be stored. */
export function isLeaf(value: unknown): boolean {
  return walk(value, depthLimit, 1) >= 0;
}

/** True of object literals, of Object.create(null), and of literals from another realm (vm, jest). */
export function isPlain(value: object): value is Record<string, unknown> {
  const proto: unknown = Object.getPrototypeOf(value);
  if (proto === Object.prototype || proto === null) return true;
  return (
    typeof proto === "object" &&
    Object.getPrototypeOf(proto) === null &&
    Object.hasOwn(proto, "isPrototypeOf")
  );
}

/** The same walk, slowly, for its words. */
function complaint(value: unknown): string {
  const found = search(value, { path: [], above: [] }, { left: limits.payloadBytes });
  if (found === undefined)
    return `expected at most 1 MB as JSON, got more values than fit; ${tooLarge}`;
  const at = found.path.length === 0 ? "" : ` at ${pathText(found.path)}`;
  return `expected plain JSON, got ${found.got}${at}; ${found.instead}`;
}

type Place = { readonly path: readonly PropertyKey[]; readonly above: readonly object[] };
type Odd = { readonly got: string; readonly instead: string };

function search(
  value: unknown,
  place: Place,
  budget: { left: number },
): (Odd & { readonly path: readonly PropertyKey[] }) | undefined {
  if (--budget.left < 0) return undefined;
  const odd = oddity(value, place);
  if (odd !== undefined) return { ...odd, path: place.path };
  if (typeof value !== "object" || value === null) return undefined;
  const above = [...place.above, value];
  for (const [key, child] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (child === undefined && !Array.isArray(value)) continue;
    const found = search(child, { path: [...place.path, key], above }, budget);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is wrong with the value itself, its key included. */
function oddity(value: unknown, { path, above }: Place): Odd | undefined {
  const key = path.at(-1);
  if (key === "__proto__") return { got: `a key "__proto__"`, instead: "rename it" };
  if (typeof key === "string" && !key.isWellFormed())
    return { got: "half a character in a key", instead: "cut strings between characters" };
  switch (typeof value) {
    case "string":
      if (value.isWellFormed()) return undefined;
      return { got: "half a character in a string", instead: "cut strings between characters" };
    case "number":
      if (Number.isFinite(value)) return undefined;
      return { got: String(value), instead: "use null or a string" };
    case "boolean":
      return undefined;
    case "undefined":
      return { got: "undefined in an array", instead: "use null" };
    case "bigint":
    case "symbol":
      return { got: `a ${typeof value}`, instead: "use a string" };
    case "function":
      return { got: "a function", instead: "leave it out" };
    case "object":
      return value === null ? undefined : oddObject(value, above);
  }
}

function oddObject(value: object, above: readonly object[]): Odd | undefined {
  if (above.includes(value)) return { got: "a cycle", instead: "refer back by an id" };
  if (above.length === depthLimit)
    return { got: `more than ${depthLimit} levels`, instead: "use a flatter shape" };
  if (Array.isArray(value) || isPlain(value)) return undefined;
  if (value instanceof Date) return { got: "a Date", instead: "return it as an ISO string" };
  if (value instanceof Map) return { got: "a Map", instead: "use Object.fromEntries(map)" };
  if (value instanceof Set) return { got: "a Set", instead: "use [...set]" };
  if (value instanceof Promise) return { got: "a promise", instead: "await it" };
  const of =
    "constructor" in value && typeof value.constructor === "function" ? value.constructor.name : "";
  return {
    got: of === "" ? "an instance of a class" : `an instance of ${of}`,
    instead: "use a plain object",
  };
}

/** ["lines", 3, "unit price"] → `.lines[3]["unit price"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => {
      if (typeof part === "number") return `[${part}]`;
      const name = String(part);
      return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;
    })
    .join("");
}
