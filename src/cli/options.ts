/** What options may say, read where the command line ends. Each throws commander's error, which names the option. */
import { InvalidArgumentError } from "commander";

import type { NoticeState } from "../core/notice.ts";
import type { Priority, RunState } from "../core/event.ts";
import { durationMs } from "../define/duration.ts";
import type { Duration, Percent, RateText } from "../define/duration.ts";

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d[\d,_]*$/.test(text) ? Number(text.replaceAll(/[,_]/g, "")) : NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
  };
}

/** "1%", "0.83%" or "0.83": percent. */
export function share(text: string): number {
  const value = /^\d{1,3}(\.\d+)?%?$/.test(text) ? Number.parseFloat(text) : NaN;
  if (value <= 100) return value;
  throw new InvalidArgumentError('expected a share from "0%" to "100%"');
}

export function isDuration(text: string): text is Duration {
  return /^\d{1,15}(\.\d{1,9})?(ms|s|m|h|d)$/.test(text);
}

export function duration(text: string): Duration {
  if (isDuration(text)) return text;
  throw new InvalidArgumentError('expected a duration such as "30s", "90m" or "2h"');
}

/** "90m" from now on, or an instant: "2026-11-21T16:00". */
export function durationOrDate(text: string): Duration | Date {
  if (isDuration(text)) return text;
  const at = instantIn(text);
  if (at !== undefined) return at;
  throw new InvalidArgumentError('expected a duration such as "90m", or a date and time');
}

export function date(text: string): Date {
  const at = instantIn(text);
  if (at !== undefined) return at;
  throw new InvalidArgumentError('expected a date and time such as "2026-12-01T08:00+01:00"');
}

/** Of what begins like a date only: Date.parse takes "9" for a day in 2001. */
function instantIn(text: string): Date | undefined {
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : new Date(at);
}

/** Epoch ms: "2h" ago, or an instant. */
export function instantBefore(text: string, now: number): number {
  const since = durationOrDate(text);
  return typeof since === "string" ? now - durationMs(since, "--since") : since.getTime();
}

/** An offset of the log, or an instant. */
export function offsetOrDate(text: string): number | Date {
  return /^\d{1,15}$/.test(text) ? Number(text) : date(text);
}

/** "200", or "none". */
export const countOrNone = (text: string): number | "none" =>
  text === "none" ? text : wholeNumber(1, 1_000_000_000)(text);

/** "50/s". */
export function rate(text: string): RateText {
  if (isRate(text)) return text;
  throw new InvalidArgumentError('expected a rate such as "50/s", "100/m" or "1000/h"');
}

function isRate(text: string): text is RateText {
  return /^\d{1,9}(\.\d{1,6})?\/(s|m|h)$/.test(text) && Number.parseFloat(text) > 0;
}

/** "50/s", or "none". */
export const rateOrNone = (text: string): RateText | "none" =>
  text === "none" ? text : rate(text);

/** "90m", an instant, or "none". */
export const whenOrNone = (text: string): Duration | Date | "none" =>
  text === "none" ? text : durationOrDate(text);

/** "3" or "1%": how many may fail. */
export function tolerated(text: string): number | Percent {
  return text.endsWith("%") ? `${share(text)}%` : wholeNumber(0, 1_000_000_000)(text);
}

/** Reads one of these words. They are said with it, so that a shell can offer them. */
export type Choice<T> = ((text: string) => T) & { readonly words: readonly string[] };

export function choice<const T extends string>(...words: readonly T[]): Choice<T> {
  return Object.assign((text: string) => oneOf(text, words), { words });
}

/** Several of them, with commas between. */
function several<T extends string>(one: Choice<T>): Choice<readonly T[]> {
  const all = (text: string): readonly T[] => text.split(",").map((word) => one(word.trim()));
  return Object.assign(all, { words: one.words });
}

export const priority: Choice<Priority> = choice("low", "normal", "high", "urgent");

/** What a run may be beside its state. */
export type Condition = "paused" | "late" | "at-risk";

/** "held,running" */
export const runStates: Choice<readonly (RunState | Condition)[]> = several(
  choice("waiting", "running", "held", "done", "failed", "cancelled", "paused", "late", "at-risk"),
);

export type RunOrder = "started" | "deadline" | "took";
export const runOrder: Choice<RunOrder> = choice("started", "deadline", "took");

/** "waiting,failed" */
export const noticeStates: Choice<readonly NoticeState[]> = several(
  choice("waiting", "ok", "failed", "cancelled"),
);

export const ifExists: Choice<"join" | "reject"> = choice("join", "reject");

export const exported: Choice<"ok" | "failed" | "skipped" | "cancelled" | "open"> = choice(
  "ok",
  "failed",
  "skipped",
  "cancelled",
  "open",
);
export const exportFormat: Choice<"jsonl" | "csv"> = choice("jsonl", "csv");

export const until: Choice<"done" | "held"> = choice("held", "done");

export type SchemaLibrary = "zod" | "valibot" | "arktype";
export const schemaLibrary: Choice<SchemaLibrary> = choice("zod", "valibot", "arktype");

function oneOf<T extends string>(text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`expected one of ${known.join(", ")}`);
}

export const list = (text: string): readonly string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

/** --tag k=v, as often as wanted. */
export function tag(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("expected name=value");
  return { ...before, [name]: value };
}

/** What was said, without what was not: an option that is undefined is not the same as none. */
export function given<T extends object>(said: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(said).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, and no value is undefined
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
