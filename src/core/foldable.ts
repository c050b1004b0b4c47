/** What folds take from a result, and what they say of anything else. All throw UsageError. */
import { UsageError } from "../errors.ts";
import { largestSummand } from "./exact-sum.ts";
import { limits } from "./limits.ts";

export function finite(value: unknown): number {
  if (Number.isFinite(value)) return Number(value) + 0; // -0 becomes 0, as it would in a snapshot.
  throw new UsageError(`expected a finite number, got ${named(value)}`);
}

export function summand(value: unknown): number {
  const number = finite(value);
  if (Math.abs(number) <= largestSummand) return number;
  throw new UsageError(`expected a number of at most 2 ** 990, got ${number}`);
}

export function comparable(value: unknown): number | string {
  if (typeof value === "string") return bounded(value);
  if (Number.isFinite(value)) return finite(value);
  throw new UsageError(`expected a finite number or a string, got ${named(value)}`);
}

export function countable(value: unknown): string {
  if (typeof value !== "string" || value === "__proto__")
    throw new UsageError(`expected a string (not "__proto__"), got ${named(value)}`);
  return bounded(value);
}

function bounded(text: string): string {
  if (text.length <= limits.keyLength) return text;
  throw new UsageError(`expected at most ${limits.keyLength} characters, got ${text.length}`);
}

export function tooManyKeys(): UsageError {
  return new UsageError(
    `expected at most ${limits.countByKeys} different keys; count by something coarser`,
  );
}

export function named(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}
