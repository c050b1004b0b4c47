import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsText, type Measured } from "./metrics.ts";

const nothing: Measured = {
  runs: {},
  statistics: [],
  workers: 0,
  queues: [],
  partitions: [],
  webhooks: [],
};

/** The grammar of the text format, version 0.0.4: what a line may be. */
const comment = /^# (?:HELP fanfold_[a-z_]+ [^\n]+|TYPE fanfold_[a-z_]+ gauge)$/;
const sample =
  /^fanfold_[a-z_]+(?:\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? -?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;

test("every line is one of the text format, whatever things are called", () => {
  const text = metricsText({
    ...nothing,
    runs: { running: 3, held: 1 },
    workers: 2,
    queues: [
      { queue: 'odd "name" \\ of\na queue', slots: 4, waiting: 1e21, inFlight: 2, retrying: 0 },
    ],
    partitions: [{ partition: 0, end: 9, readers: [{ name: "manager", lag: 0 }] }],
    webhooks: [{ name: "ops", state: "gone", waiting: 1, failed: 2 }],
    statistics: [
      {
        of: "step",
        name: "invoices/send",
        runs: { done: 0, failed: 0, cancelled: 0 },
        outcomes: { ok: 5, failed: 1 } as never, // oxlint-disable-line typescript/no-unsafe-type-assertion -- the others are zero
        durations: undefined,
        waiting: undefined,
        attempts: 6,
        retries: {} as never, // oxlint-disable-line typescript/no-unsafe-type-assertion -- none
        seconds: 1.5,
        cost: {},
        failures: [],
        hours: [],
        days: [],
      },
    ],
  });
  const lines = text.trimEnd().split("\n");
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
  ])
    assert.ok(lines.includes(line), line);
});

test("each metric is described once, and its samples follow it", () => {
  const lines = metricsText(nothing).trimEnd().split("\n");
  const names = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
  assert.equal(new Set(names).size, names.length);
  assert.equal(lines.length, names.length * 2 + 1);
});
