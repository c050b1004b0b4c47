/**
 * Checks of what came from outside: a shape takes a value apart and returns a fresh one of its type, or says what is wrong.
 *
 *   const take = record({ worker: text(200), max: integer(1, 1_000) });
 *   take({ worker: "w", max: 0 }, "body");   // UsageError: body.max must be an integer from 1 to 1000, got 0
 *
 * A record refuses fields it does not know: a misspelt option is an error, not a surprise, and nothing slips through to
 * where it might mean something.
 */
import type { Json } from "../core/event.ts";
import { UsageError } from "../errors.ts";

/** Throws UsageError, with the path in it. */
export type Shape<T> = (value: unknown, at: string) => T;

/** What a shape returns. */
export type Of<S> = S extends Shape<infer T> ? T : never;

/** A field that may be missing. */
export type Optional<T> = Shape<T> & { readonly optional: true };

type Fields = Readonly<Record<string, Shape<unknown>>>;
type OptionalNames<F> = { [K in keyof F]: F[K] extends Optional<unknown> ? K : never }[keyof F];
type RecordOf<F extends Fields> = {
  readonly [K in Exclude<keyof F, OptionalNames<F>>]: Of<F[K]>;
} & { readonly [K in OptionalNames<F>]?: Of<F[K]> };

/** For `satisfies`: every field of T, optional where it is optional there. A field added to T later is a compile error here. */
export type FieldsOf<T> = {
  readonly [K in keyof T]-?: undefined extends T[K]
    ? Optional<Exclude<T[K], undefined>>
    : Partial<Pick<T, K>> extends Pick<T, K>
      ? Optional<T[K]>
      : Shape<T[K]>;
};

export function text(most: number): Shape<string> {
  return (value, at) => {
    if (typeof value === "string" && value.length <= most) return value;
    throw refusal(at, `a string of at most ${most} characters`, value);
  };
}

export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, at) => {
    if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most)
      return Number(value);
    throw refusal(at, `an integer from ${least} to ${most}`, value);
  };
}

/** Epoch ms, fractions allowed. */
export function instant(value: unknown, at: string): number {
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw refusal(at, "a finite number, not below 0", value);
}

export function flag(value: unknown, at: string): boolean {
  if (typeof value === "boolean") return value;
  throw refusal(at, "true or false", value);
}

export function oneOf<const T extends string>(...words: readonly T[]): Shape<T> {
  return (value, at) => {
    const found = words.find((word) => word === value);
    if (found !== undefined) return found;
    throw refusal(at, `one of ${words.map((word) => `"${word}"`).join(", ")}`, value);
  };
}

export function list<T>(item: Shape<T>, most: number): Shape<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw refusal(at, "a list", value);
    if (value.length > most) throw refusal(at, `a list of at most ${most}`, value);
    return value.map((each, index) => item(each, `${at}[${index}]`));
  };
}

/** Any JSON, but no key that reaches an object's prototype when somebody copies it. Depth is bounded before parsing. */
export function json(value: unknown, at: string): Json {
  if (Array.isArray(value)) {
    for (const each of value) json(each, at);
  } else if (isRecord(value)) {
    for (const [key, each] of Object.entries(value)) {
      if (key === "__proto__") throw new UsageError(`${at} has a key "__proto__"`);
      json(each, at);
    }
  } else if (typeof value === "number" && !Number.isFinite(value)) {
    throw refusal(at, "a number that JSON can carry", value);
  }
  return value as Json; // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse made it, and we looked at all of it
}

/** Free keys, values of one shape. */
export function entries<T>(each: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, at) => {
    json(value, at);
    if (!isRecord(value)) throw refusal(at, "an object", value);
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, each(one, `${at}.${key}`)]),
    );
  };
}

export function optional<T>(shape: Shape<T>): Optional<T> {
  const same: Shape<T> = (value, at) => shape(value, at);
  return Object.assign(same, { optional: true as const });
}

export function record<F extends Fields>(fields: F): Shape<RecordOf<F>> {
  return (value, at) => {
    if (!isRecord(value)) throw refusal(at, "an object", value);
    for (const name of Object.keys(value))
      if (!Object.hasOwn(fields, name)) throw unknownField(name, at, Object.keys(fields));
    const result: Record<string, unknown> = {};
    for (const [name, shape] of Object.entries(fields)) {
      if (Object.hasOwn(value, name)) result[name] = shape(value[name], `${at}.${name}`);
      else if (!("optional" in shape)) throw new UsageError(`${at}.${name} is missing`);
    }
    return result as RecordOf<F>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every field was checked above, and there is no other
  };
}

/** One of several records, told apart by the word in `kind`. */
export function byKind<T>(shapes: Readonly<Record<string, Shape<T>>>): Shape<T> {
  const kind = oneOf(...Object.keys(shapes));
  return (value, at) => {
    if (!isRecord(value)) throw refusal(at, "an object", value);
    const shape = shapes[kind(value["kind"], `${at}.kind`)];
    if (shape === undefined) throw refusal(`${at}.kind`, "a known kind", value["kind"]);
    return shape(value, at);
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownField(name: string, at: string, known: readonly string[]): UsageError {
  return new UsageError(
    `${at} has an unknown field ${shown(name)}: it knows ${known.map((field) => `"${field}"`).join(", ")}`,
  );
}

function refusal(at: string, expected: string, got: unknown): UsageError {
  return new UsageError(`${at} must be ${expected}, got ${shown(got)}`);
}

/** Short and harmless, whatever it is. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isRecord(value)) return "an object";
  if (typeof value === "string" && value.length > 40)
    return `a string of ${value.length} characters`;
  return JSON.stringify(value) ?? "nothing";
}
