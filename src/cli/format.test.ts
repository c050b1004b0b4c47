import assert from "node:assert/strict";
import { test } from "node:test";

import {
  count,
  counted,
  duration,
  effort,
  fit,
  instant,
  iso,
  money,
  percent,
  printable,
  rate,
  timeOfDay,
  width,
} from "./format.ts";

const at = Date.UTC(2026, 10, 21, 15, 59, 3);
const minute = 60_000;
const day = 86_400_000;

test("numbers are grouped by thousands, and nouns agree with them", () => {
  assert.equal(count(10_000), "10,000");
  assert.equal(count(12_345_678), "12,345,678");
  assert.equal(counted(1, "sub-job"), "1 sub-job");
  assert.equal(counted(61, "sub-job"), "61 sub-jobs");
});

test("a cost is said to the cent, and a small one as far as it is more than nothing", () => {
  assert.deepEqual(
    [0, 1_234.5, 12.345, 0.1, 0.0999, 0.05, 0.0042, 0.000_000_012, 1e-12].map(money),
    ["0.00", "1234.50", "12.35", "0.10", "0.100", "0.050", "0.0042", "0.00000001", "0.00000000"],
  );
});

test("durations have two units at the most, and never sixty of the smaller one", () => {
  const said: readonly (readonly [number, string])[] = [
    [0, "0 ms"],
    [0.04, "0.04 ms"],
    [1.26, "1.3 ms"],
    [84, "84 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [1_234, "1.2 s"],
    [9_960, "10 s"],
    [59_400, "59 s"],
    [59_600, "1 m 00 s"],
    [88 * minute + 31_000, "88 m 31 s"],
    [119 * minute + 59_700, "2 h 00 m"],
    [185 * minute, "3 h 05 m"],
    [2 * day + 4 * 3_600_000, "2 d 04 h"],
  ];
  assert.deepEqual(
    said.map(([ms]) => duration(ms)),
    said.map(([, text]) => text),
  );
});

test("a percentage says neither 0 % of something nor 100 % of less than all", () => {
  assert.equal(percent(0, 10), "0 %");
  assert.equal(percent(0, 0), "0 %");
  assert.equal(percent(1, 1_000_000), "< 0.01 %");
  assert.equal(percent(83, 10_000), "0.83 %");
  assert.equal(percent(100, 10_000), "1 %");
  assert.equal(percent(129, 10_000), "1.2 %");
  assert.equal(percent(6_702, 10_000), "67 %");
  assert.equal(percent(9_999, 10_000), "99 %");
  assert.equal(percent(10_000, 10_000), "100 %");
});

test("a rate picks the unit in which it is neither tiny nor huge", () => {
  assert.equal(rate(2_340.4), "2,340/s");
  assert.equal(rate(41.66), "41.7/s");
  assert.equal(rate(117.5 / 60), "117.5/min");
  assert.equal(rate(0), "0/min");
  assert.equal(rate(0.5 / 60), "30/h");
  assert.equal(effort(176 * 3_600), "176 h");
  assert.equal(effort(65), "1 m 05 s");
});

test("an instant shows its day when that is another one, and its year when that is far", () => {
  assert.equal(instant(at, at, "UTC"), "15:59");
  assert.equal(instant(at + 10 * day, at, "UTC"), "Tue 1 Dec 15:59");
  assert.equal(instant(at + 375 * day, at, "UTC"), "1 Dec 2027");
  assert.equal(instant(at, at, "Asia/Tokyo"), "00:59");
  assert.equal(timeOfDay(at, "UTC"), "15:59:03");
  assert.equal(iso(at), "2026-11-21T15:59:03.000Z");
});

test("nothing that is printed can move the cursor, recolour it or turn the text round", () => {
  assert.equal(printable("two\r\n  lines"), "two ⏎ lines");
  assert.equal(printable("\u001b[2Jgone\u0007"), "\u{fffd}[2Jgone\u{fffd}");
  assert.equal(printable("safe\u202egnp.exe"), "safe\u{fffd}gnp.exe");
});

test("width counts columns: two for wide characters, none for marks", () => {
  assert.equal(width("invoices"), 8);
  assert.equal(width("請求書"), 6);
  assert.equal(width("e\u0301"), 1);
  assert.equal(width("✓ ✗ ‖ ↻ ━╸╌"), 11);
  assert.equal(fit("請求書", 5), "請求…");
  assert.equal(fit("請求書", 4), "請…");
  assert.equal(fit("short", 5), "short");
  assert.equal(fit("longer", 5), "long…");
  assert.equal(fit("any", 0), "");
});
