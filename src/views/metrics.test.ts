import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { metricsText, writeBucketOf, writeBuckets, type Measured } from "./metrics.ts";
import type { Statistics } from "./statistics.ts";

const nothing: Measured = {
  runs: {},
  statistics: [],
  workers: 0,
  queues: [],
  partitions: [],
  webhooks: [],
  writes: [],
};

/** The grammar of the text format, version 0.0.4: what a line may be. */
const comment =
  /^# (?:HELP fanfold_[a-z_]+ [^\n]+|TYPE fanfold_[a-z_]+ (?:gauge|summary|histogram))$/;
const sample =
  /^fanfold_[a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

const statistics = (
  of: Statistics["of"],
  name: string,
  durations: Statistics["durations"],
): Statistics => ({
  of,
  name,
  runs: { done: 0, failed: 0, cancelled: 0 },
  outcomes: { ok: 5, failed: 1 } as never, // oxlint-disable-line typescript/no-unsafe-type-assertion -- the others are zero
  durations,
  waiting: undefined,
  attempts: 6,
  retries: {} as never, // oxlint-disable-line typescript/no-unsafe-type-assertion -- none
  seconds: 1.5,
  cost: {},
  failures: [],
  hours: [],
  days: [],
});

/** One of each kind. */
const everything = metricsText({
  ...nothing,
  runs: { running: 3, held: 1 },
  workers: 2,
  queues: [
    { queue: 'odd "name" \\ of\na queue', slots: 4, waiting: 1e21, inFlight: 2, retrying: 0 },
  ],
  partitions: [{ partition: 0, end: 9, readers: [{ name: "manager", lag: 0 }] }],
  webhooks: [{ name: "ops", state: "gone", waiting: 1, failed: 2 }],
  statistics: [
    statistics("step", "invoices/send", undefined),
    statistics("flow", "invoices", { p50: 1_500, p90: 2_000, p99: 2_100, max: 2_100 }),
    statistics("job", "send", { p50: 1, p90: 2, p99: 3, max: 4 }),
  ],
  writes: [{ engine: "sqlite", operation: "append", buckets: [1], count: 1, seconds: 0.000_09 }],
});

test("every line is one of the text format, whatever things are called", () => {
  const lines = everything.trimEnd().split("\n");
  assert.deepEqual(
    lines.filter((line) => !comment.test(line) && !sample.test(line)),
    [],
  );
  for (const line of [
    'fanfold_runs{state="held"} 1',
    'fanfold_sub_jobs{flow="invoices",step="send",outcome="ok"} 5',
    'fanfold_queue{queue="odd \\"name\\" \\\\ of\\na queue",state="in-flight"} 2',
    'fanfold_log_lag{partition="0",reader="manager"} 0',
    'fanfold_webhook_gone{webhook="ops"} 1',
    "fanfold_workers 2",
    'fanfold_run_duration_seconds{flow="invoices",quantile="0.5"} 1.5',
    'fanfold_attempt_duration_seconds{job="send",quantile="1"} 0.004',
    'fanfold_write_duration_seconds_sum{engine="sqlite",operation="append"} 0.00009',
  ])
    assert.ok(lines.includes(line), line);
});

test("what an engine takes to write is a histogram: each bucket counts those below it too", () => {
  const took = [0.000_1, 0.002, 0.002, 11];
  const buckets = writeBuckets.map(
    (_, bucket) => took.filter((seconds) => writeBucketOf(seconds) === bucket).length,
  );
  const write = {
    engine: "sqlite",
    operation: "commit",
    buckets,
    count: 4,
    seconds: 11.0041,
  } as const;
  const text = metricsText({ ...nothing, writes: [write] });
  const of = (suffix: string) =>
    text
      .split("\n")
      .filter((line) => line.startsWith(`fanfold_write_duration_seconds_${suffix}`))
      .map((line) => line.replace(/^[^{]+/, ""));
  assert.deepEqual(of("bucket").slice(0, 4), [
    '{engine="sqlite",operation="commit",le="0.0001"} 1',
    '{engine="sqlite",operation="commit",le="0.0003"} 1',
    '{engine="sqlite",operation="commit",le="0.001"} 1',
    '{engine="sqlite",operation="commit",le="0.003"} 3',
  ]);
  assert.deepEqual(of("bucket").slice(-2), [
    '{engine="sqlite",operation="commit",le="10"} 3',
    '{engine="sqlite",operation="commit",le="+Inf"} 4',
  ]);
  assert.deepEqual(of("sum"), ['{engine="sqlite",operation="commit"} 11.0041']);
  assert.deepEqual(of("count"), ['{engine="sqlite",operation="commit"} 4']);
});

/** What `promtool check metrics` asks of names. Source: https://prometheus.io/docs/practices/naming/ */
test("names follow the conventions of Prometheus", () => {
  const lines = everything.split("\n");
  for (const [, name = "", type = ""] of everything.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.match(name, /^fanfold(?:_[a-z]+)+$/);
    assert.doesNotMatch(
      name,
      /_(?:total|count|sum|bucket|info)$/,
      "only of counters and histograms",
    );
    assert.doesNotMatch(name, /_(?:ms|milliseconds|minutes|hours|kb|mb)$/, "base units");
    assert.doesNotMatch(name, /gauge|summary|histogram|counter/, "no type in a name");
    const samples = lines.filter((line) => line.startsWith(`${name}{`));
    assert.equal(
      samples.some((line) => line.includes('quantile="')),
      type === "summary",
      name,
    );
    const buckets = lines.filter((line) => line.startsWith(`${name}_bucket{`));
    assert.equal(buckets.length > 0, type === "histogram", name);
    const [, help = ""] = new RegExp(`^# HELP ${name} (.+)$`, "m").exec(everything) ?? [];
    assert.match(help, /^[A-Z0-9].*\.$/);
  }
});

test("the guide lists every metric, and no other", () => {
  const page = readFileSync(new URL("../../docs/guides/watching.md", import.meta.url), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `fanfold_"));
  const listed = rows.flatMap((row) => row.split("|")[1]?.match(/fanfold_[a-z_]+/g) ?? []);
  const names = [...metricsText(nothing).matchAll(/^# TYPE (\S+)/gm)].map(([, name = ""]) => name);
  assert.deepEqual(listed.toSorted(), names.toSorted());
});

test("each metric is described once, and its samples follow it", () => {
  const lines = metricsText(nothing).trimEnd().split("\n");
  const names = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
  assert.equal(new Set(names).size, names.length);
  assert.equal(lines.length, names.length * 2 + 1);
});
