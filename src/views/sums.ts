/**
 * What many ends came to together, added up in place: of a thousand steps that end in one reading each costs what is in it, and
 * nothing that a thousand before it have come to is copied. What comes out is merged into what is kept (statistics.ts).
 */
import { retryNames, type Counted } from "../core/counted.ts";
import type { Recorded } from "../core/event.ts";
import {
  bucketOf,
  buckets,
  countOf,
  emptyHistogram,
  record,
  toSparse,
  type Histogram,
  type Sparse,
} from "../core/histogram.ts";
import { outcomeNames } from "../core/ledger.ts";
import type { Pace } from "../core/pace.ts";
import {
  dayMs,
  endings,
  hourMs,
  keptSpans,
  mergeFailures,
  mergeStatistics,
  noStatistics,
  type StoredFailures,
  type StoredStatistics,
} from "./statistics.ts";

type Ended = Pick<Recorded & { readonly type: "step.ended" }, "type" | "at" | "counted"> & {
  readonly step: string;
};
type RunEnded = Pick<
  Recorded & { readonly type: "run.ended" },
  "type" | "at" | "counted" | "state"
>;

type Flow = { readonly runs: number[]; readonly took: Histogram };

/** Of a step, or of the same step as it runs another job since. */
type Step = {
  readonly flow: string;
  readonly step: string;
  readonly job: string | undefined;
  readonly outcomes: number[];
  readonly retries: number[];
  us: number;
  readonly took: Histogram;
  readonly waited: Histogram;
  readonly cost: Record<string, number>;
  failures: readonly StoredFailures[];
  readonly hours: Map<number, number>;
  readonly days: Map<number, number>;
};

export type Sums = {
  /** Adds an end; nothing where it was written before there were statistics. */
  readonly add: (event: Ended | RunEnded) => void;
  /** By the names that they are kept under. */
  readonly all: () => ReadonlyMap<string, StoredStatistics>;
};

export function sums(): Sums {
  const flows = new Map<string, Flow>();
  const steps = new Map<string, Step>();

  function flowOf(name: string): Flow {
    const known = flows.get(name);
    if (known !== undefined) return known;
    const flow = { runs: endings.map(() => 0), took: emptyHistogram() };
    flows.set(name, flow);
    return flow;
  }

  function stepOf({ flow, job }: Counted, step: string): Step {
    const key = `${flow}/${step}/${job ?? ""}`;
    const known = steps.get(key);
    if (known !== undefined) return known;
    const one: Step = {
      flow,
      step,
      job,
      outcomes: outcomeNames.map(() => 0),
      retries: retryNames.map(() => 0),
      us: 0,
      took: emptyHistogram(),
      waited: emptyHistogram(),
      cost: {},
      failures: [],
      hours: new Map(),
      days: new Map(),
    };
    steps.set(key, one);
    return one;
  }

  return {
    add(event) {
      if (event.counted === undefined) return;
      if (event.type === "step.ended") return addStep(stepOf(event.counted, event.step), event);
      const { flow, startedAt } = event.counted;
      const { runs, took } = flowOf(flow);
      record(took, Math.max(0, event.at - startedAt) * 1_000);
      const ending = endings.indexOf(event.state);
      runs[ending] = (runs[ending] ?? 0) + 1;
    },
    all() {
      const all = new Map<string, StoredStatistics>();
      const merge = (name: string, more: StoredStatistics): void => {
        const before = all.get(name);
        all.set(name, before === undefined ? more : mergeStatistics(before, more));
      };
      for (const [name, { runs, took }] of flows)
        merge(`flow/${name}`, { ...noStatistics, runs, took: toSparse(took) });
      for (const one of steps.values()) {
        const more = storedOf(one);
        merge(`flow/${one.flow}`, { ...more, took: [], waited: [] });
        merge(`step/${one.flow}/${one.step}`, more);
        if (one.job !== undefined) merge(`job/${one.job}`, more);
      }
      return all;
    },
  };
}

function addStep(to: Step, { at, counted }: Ended): void {
  if (counted === undefined) return;
  const { us, cost, outcomes, retries, took, pace, failures = [] } = counted;
  addList(to.outcomes, outcomes);
  addList(to.retries, retries);
  to.us += us;
  addSparse(to.took, took);
  if (cost !== undefined)
    to.cost[cost.currency] = (to.cost[cost.currency] ?? 0) + (us / 3.6e9) * cost.perHour;
  if (failures.length > 0)
    to.failures = mergeFailures(
      to.failures,
      failures.map((group) => ({
        ...group,
        firstAt: group.firstAt ?? at,
        lastAt: group.lastAt ?? at,
      })),
    );
  if (pace !== undefined) addPace(to, counted, pace);
}

/** Hours, days and waiting. A sub-job that was settled so long after the beginning of its step began its own duration before that. */
function addPace(to: Step, { startedAt, took, us }: Counted, { from, width, counts }: Pace): void {
  const attempts = countOf(took);
  const meanMs = attempts === 0 ? 0 : us / attempts / 1_000;
  for (const [n, count] of counts.entries()) {
    if (count <= 0) continue;
    const middle = from + (n + 0.5) * width;
    const bucket = bucketOf(Math.max(0, middle - startedAt - meanMs) * 1_000);
    to.waited[bucket] = (to.waited[bucket] ?? 0) + count;
    addSpan(to.hours, Math.floor(middle / hourMs), count);
    addSpan(to.days, Math.floor(middle / dayMs), count);
  }
}

function addSpan(spans: Map<number, number>, span: number, count: number): void {
  spans.set(span, (spans.get(span) ?? 0) + count);
}

function addList(to: number[], more: readonly number[]): void {
  for (let n = 0; n < to.length; n += 1) to[n] = (to[n] ?? 0) + (more[n] ?? 0);
}

function addSparse(to: Histogram, more: Sparse): void {
  for (let at = 0; at + 1 < more.length; at += 2) {
    const bucket = Math.min(more[at] ?? 0, buckets - 1);
    to[bucket] = (to[bucket] ?? 0) + (more[at + 1] ?? 0);
  }
}

function storedOf({ outcomes, retries, us, took, waited, cost, ...one }: Step): StoredStatistics {
  return {
    runs: noStatistics.runs,
    outcomes,
    took: toSparse(took),
    us,
    waited: toSparse(waited),
    retries,
    cost,
    failures: one.failures,
    hours: keptSpans(one.hours, "hours"),
    days: keptSpans(one.days, "days"),
  };
}
