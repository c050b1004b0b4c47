import assert from "node:assert/strict";
import { test } from "node:test";
import { clockContract } from "../contract/clock.ts";
import { systemClock, uniqueId } from "./system.ts";

clockContract(test, async () => {
  const clock = systemClock();
  return { clock, advance: (ms) => clock.sleep(ms) };
});

/** Sources in the test's hands: both advance together, the wall also jumps. */
function sources(): {
  readonly wall: () => number;
  readonly steady: () => number;
  readonly pass: (ms: number) => void;
  readonly jump: (ms: number) => void;
} {
  let steady = 0;
  let ahead = 1_000_000;
  return {
    wall: () => Math.floor(steady + ahead),
    steady: () => steady,
    pass: (ms) => void (steady += ms),
    jump: (ms) => void (ahead += ms),
  };
}

test("a wall clock ahead is caught up with at double speed", () => {
  const time = sources();
  const clock = systemClock(time);
  time.jump(100);
  time.pass(60);
  assert.equal(clock.now(), 1_000_120);
  time.pass(60);
  assert.equal(clock.now(), 1_000_220);
  time.pass(60);
  assert.equal(clock.now(), 1_000_280);
});

test("a wall clock set back is waited for at half speed", () => {
  const time = sources();
  const clock = systemClock(time);
  time.jump(-50);
  assert.equal(clock.now(), 1_000_000);
  time.pass(60);
  assert.equal(clock.now(), 1_000_030);
  time.pass(60);
  assert.equal(clock.now(), 1_000_070);
});

test("a start above the wall clock is never undercut", () => {
  const time = sources();
  const clock = systemClock(time);
  clock.startAt(1_003_600);
  assert.equal(clock.now(), 1_003_600);
  time.pass(10);
  assert.equal(clock.now(), 1_003_605);
  clock.startAt(5);
  assert.equal(clock.now(), 1_003_605);
});

test("a sleep longer than a timer can be does not end at once", async () => {
  const clock = systemClock();
  const stop = new AbortController();
  let ended = false;
  const warnings: Error[] = [];
  const warned = (warning: Error): void => void warnings.push(warning);
  process.on("warning", warned);
  const slept = clock.sleep(2 ** 32, stop.signal).then(() => (ended = true));
  await clock.sleep(3);
  assert.equal(ended, false);
  stop.abort();
  await slept;
  process.off("warning", warned);
  assert.deepEqual(warnings, []); // Node says so when it cuts a delay to 1 ms.
});

test("unique ids differ", () => {
  assert.notEqual(uniqueId(), uniqueId());
});

test("a clock that follows a server goes by the server's wall: at once where that is ahead, slowly where it is behind", () => {
  const time = sources();
  const ahead = systemClock(time);
  ahead.follow(1_060_000);
  ahead.startAt(1_060_000);
  assert.equal(ahead.now(), 1_060_000);
  time.pass(1_000);
  assert.equal(ahead.now(), 1_061_000);
  const behind = systemClock(time);
  behind.follow(941_000);
  time.pass(60_000);
  assert.equal(behind.now(), 1_031_000);
  time.pass(60_000);
  assert.equal(behind.now(), 1_061_000);
  behind.follow(1_061_050);
  time.pass(10);
  assert.equal(behind.now(), 1_061_010);
});

test("what passes while nothing could be heard counts as a second", () => {
  const time = sources();
  const heard = systemClock(time).listening();
  for (let beat = 0; beat < 40; beat += 1) {
    time.pass(250);
    heard.now();
  }
  time.jump(-3_600_000);
  assert.equal(heard.now(), 10_000);
  time.pass(60_000);
  assert.equal(heard.now(), 11_000);
  time.pass(999);
  assert.equal(heard.now(), 11_999);
  heard.close();
});
