/** Calendars: time zones, the hours that are missing and those that come twice, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import { flow } from "./flow.ts";
import { job } from "./job.ts";
import { schedule, type ScheduleDefinition } from "./schedule.ts";

const bill = flow("bill", { input: z.object({ month: z.string() }) }).step(
  "say",
  ({ input }) => input.month,
);
const input = (): { month: string } => ({ month: "2026-10" });
type Given = Partial<ScheduleDefinition<{ month: string }>>;
const planOf = (given: Given) => schedule("s", { run: bill, input, ...given }).plan;

/** The ids that its runs have, so many from an instant on. */
function ticks(given: Given, from: string, count: number): readonly string[] {
  const { next, stamp } = planOf(given);
  const stamps: string[] = [];
  for (let at = next(Date.parse(from)); at !== undefined && stamps.length < count; at = next(at))
    stamps.push(stamp(at));
  return stamps;
}

const berlin = "Europe/Berlin";

test("the first of the month, as the clock in Berlin has it", () => {
  assert.deepEqual(ticks({ cron: "0 2 1 * *", timezone: berlin }, "2026-10-15T00:00Z", 2), [
    "2026-11-01T02:00+01:00",
    "2026-12-01T02:00+01:00",
  ]);
});

test("an hour that is left out in spring: its tick comes when the clock goes on", () => {
  assert.deepEqual(ticks({ cron: "30 2 * * *", timezone: berlin }, "2026-03-28T00:00Z", 3), [
    "2026-03-28T02:30+01:00",
    "2026-03-29T03:00+02:00",
    "2026-03-30T02:30+02:00",
  ]);
});

test("an hour that comes twice in autumn: a time of day once, every half an hour each time, with ids of their own", () => {
  assert.deepEqual(ticks({ cron: "30 2 * * *", timezone: berlin }, "2026-10-24T12:00Z", 2), [
    "2026-10-25T02:30+02:00",
    "2026-10-26T02:30+01:00",
  ]);
  assert.deepEqual(ticks({ cron: "*/30 * * * *", timezone: berlin }, "2026-10-24T23:30Z", 5), [
    "2026-10-25T02:00+02:00",
    "2026-10-25T02:30+02:00",
    "2026-10-25T02:00+01:00",
    "2026-10-25T02:30+01:00",
    "2026-10-25T03:00+01:00",
  ]);
});

test("without a timezone it is UTC, and seconds are said where there are any", () => {
  assert.deepEqual(ticks({ cron: "0 2 * * *" }, "2026-10-15T00:00Z", 1), ["2026-10-15T02:00Z"]);
  assert.deepEqual(ticks({ cron: "15 0 2 * * *" }, "2026-10-15T00:00Z", 1), [
    "2026-10-15T02:00:15Z",
  ]);
  assert.deepEqual(
    ticks({ cron: "0 2 * * *", timezone: "Europe/London" }, "2026-12-15T00:00Z", 1),
    ["2026-12-15T02:00+00:00"],
  );
  assert.equal(planOf({ every: "1s" }).stamp(1_234), "1970-01-01T00:00:01.234Z");
});

test("of very many, each keeps its own calendar: fewer than there are stay parsed", () => {
  const from = Date.parse("2026-10-15T00:00Z");
  const plans = Array.from({ length: 300 }, (_, n) => {
    const minutes = n >> 1;
    const cron = `${minutes % 60} ${Math.floor(minutes / 60)} * * *`;
    return { minutes, plan: planOf({ cron, ...(n % 2 === 0 ? {} : { timezone: berlin }) }) };
  });
  for (const round of [1, 2])
    for (const [n, { minutes, plan }] of plans.entries()) {
      const later = minutes - (n % 2 === 0 ? 0 : 120); // Berlin is two hours ahead in October.
      const expected = from + (later < 1 ? later + 1_440 : later) * 60_000;
      assert.equal(plan.next(from), expected, `schedule ${n}, asked ${round} times`);
    }
});

test("every: whole multiples, the same whoever counts", () => {
  assert.deepEqual(ticks({ every: "15m" }, "2026-10-15T00:01Z", 2), [
    "2026-10-15T00:15Z",
    "2026-10-15T00:30Z",
  ]);
  assert.equal(planOf({ every: "15m" }).rule, "every 15m");
});

test("the input is what the function says, and plain JSON", () => {
  const given = planOf({
    every: "1m",
    input: ({ at, last }) => ({ month: `${at.toISOString().slice(0, 7)} ${String(last)}` }),
  });
  assert.deepEqual(given.input(0, undefined), { month: "1970-01 undefined" });
  const unstorable: unknown = () => ({ month: new Date() });
  assert.throws(
    () => planOf({ every: "1m", input: unstorable as typeof input }).input(0, undefined),
    UsageError,
  ); // oxlint-disable-line typescript/no-unsafe-type-assertion -- what somebody without a compiler writes
});

test("it starts a job by itself as well", () => {
  const mail = job("mail", { input: z.object({ to: z.string() }), run: () => 1 });
  const daily = schedule("daily", { cron: "0 8 * * *", run: mail, input: () => ({ to: "all" }) });
  assert.equal(daily.plan.flow, "job:mail");
  // @ts-expect-error -- the input is the job's
  schedule("daily", { cron: "0 8 * * *", run: mail, input: () => ({ to: 7 }) });
});

test("what cannot be meant is refused where it is written", () => {
  const wrong: readonly [Given, RegExp][] = [
    [
      { cron: "0 0 31 2 *" },
      /cron of schedule "s" never comes: there is no such day, got "0 0 31 2 \*"/,
    ],
    [
      { cron: "61 * * * *" },
      /cron of schedule "s" is not one, got "61 \* \* \* \*": Invalid value for minute: 61/,
    ],
    [{ cron: "often" }, /is not one, got "often"/],
    [
      { cron: "0 0 * * *", timezone: "Mars/Olympus" },
      /timezone of schedule "s" must be an IANA name.*got "Mars\/Olympus"/,
    ],
    [{}, /must say either cron or every, got neither/],
    [{ cron: "0 0 * * *", every: "1h" }, /must say either cron or every, got both/],
    [{ every: "1h", timezone: berlin }, /knows no timezone/],
    [{ every: "100ms" }, /must be whole seconds, 1s or more, got "100ms"/],
    [{ every: "1h", missed: "some" as "all" }, /missed of schedule "s"/], // oxlint-disable-line typescript/no-unsafe-type-assertion -- what somebody without a compiler writes
    [{ every: "1h", overlap: "wait" as "skip" }, /overlap of schedule "s"/], // oxlint-disable-line typescript/no-unsafe-type-assertion -- what somebody without a compiler writes
  ];
  for (const [given, message] of wrong)
    assert.throws(
      () => planOf(given),
      (error) => error instanceof UsageError && message.test(error.message),
      `${message}`,
    );
});
