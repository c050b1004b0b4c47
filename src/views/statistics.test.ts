import assert from "node:assert/strict";
import { test } from "node:test";

import type { Counted } from "../core/counted.ts";
import { emptyHistogram, record, toSparse } from "../core/histogram.ts";
import { limits } from "../core/limits.ts";
import {
  mergeStatistics,
  noStatistics,
  statisticsOf,
  type StoredStatistics,
} from "./statistics.ts";
import { sums } from "./sums.ts";

const hourMs = 3_600_000;

const counted = (more: Partial<Counted> = {}): Counted => ({
  flow: "f",
  job: "j",
  startedAt: 0,
  outcomes: [1, 0, 0, 0, 0, 0],
  took: [],
  us: 0,
  retries: [0, 0, 0, 0],
  ...more,
});

function sum(all: readonly Counted[], at: (n: number) => number = () => 0): StoredStatistics {
  const together = sums();
  for (const [n, counted] of all.entries())
    together.add({ type: "step.ended", at: at(n), step: "s", counted });
  return together.all().get("step/f/s") ?? noStatistics;
}

test("a million durations in a thousand runs have the percentiles of the full list, within 5 %", () => {
  const all: number[] = [];
  const runs = Array.from({ length: 1_000 }, (_, run) => {
    const histogram = emptyHistogram();
    let us = 0;
    for (let n = 0; n < 1_000; n += 1) {
      // From 1 ms to 100 s, every size alike, in an order that mixes them.
      const duration = Math.round(1_000 * 10 ** (5 * (((run * 1_000 + n) * 0.618_033_988_75) % 1)));
      record(histogram, duration);
      all.push(duration);
      us += duration;
    }
    return counted({ outcomes: [1_000, 0, 0, 0, 0, 0], took: toSparse(histogram), us });
  });
  const stored = sum(runs);
  const shown = statisticsOf("step/f/s", stored);
  const sorted = Float64Array.from(all).toSorted();
  for (const [share, name] of [
    [0.5, "p50"],
    [0.9, "p90"],
    [0.99, "p99"],
  ] as const) {
    const truth = (sorted[Math.ceil(share * sorted.length) - 1] ?? 0) / 1_000;
    const told = shown.durations?.[name] ?? 0;
    assert.ok(Math.abs(told - truth) <= truth * 0.05, `${name}: ${told}, in truth ${truth}`);
  }
  assert.equal(shown.attempts, 1_000_000);
  assert.equal(shown.outcomes.ok, 1_000_000);
  assert.ok(JSON.stringify(stored).length < 5_000, "in little space");
});

test("the sums are the same whichever is merged first", () => {
  const pace = { from: 5 * hourMs, width: 1_000, counts: [3, 4] };
  const group = { signature: "busy", message: "451 busy", count: 2, firstAt: 1, lastAt: 9 };
  const one = sum([counted({ pace, failures: [group], retries: [1, 0, 0, 2] })]);
  const other = sum([counted({ took: [100, 7], us: 70, failures: [{ ...group, firstAt: 0 }] })]);
  assert.deepEqual(mergeStatistics(one, other), mergeStatistics(other, one));
  assert.deepEqual(mergeStatistics(one, noStatistics), one);
  assert.deepEqual(mergeStatistics(one, other).failures, [{ ...group, count: 4, firstAt: 0 }]);
});

test("waiting is from the beginning of the step to the beginning of the attempt", () => {
  const pace = { from: 60_000, width: 1_000, counts: [10] };
  const took = toSparse(histogramOf(20_000_000, 10));
  const { waiting } = statisticsOf("step/f/s", sum([counted({ pace, took, us: 200e6 })]));
  assert.ok(waiting !== undefined && Math.abs(waiting.p50 - 40_500) < 40_500 * 0.05);
});

function histogramOf(us: number, n: number) {
  const histogram = emptyHistogram();
  for (let at = 0; at < n; at += 1) record(histogram, us);
  return histogram;
}

test("hours, days and kinds of failures are bounded: the newest stay", () => {
  const later = (n: number): Counted => {
    const signature = `kind-${n}`;
    return counted({
      pace: { from: n * hourMs, width: 1_000, counts: [1] },
      failures: [{ signature, message: signature, count: 1, firstAt: n, lastAt: n }],
    });
  };
  const stored = sum(Array.from({ length: 500 }, (_, n) => later(n)));
  const { hours, days, failures } = statisticsOf("step/f/s", stored);
  assert.deepEqual([hours.length, hours.at(-1)?.at], [limits.statisticsHours, 499 * hourMs]);
  assert.equal(
    days.reduce((all, { settled }) => all + settled, 0),
    500,
  );
  assert.equal(failures.length, limits.failureGroups);
  assert.ok(failures.some(({ signature }) => signature === "kind-499"));
});

test("cost is what a slot costs an hour, for the time that was worked, by currency", () => {
  const of = (perHour: number, currency: string, us: number): Counted =>
    counted({ cost: { perHour, currency }, us });
  const { cost } = sum([of(2, "EUR", 1.8e9), of(4, "EUR", 3.6e9), of(1, "USD", 3.6e9)]);
  assert.deepEqual(cost, { EUR: 5, USD: 1 });
});

test("what is added up in place is what is merged one after the other", () => {
  const ended = (n: number) => ({
    type: "step.ended" as const,
    at: n,
    step: n % 3 === 0 ? "s" : "t",
    counted: counted({
      flow: n % 5 === 0 ? "g" : "f",
      outcomes: [n, 0, 0, 0, n % 2, 0],
      retries: [0, n % 4, 0, 0],
      took: [n % 7, 2, 100 + (n % 11), n + 1],
      us: n * 10,
      pace: { from: n * hourMs, width: 1_000, counts: [n % 3, 1] },
      failures: [{ signature: `kind-${n % 6}`, message: "why", count: n - 10 }],
      cost: { perHour: 3_600, currency: "EUR" },
    }),
  });
  const over = (n: number) => ({
    type: "run.ended" as const,
    at: n * 1_000,
    state: (["done", "failed", "cancelled"] as const)[n % 3] ?? "done",
    counted: { flow: "f", startedAt: n },
  });
  const together = sums();
  const merged = new Map<string, StoredStatistics>();
  for (let n = 0; n < 40; n += 1)
    for (const event of [ended(n), over(n)]) {
      together.add(event);
      const alone = sums();
      alone.add(event);
      for (const [name, more] of alone.all())
        merged.set(name, mergeStatistics(merged.get(name) ?? noStatistics, more));
    }
  assert.deepEqual(
    [...together.all()].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    [...merged].toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  assert.deepEqual([...merged.keys()].toSorted(), [
    "flow/f",
    "flow/g",
    "job/j",
    "step/f/s",
    "step/f/t",
    "step/g/s",
    "step/g/t",
  ]);
});
