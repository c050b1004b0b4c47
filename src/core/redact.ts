/**
 * What a job's `redact` hides: properties by name, wherever they stand.
 *
 *   redact: ["email", "address.street"]
 *   { id: 1, email: "a@b.c", to: [{ address: { street: "Hill 1", city: "Bern" } }] }
 *   { id: 1, email: "[redacted]", to: [{ address: { street: "[redacted]", city: "Bern" } }] }
 *
 * A path is the end of the way to a value; lists on the way do not count. So it holds for an input, for a result, and for what folds
 * make of results.
 */
import { UsageError } from "../errors.ts";
import type { Json } from "./event.ts";

const redactedText = "[redacted]";

/** Shorter texts are not looked for in messages: they stand everywhere. */
const leastSecret = 3;

/** The value with what the paths name replaced; the value itself where nothing is. */
export function redacted(value: Json, paths: readonly string[] | undefined): Json;
export function redacted(
  value: Json | undefined,
  paths: readonly string[] | undefined,
): Json | undefined;
export function redacted(
  value: Json | undefined,
  paths: readonly string[] | undefined,
): Json | undefined {
  if (value === undefined || paths === undefined || paths.length === 0) return value;
  return walk(value, pathsOf(paths), [], () => redactedText);
}

/** The message without the texts and numbers that the paths name in a value. */
export function withoutSecrets(
  message: string,
  value: Json,
  paths: readonly string[] | undefined,
): string {
  if (paths === undefined || paths.length === 0) return message;
  const secrets = new Set<string>();
  walk(value, pathsOf(paths), [], (hidden) => {
    collect(hidden, secrets);
    return hidden;
  });
  let clean = message;
  // The longest first: one may be a part of another.
  for (const secret of [...secrets].toSorted((a, b) => b.length - a.length))
    clean = clean.replaceAll(secret, redactedText);
  return clean;
}

/**
 * The value as it was meant by somebody who saw the other one redacted: where it says "[redacted]" of what the paths name, it has
 * what stands there in `before`.
 *
 * Throws UsageError where nothing stands there, or lists on the way have another length: then nobody knows what was meant.
 */
export function unredacted(value: Json, before: Json, paths: readonly string[] | undefined): Json {
  if (paths === undefined || paths.length === 0) return value;
  return restored(value, before, pathsOf(paths), []);
}

function restored(value: Json, before: Json | undefined, paths: readonly Path[], at: Path): Json {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) {
    const old = before !== undefined && isListOf(before, value.length) ? before : [];
    return mapped(value, (one, n) => restored(one, old[n], paths, at));
  }
  const old = typeof before === "object" && before !== null && !isList(before) ? before : {};
  const entries = Object.entries(value).map(([name, inner]): readonly [string, Json] => {
    const here = [...at, name];
    const was = Object.hasOwn(old, name) ? old[name] : undefined;
    if (inner !== redactedText || !paths.some((path) => isEnd(path, here)))
      return [name, restored(inner, was, paths, here)];
    if (was === undefined)
      throw new UsageError(
        `"${here.join(".")}" is ${redactedText}, and nothing stood there: say its value`,
      );
    return [name, was];
  });
  return Object.fromEntries(entries);
}

function isListOf(value: Json, length: number): value is readonly Json[] {
  return Array.isArray(value) && value.length === length;
}

type Path = readonly string[];

function pathsOf(paths: readonly string[]): readonly Path[] {
  return paths.map((path) => path.split("."));
}

function walk(value: Json, paths: readonly Path[], at: Path, hide: (hidden: Json) => Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (isList(value)) return mapped(value, (one) => walk(one, paths, at, hide));
  const before = Object.entries(value);
  const after = before.map(([name, inner]): readonly [string, Json] => {
    const here = [...at, name];
    const isHidden = paths.some((path) => isEnd(path, here));
    return [name, isHidden ? hide(inner) : walk(inner, paths, here, hide)];
  });
  // Not by assignment: a property may be called __proto__.
  return after.every(([, inner], n) => inner === before[n]?.[1])
    ? value
    : Object.fromEntries(after);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function mapped(list: readonly Json[], change: (one: Json, at: number) => Json): readonly Json[] {
  const changed = list.map(change);
  return changed.every((one, n) => one === list[n]) ? list : changed;
}

function isEnd(path: Path, at: Path): boolean {
  return (
    path.length <= at.length && path.every((name, n) => name === at[at.length - path.length + n])
  );
}

/** The texts and numbers in it, as a message would have them. */
function collect(value: Json, into: Set<string>): void {
  if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) collect(inner, into);
  else if (typeof value === "string" || typeof value === "number") {
    const text = String(value);
    if (text.length >= leastSecret) into.add(text);
  }
}
