/** Ticks: which are due, what each does, and that none does it twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshBench, plansOf, play, restarted, type At, type Bench } from "../contract/decider.ts";
import { ask, done, flowPlan, plainPlan, ticked } from "../contract/events.ts";
import { limits } from "./limits.ts";
import { dueTicks, lastTicks, type SchedulePlan } from "./schedule.ts";
import type { Decided } from "./state.ts";

const flows = plansOf([flowPlan([plainPlan("first")])]);
const everyMs = 60_000;

function plan(more: Partial<SchedulePlan> = {}): SchedulePlan {
  return {
    name: "s",
    flow: "f",
    rule: "every 1m",
    missed: "latest",
    overlap: "allow",
    next: (after) => (Math.floor(after / everyMs) + 1) * everyMs,
    stamp: (at) => new Date(at).toISOString().slice(0, 16) + "Z",
    input: (at, last) => ({ at, last: last ?? null }),
    ...more,
  };
}

const having = (...plans: readonly SchedulePlan[]) => new Map(plans.map((one) => [one.name, one]));

/** Lives through the batches, and takes in what it writes itself, as a manager does. */
function lived(bench: Bench, ...batches: readonly At[][]): { bench: Bench; decided: Decided } {
  const all: Decided = { events: [], tasks: [] };
  let now = bench;
  for (const batch of batches) {
    let next: readonly At[] = batch;
    while (next.length > 0) {
      const { bench: after, decided } = play(now, next);
      now = after;
      all.events.push(...decided.events);
      all.tasks.push(...decided.tasks);
      const at = next.at(-1)?.at ?? 0;
      next = decided.events.flatMap((event) =>
        event.type === "run.started" ? [{ at, event }] : [],
      );
    }
  }
  return { bench: now, decided: all };
}

const started = ({ events }: Decided): readonly string[] =>
  events.flatMap((event) => (event.type === "run.began" ? [event.run] : []));
const outcomes = ({ events }: Decided): readonly string[] =>
  events.flatMap((event) => (event.type === "schedule.ticked" ? [event.outcome] : []));
const scheduleAt = ({ state }: Bench) => state.schedules.get("s");
const asked = (at: number, what: "fire" | "pause" | "resume", request = `${what} ${at}`): At => ({
  at,
  event: { type: "schedule.asked", schedule: "s", what, request, author: "anna", reason: "why" },
});
const ending = (at: number, minute: number): At =>
  done(at, "first", { run: `s@1970-01-01T00:0${minute}Z` });

test("a schedule that is new counts from now, and each tick starts one run, called after it", () => {
  const bench = freshBench(flows, having(plan()));
  const { bench: after, decided } = lived(
    bench,
    [ticked(90_000)],
    [ticked(119_999)],
    [ticked(120_000)],
    [ticked(120_001)],
  );
  assert.deepEqual(started(decided), ["s@1970-01-01T00:02Z"]);
  assert.deepEqual(after.state.runs.get("s@1970-01-01T00:02Z")?.input, { at: 120_000, last: null });
  assert.deepEqual(after.state.runs.get("s@1970-01-01T00:02Z")?.tags, { schedule: "s" });
  assert.equal(scheduleAt(after)?.nextAt, 180_000);
});

test("a tick is taken once, whoever takes over before its commit or after it", () => {
  const schedules = having(plan());
  const { bench } = lived(freshBench(flows, schedules), [ticked(90_000)]);
  const before = restarted(bench, flows, 0, schedules);
  const taken = lived(before, [ticked(120_000)]);
  assert.deepEqual(started(taken.decided), ["s@1970-01-01T00:02Z"]);
  const again = restarted(taken.bench, flows, 0, schedules);
  assert.deepEqual(started(lived(again, [ticked(121_000)]).decided), []);
  assert.deepEqual(started(lived(again, [ticked(180_000)]).decided), ["s@1970-01-01T00:03Z"]);
});

test("ten days of downtime: the latest tick, all of the last thousand, or none", () => {
  const to = 10 * 86_400_000 + 5_000;
  assert.deepEqual(dueTicks(plan(), 0, to), [to - 5_000]);
  assert.deepEqual(dueTicks(plan({ missed: "none" }), 0, to), [to - 5_000]);
  const daily = plan({
    missed: "none",
    next: (after) => (Math.floor(after / 86_400_000) + 1) * 86_400_000,
  });
  assert.deepEqual(dueTicks(daily, 0, to + 3_600_000), []);
  assert.deepEqual(dueTicks({ ...daily, missed: "all" }, 0, to).length, 10);
  const all = dueTicks(plan({ missed: "all" }), 0, to);
  assert.deepEqual([all.length, all.at(-1)], [limits.missedTicks, to - 5_000]);
});

test("the last ticks are found without walking through those before", () => {
  let asked = 0;
  const next = (after: number): number => {
    asked += 1;
    return (Math.floor(after / 1_000) + 1) * 1_000;
  };
  assert.deepEqual(lastTicks({ next }, 0, 864_000_500, 2), [863_999_000, 864_000_000]);
  assert.ok(asked < 100, `${asked} steps`);
  assert.deepEqual(lastTicks({ next: () => undefined }, 0, 864_000_500, 2), []);
});

test("overlap: skip leaves the tick out, queue begins it later, allow begins it at once", () => {
  const minutes = [[ticked(90_000)], [ticked(120_000)], [ticked(180_000)], [ticked(240_000)]];
  const of = (overlap: SchedulePlan["overlap"]) =>
    lived(freshBench(flows, having(plan({ overlap }))), ...minutes);
  assert.equal(started(of("allow").decided).length, 3);
  const skip = of("skip");
  assert.deepEqual(outcomes(skip.decided), ["started", "skipped", "skipped"]);
  assert.equal(scheduleAt(skip.bench)?.skipped, 2);
  const on = lived(skip.bench, [ending(250_000, 2)], [ticked(300_000)]);
  assert.deepEqual(started(on.decided), ["s@1970-01-01T00:05Z"]);
  const queue = of("queue");
  assert.deepEqual(outcomes(queue.decided), ["started", "queued", "queued"]);
  const second = lived(queue.bench, [ending(250_000, 2)]);
  assert.deepEqual(started(second.decided), ["s@1970-01-01T00:03Z"]);
  const third = lived(second.bench, [ending(260_000, 3)]);
  assert.deepEqual(started(third.decided), ["s@1970-01-01T00:04Z"]);
});

/** Of a schedule whose runs wait for one another: the tick of 00:02 has begun a run, that of 00:03 waits for its end. */
const oneOpenOneQueued = (schedules: ReturnType<typeof having>): Bench =>
  lived(freshBench(flows, schedules), [ticked(90_000)], [ticked(120_000)], [ticked(180_000)]).bench;

test("what is open and queued survives a restart", () => {
  const schedules = having(plan({ overlap: "queue" }));
  const bench = oneOpenOneQueued(schedules);
  const again = restarted(bench, flows, 0, schedules);
  assert.deepEqual(started(lived(again, [ending(190_000, 2)]).decided), ["s@1970-01-01T00:03Z"]);
});

test("a program without the schedule sees its runs end, also those that are removed later; none of its ticks is started there", () => {
  const schedules = having(plan({ overlap: "queue" }));
  const bench = oneOpenOneQueued(schedules);
  const without = lived(
    restarted(bench, flows, 0, new Map()),
    [ending(190_000, 2)],
    [ticked(240_000), asked(240_001, "fire")],
  );
  assert.deepEqual(started(without.decided), []);
  const again = restarted(without.bench, flows, 0, schedules);
  assert.deepEqual(scheduleAt(again)?.open, []);
  const { decided } = lived(again, [ticked(240_002)]);
  assert.deepEqual(started(decided), ["s@1970-01-01T00:03Z"]);
  assert.deepEqual(outcomes(decided), ["started", "queued"]);
});

test("a cancelled run makes room as well", () => {
  const { bench } = lived(
    freshBench(flows, having(plan({ overlap: "skip" }))),
    [ticked(90_000)],
    [ticked(120_000)],
  );
  const after = lived(
    bench,
    [ask(130_000, "cancel", { run: "s@1970-01-01T00:02Z" })],
    [ticked(180_000)],
  );
  assert.deepEqual(started(after.decided), ["s@1970-01-01T00:03Z"]);
});

test("a rule that has changed counts from the change; the same rule makes up for what was missed", () => {
  const { bench } = lived(freshBench(flows, having(plan())), [ticked(90_000)]);
  const changed = restarted(bench, flows, 0, having(plan({ rule: "every 60s" })));
  assert.deepEqual(started(lived(changed, [ticked(500_000)], [ticked(540_000)]).decided), [
    "s@1970-01-01T00:09Z",
  ]);
  const gone = lived(restarted(bench, flows, 0, new Map()), [ticked(500_000)]);
  assert.deepEqual(started(gone.decided), []);
  const back = restarted(gone.bench, flows, 0, having(plan()));
  assert.deepEqual(started(lived(back, [ticked(500_000)]).decided), ["s@1970-01-01T00:08Z"]);
});

test("paused, no tick starts anything, and those ticks are gone when it is resumed; asked twice, it is done once", () => {
  const schedules = having(plan({ missed: "all" }));
  const { bench } = lived(
    freshBench(flows, schedules),
    [ticked(90_000)],
    [asked(100_000, "pause", "p")],
  );
  assert.deepEqual(scheduleAt(bench)?.paused, { at: 100_000, author: "anna", reason: "why" });
  const quiet = lived(
    restarted(bench, flows, 0, schedules),
    [ticked(200_000)],
    [asked(210_000, "pause", "p")],
    [asked(211_000, "pause")],
  );
  assert.deepEqual(started(quiet.decided), []);
  assert.deepEqual(scheduleAt(quiet.bench)?.answers, [
    { request: "p", matched: 1 },
    { request: "pause 211000", matched: 0, refused: 'schedule "s" is paused already' },
  ]);
  const on = lived(quiet.bench, [asked(500_000, "resume")], [ticked(501_000)], [ticked(540_000)]);
  assert.deepEqual(started(on.decided), ["s@1970-01-01T00:09Z"]);
});

test("fired now, it starts whatever runs, once per request, and its ticks go on", () => {
  const stamp = (at: number): string => new Date(at).toISOString();
  const { bench } = lived(
    freshBench(flows, having(plan({ overlap: "skip", stamp }))),
    [ticked(90_000)],
    [ticked(120_000)],
  );
  const fired = lived(bench, [asked(130_000, "fire", "x")], [asked(130_001, "fire", "x")]);
  assert.deepEqual(started(fired.decided), ["s@1970-01-01T00:02:10.000Z"]);
  assert.deepEqual(scheduleAt(fired.bench)?.answers, [
    { request: "x", matched: 1, run: "s@1970-01-01T00:02:10.000Z" },
  ]);
  assert.equal(scheduleAt(fired.bench)?.nextAt, 180_000);
});

test("an input that cannot be made is said, and the ticks go on", () => {
  const input = (): never => {
    throw new TypeError("no such month");
  };
  const { bench, decided } = lived(
    freshBench(flows, having(plan({ input }))),
    [ticked(90_000)],
    [ticked(120_000)],
  );
  assert.deepEqual(started(decided), []);
  assert.equal(scheduleAt(bench)?.last?.because, "its input could not be made: no such month");
  assert.equal(scheduleAt(bench)?.nextAt, 180_000);
});

test("ten thousand schedules: only those that are due are looked at, and a thousand in one commit", () => {
  const asks = { n: 0 };
  const all = Array.from({ length: 10_000 }, (_, n) =>
    plan({
      name: `s${n}`,
      next(after) {
        asks.n += 1;
        return after < n * 1_000 + 200_000 ? n * 1_000 + 200_000 : undefined;
      },
    }),
  );
  const { bench } = lived(freshBench(flows, having(...all)), [ticked(90_000)]);
  asks.n = 0;
  for (let at = 100_000; at < 200_000; at += 100) play(bench, [ticked(at)]);
  assert.equal(asks.n, 0);
  const { decided } = play(bench, [ticked(205_000)]);
  assert.equal(decided.events.filter(({ type }) => type === "run.started").length, 6);
  const portion = play(bench, [ticked(20_000_000)]).decided.events;
  assert.equal(portion.filter(({ type }) => type === "run.started").length, limits.wakesPerTick);
  assert.equal(portion.at(-1)?.type, "ticked");
});
