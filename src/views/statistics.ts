/** What came of the runs of a flow, of a step of it, or of a job wherever it is used: sums that can be merged in any order. Pure. */
import { retryNames } from "../core/counted.ts";
import { countOf, mergeSparse, percentile, type Sparse } from "../core/histogram.ts";
import { limits } from "../core/limits.ts";
import { outcomeNames } from "../core/ledger.ts";

/** As it is kept, per partition: "flow/invoices", "step/invoices/send" or "job/send-invoice". */
export type StoredStatistics = {
  /** Runs that are done, failed and cancelled; of a flow only. */
  readonly runs: readonly number[];
  /** Sub-jobs, or plain steps, by outcome; in the order of outcomeNames. */
  readonly outcomes: readonly number[];
  /** Durations of attempts; of a flow, of its runs. */
  readonly took: Sparse;
  readonly us: number;
  /** From the beginning of a step until a sub-job of it began. */
  readonly waited: Sparse;
  readonly retries: readonly number[];
  readonly cost: Readonly<Record<string, number>>;
  /** The kinds seen last. */
  readonly failures: readonly StoredFailures[];
  /** Settled per hour and per day of the log's time, the last ones: [number since the epoch, count, …]. */
  readonly hours: readonly number[];
  readonly days: readonly number[];
};

export type StoredFailures = {
  readonly signature: string;
  readonly message: string;
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
};

/** How long something took, within 4 %. */
export type Durations = {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
};

/** What is known of runs that ended, and of steps of runs. Durations in ms, instants in epoch ms. */
export type Statistics = {
  readonly of: "flow" | "step" | "job";
  /** Of a step: flow/step. */
  readonly name: string;
  /** Of a flow. */
  readonly runs: Readonly<Record<"done" | "failed" | "cancelled", number>>;
  /** Of sub-jobs, or of a plain step. */
  readonly outcomes: Readonly<Record<(typeof outcomeNames)[number], number>>;
  /** Of attempts; of a flow, from the start of a run to its end. */
  readonly durations: Durations | undefined;
  /** From the beginning of a step until a sub-job of it began, to about a thirtieth of the step's duration. */
  readonly waiting: Durations | undefined;
  readonly attempts: number;
  readonly retries: Readonly<Record<(typeof retryNames)[number], number>>;
  /** Of work, all attempts together. */
  readonly seconds: number;
  /** By currency. */
  readonly cost: Readonly<Record<string, number>>;
  /** The most frequent first. */
  readonly failures: readonly StoredFailures[];
  /** Settled in the last days, and in the last hours in which anything was. */
  readonly hours: readonly { readonly at: number; readonly settled: number }[];
  readonly days: readonly { readonly at: number; readonly settled: number }[];
};

export const hourMs = 3_600_000;
export const dayMs: number = 24 * hourMs;
export const endings: readonly ["done", "failed", "cancelled"] = ["done", "failed", "cancelled"];

export const noStatistics: StoredStatistics = {
  runs: endings.map(() => 0),
  outcomes: outcomeNames.map(() => 0),
  took: [],
  us: 0,
  waited: [],
  retries: retryNames.map(() => 0),
  cost: {},
  failures: [],
  hours: [],
  days: [],
};

/** Both together. */
export function mergeStatistics(one: StoredStatistics, other: StoredStatistics): StoredStatistics {
  const cost = { ...one.cost };
  for (const [currency, amount] of Object.entries(other.cost))
    cost[currency] = (cost[currency] ?? 0) + amount;
  return {
    runs: added(one.runs, other.runs),
    outcomes: added(one.outcomes, other.outcomes),
    took: mergeSparse(one.took, other.took),
    us: one.us + other.us,
    waited: mergeSparse(one.waited, other.waited),
    retries: added(one.retries, other.retries),
    cost,
    failures: mergeFailures(one.failures, other.failures),
    hours: mergeSpans(one.hours, other.hours, "hours"),
    days: mergeSpans(one.days, other.days, "days"),
  };
}

function added(one: readonly number[], other: readonly number[]): readonly number[] {
  return one.map((n, at) => n + (other[at] ?? 0));
}

export function mergeFailures(
  one: readonly StoredFailures[],
  other: readonly StoredFailures[],
): readonly StoredFailures[] {
  if (other.length === 0) return one;
  const bySignature = new Map(one.map((group) => [group.signature, group]));
  for (const group of other) {
    const before = bySignature.get(group.signature);
    bySignature.set(
      group.signature,
      before === undefined
        ? group
        : {
            ...before,
            count: before.count + group.count,
            firstAt: Math.min(before.firstAt, group.firstAt),
            lastAt: Math.max(before.lastAt, group.lastAt),
          },
    );
  }
  const kept = [...bySignature.values()].filter(({ count }) => count !== 0);
  return kept.toSorted((a, b) => b.lastAt - a.lastAt).slice(0, limits.failureGroups);
}

function mergeSpans(
  one: readonly number[],
  other: readonly number[],
  of: keyof typeof mostSpans,
): readonly number[] {
  if (other.length === 0) return one;
  const counts = new Map<number, number>();
  for (const spans of [one, other])
    for (let at = 0; at + 1 < spans.length; at += 2) {
      const span = spans[at] ?? 0;
      counts.set(span, (counts.get(span) ?? 0) + (spans[at + 1] ?? 0));
    }
  return keptSpans(counts, of);
}

const mostSpans = { hours: limits.statisticsHours, days: limits.statisticsDays } as const;

/** The last ones: [number since the epoch, count, …]. */
export function keptSpans(
  counts: ReadonlyMap<number, number>,
  of: "hours" | "days",
): readonly number[] {
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .slice(-mostSpans[of])
    .flat();
}

/** As people and programs read it. */
export function statisticsOf(name: string, stored: StoredStatistics): Statistics {
  const [of = "", ...rest] = name.split("/");
  return {
    of: of === "flow" || of === "job" ? of : "step",
    name: rest.join("/"),
    runs: named(endings, stored.runs),
    outcomes: named(outcomeNames, stored.outcomes),
    durations: durations(stored.took),
    waiting: durations(stored.waited),
    attempts: of === "flow" ? 0 : countOf(stored.took),
    retries: named(retryNames, stored.retries),
    seconds: Math.round(stored.us / 1_000) / 1_000,
    cost: stored.cost,
    failures: stored.failures.toSorted((a, b) => b.count - a.count),
    hours: spans(stored.hours, hourMs),
    days: spans(stored.days, dayMs),
  };
}

function named<N extends string>(
  names: readonly N[],
  counts: readonly number[],
): Readonly<Record<N, number>> {
  const entries = names.map((name, at) => [name, counts[at] ?? 0] as const);
  return Object.fromEntries(entries) as Record<N, number>; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one entry per name
}

function durations(took: Sparse): Durations | undefined {
  if (countOf(took) === 0) return undefined;
  const ms = (q: number): number => (percentile(took, q) ?? 0) / 1_000;
  return { p50: ms(0.5), p90: ms(0.9), p99: ms(0.99), max: ms(1) };
}

function spans(list: readonly number[], ms: number): Statistics["hours"] {
  const shown: { readonly at: number; readonly settled: number }[] = [];
  for (let at = 0; at + 1 < list.length; at += 2)
    shown.push({ at: (list[at] ?? 0) * ms, settled: list[at + 1] ?? 0 });
  return shown;
}
