import assert from "node:assert/strict";
import { test } from "node:test";

import type { Status, StepStatus } from "../views/status.ts";
import { liveLines } from "./print.ts";
import { lineWidth, paint } from "./style.ts";
import type { Line } from "./style.ts";
import { live, logLine, quoted, title, verdict } from "./view.ts";

/** Midnight here, so that times of day are the same in every zone. */
const midnight = new Date(2026, 10, 21).getTime();
const hour = 3_600_000;

const step = (name: string, more: Partial<StepStatus> = {}): StepStatus => ({
  name,
  kind: "step",
  state: "waiting",
  generation: 1,
  startedAt: undefined,
  endedAt: undefined,
  total: undefined,
  size: 0,
  waiting: 0,
  inFlight: 0,
  retrying: 0,
  ok: 0,
  failed: 0,
  timedOut: 0,
  poison: 0,
  skipped: 0,
  cancelled: 0,
  late: 0,
  duplicate: 0,
  stale: 0,
  duplicateKeys: 0,
  perSecond: undefined,
  durations: undefined,
  seconds: 0,
  progress: [],
  failures: [],
  limits: [],
  value: undefined,
  ...more,
});

const started = midnight + 15 * hour;
const check = step("check", { state: "done", startedAt: started, endedAt: started + 84 });
const busy = { signature: "smtp-#", message: "451 mailbox busy", count: 20, keys: ["c-00013"] };
const nameless = { signature: "address", message: "no address", count: 3, keys: ["c-00020"] };
const invoices = step("invoices", {
  kind: "fan-out",
  state: "running",
  startedAt: started + 84,
  total: 10_000,
  size: 10_000,
  waiting: 3_169,
  inFlight: 120,
  retrying: 9,
  ok: 6_679,
  failed: 23,
  perSecond: 117.5 / 60,
  seconds: 402_000,
  failures: [busy, nameless],
});

const running: Status = {
  run: "invoices-2026-10",
  flow: "monthly-invoices",
  state: "running",
  customer: "acme",
  priority: "normal",
  tags: {},
  step: "invoices",
  done: 6_702,
  failed: 23,
  total: 10_000,
  steps: [check, invoices, step("report")],
  startedAt: started,
  endedAt: undefined,
  deadlineAt: started + 1.5 * hour,
  because: undefined,
  paused: [],
  asOf: 1,
  at: started + hour,
};

const text = (lines: readonly Line[], columns = 79): string[] =>
  lines.map((line) => paint(line, columns, false));

test("a running run at 80 columns: bar, counts, rate, failures by kind, time", () => {
  assert.deepEqual(text(live(running, 79)), [
    "  check      ✓   84 ms",
    "  invoices   ━━━━━━━━━━━━╸╌╌╌╌╌╌    6,702 / 10,000   117.5/min    ✗ 23   ↻ 9",
    "  report     ○",
    "  failed     20 × 451 mailbox busy · 3 × no address",
    "  deadline   16:30   now 16:00   elapsed 60 m 00 s   30 m 00 s left",
  ]);
});

test("with forty columns the bar makes room for the numbers", () => {
  const [, line = ""] = text(live(running, 39), 39);
  assert.equal(line, "  invoices   ▶  6,702 / 10,000   117.5…");
});

test("before the split is complete nobody claims a total", () => {
  const growing = { ...invoices, total: undefined, size: 8_000 };
  const [line = ""] = text(live({ ...running, steps: [growing] }, 100), 100);
  assert.match(line, /6,702 of 8,000 so far/);
});

test("forty steps, many failures and a deadline still are eight lines, around the current one", () => {
  const steps = Array.from({ length: 40 }, (_, i) =>
    i === 20 ? { ...invoices, name: "step-20" } : step(`step-${i}`),
  );
  const lines = text(live({ ...running, steps, step: "step-20" }, 79));
  assert.equal(lines.length, liveLines);
  assert.match(lines.join("\n"), /step-18\b[^]*step-20\b[^]*step-22\b/);
  assert.match(lines[5] ?? "", /… 18 before, 17 after/);
});

test("no line is wider than the terminal, whatever it holds", () => {
  const wild = { ...busy, message: `${"請求書 ".repeat(40)}\u001b[31m\n${"x".repeat(500)}` };
  const long = { ...invoices, name: "n".repeat(64), failures: [wild, nameless] };
  for (const columns of [20, 39, 60, 79, 119, 250])
    for (const line of [
      ...live({ ...running, steps: [long], step: long.name }, columns),
      title({ id: "r".repeat(200), flow: "f", customer: "c" }),
      ...verdict({ ...running, steps: [long], state: "held", because: "b".repeat(300) }),
    ])
      assert.ok(lineWidth([paint(line, columns, false)]) <= columns);
});

test("a line for a log says where, how far, how fast and what is wrong", () => {
  assert.equal(
    logLine(running),
    "16:00:00 invoices-2026-10 invoices 6,702 / 10,000 (67 %), 117.5/min, 23 failed, 9 retrying",
  );
  assert.equal(
    logLine({ ...running, step: "report" }),
    "16:00:00 invoices-2026-10 running at report",
  );
});

test("a run at risk, late or paused says so, live and in a log", () => {
  const risky = { ...running, riskAt: running.at, forecastAt: running.at + 0.75 * hour };
  assert.match(text(live(risky, 80)).at(-1) ?? "", /^ {2}deadline .* ! at risk: about 16:45$/);
  assert.match(logLine(risky), /, at risk$/);
  const pause = { of: "run", name: running.run, at: running.at, author: "anna" } as const;
  const paused = { ...running, paused: [pause], lateAt: running.at };
  assert.match(text(live(paused, 80)).at(-1) ?? "", /30 m 00 s left {3}‖ paused$/);
  assert.match(logLine(paused), /, paused, late$/);
});

test("the end says whether the deadline was met, and leads to one failure of each kind", () => {
  const ended = {
    ...running,
    state: "done",
    step: undefined,
    endedAt: started + 88 * 60_000 + 31_000,
    steps: [check, { ...invoices, state: "done", ok: 9_977, seconds: 176 * 3_600 }],
  } as const;
  assert.deepEqual(text(verdict(ended), 120), [
    "  ✓ done in 88 m 31 s, 1 m 29 s before its deadline",
    "    9,977 ok · 23 failed (0.23 %)   176 h of work",
    "    20  451 mailbox busy  fanfold show invoices-2026-10/invoices/c-00013",
    "     3  no address        fanfold show invoices-2026-10/invoices/c-00020",
  ]);
  const late = { ...ended, endedAt: started + 1.5 * hour + 90_000 };
  assert.match(text(verdict(late))[0] ?? "", /done in 91 m 30 s, 1 m 30 s after its deadline/);
});

test("a held run says why", () => {
  const held = { ...running, state: "held", because: "1.2 % failed, 1 % tolerated" } as const;
  assert.equal(text(verdict(held))[0], "  ‖ held after 60 m 00 s   1.2 % failed, 1 % tolerated");
});

test("what is printed to be typed again is quoted where a shell needs it", () => {
  assert.equal(quoted("r/invoices/c-00013"), "r/invoices/c-00013");
  assert.equal(quoted("r/invoices/O'Neil; rm"), String.raw`'r/invoices/O'\''Neil; rm'`);
});
