import assert from "node:assert/strict";
import { test } from "node:test";
import { durationMs, positiveMs, tolerance } from "./duration.ts";

test("durations are whole ms", () => {
  assert.equal(durationMs("500ms", "x"), 500);
  assert.equal(durationMs("90s", "x"), 90_000);
  assert.equal(durationMs("1.5h", "x"), 5_400_000);
  assert.equal(durationMs("3d", "x"), 259_200_000);
  assert.equal(durationMs("0s", "x"), 0);
});

test("what is not a duration is refused, with what was expected", () => {
  for (const [given, got] of [
    ["5 minutes", '"5 minutes"'],
    ["-5m", '"-5m"'],
    ["1e3s", '"1e3s"'],
    ["5", '"5"'],
    ["", '""'],
    [5, "5"],
    [undefined, "undefined"],
    [{}, "an object"],
  ] as const)
    assert.throws(() => durationMs(given as "5m", 'timeout of job "j"'), {
      name: "UsageError",
      message: `timeout of job "j" must be a duration such as "500ms", "90s", "5m", "2h" or "3d", got ${got}`,
    });
});

test("durations beyond ten years, and none where there must be one, are refused", () => {
  assert.throws(() => durationMs("4000d", "x"), {
    message: 'x must be at most "3650d", got "4000d"',
  });
  assert.throws(() => positiveMs("0.1ms", "x"), {
    message: 'x must be at least "1ms", got "0.1ms"',
  });
});

test("a tolerance is a count or a share", () => {
  assert.deepEqual(tolerance(3, "x"), { count: 3 });
  assert.deepEqual(tolerance("1%", "x"), { percent: 1 });
  assert.deepEqual(tolerance("0.5%", "x"), { percent: 0.5 });
  assert.deepEqual(tolerance("100%", "x"), { percent: 100 });
});

test("a tolerance out of range is refused, a fraction meant as a share above all", () => {
  for (const [given, got] of [
    [0.01, "0.01"],
    [-1, "-1"],
    [NaN, "NaN"],
    ["101%", '"101%"'],
    ["-1%", '"-1%"'],
    ["few", '"few"'],
    [null, "null"],
  ] as const)
    assert.throws(() => tolerance(given as "1%", "tolerate"), {
      message: `tolerate must be a whole number from 0, or a share from "0%" to "100%", got ${got}`,
    });
});
