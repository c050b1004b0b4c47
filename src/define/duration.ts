/** Durations and percentages as people write them, read once, here. Everything inside is a number with its unit in its name. */
import type { Tolerance } from "../core/plan.ts";
import type { Rate } from "../core/throttle.ts";
import { UsageError } from "../errors.ts";

/** A length of time: "500ms", "90s", "5m", "2h", "3d". */
export type Duration = `${number}${"ms" | "s" | "m" | "h" | "d"}`;
/** So many per second, minute or hour. */
export type RateText = `${number}/${"s" | "m" | "h"}`;
/** A share: "1%", "0.5%". */
export type Percent = `${number}%`;

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Longest duration that is believed: what is longer is a slip of the unit. */
const longestMs = 3_650 * unitMs.d;

/**
 * "90s" → 90000. Whole ms, from 0 up to ten years; `what` names the setting in the error.
 *
 * Throws UsageError.
 */
export function durationMs(text: Duration, what: string): number {
  const [, amount, unit] = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (amount === undefined || !isUnit(unit)) {
    throw new UsageError(
      `${what} must be a duration such as "500ms", "90s", "5m", "2h" or "3d", got ${shown(text)}`,
    );
  }
  const ms = Math.round(Number(amount) * unitMs[unit]);
  if (ms > longestMs) throw new UsageError(`${what} must be at most "3650d", got "${text}"`);
  return ms;
}

/** As durationMs, and above zero. */
export function positiveMs(text: Duration, what: string): number {
  const ms = durationMs(text, what);
  if (ms === 0) throw new UsageError(`${what} must be at least "1ms", got "${text}"`);
  return ms;
}

/** From `now` on, or the instant itself, in epoch ms. Throws UsageError. */
export function instantOf(
  deadline: Duration | Date | undefined,
  now: number,
  what: string,
): number | undefined {
  if (deadline === undefined) return undefined;
  if (!(deadline instanceof Date)) return Math.round(now) + durationMs(deadline, what);
  const at = deadline.getTime();
  if (Number.isNaN(at)) throw new UsageError(`${what} is not a date: got an invalid Date`);
  return at;
}

/** "50/s" → 50 in 1000 ms. Throws UsageError. */
export function rateOf(text: RateText, what: string): Rate {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,6})?)\/(s|m|h)$/.exec(text) ?? [];
  if (amount !== undefined && isUnit(unit) && Number(amount) > 0)
    return { count: Number(amount), perMs: unitMs[unit] };
  throw new UsageError(`${what} must be such as "50/s", "100/m" or "1000/h", got ${shown(text)}`);
}

/** "1%" as a number from 0 to 1. Throws UsageError. */
export function share(value: Percent, what: string): number {
  const percent = percentIn(value);
  if (percent !== undefined) return percent / 100;
  throw new UsageError(`${what} must be a share from "0%" to "100%", got ${shown(value)}`);
}

function percentIn(value: string): number | undefined {
  const [, amount] = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(value) ?? [];
  return amount !== undefined && Number(amount) <= 100 ? Number(amount) : undefined;
}

/** How many failures are tolerated: 3, or "1%" of the total. Throws UsageError. */
export function tolerance(value: number | Percent, what: string): Tolerance {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value) && value >= 0) return { count: value };
  } else {
    const percent = percentIn(value);
    if (percent !== undefined) return { percent };
  }
  throw new UsageError(
    `${what} must be a whole number from 0, or a share from "0%" to "100%", got ${shown(value)}`,
  );
}

function isUnit(unit: string | undefined): unit is keyof typeof unitMs {
  return unit !== undefined && Object.hasOwn(unitMs, unit);
}

/** For "…, got ‹this›": what the compiler would have refused, from those who have none. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}
