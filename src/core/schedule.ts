/**
 * What a schedule knows, and which of its ticks are due between two times of the log. Data and arithmetic; scheduling.ts decides.
 *
 * A schedule and all its runs live in one partition (ids.ts), so that a tick, the run it starts and the note that it is done are one
 * commit: two managers cannot start it twice, and none can forget it.
 */
import type { Json } from "./event.ts";
import { limits } from "./limits.ts";
import type { Answer } from "./stored.ts";

/** What the core needs to know of a schedule. define/schedule.ts makes it. */
export type SchedulePlan = {
  readonly name: string;
  /** The flow it starts, also of a job by itself. */
  readonly flow: string;
  /** For people, and to notice that it has changed. */
  readonly rule: string;
  readonly missed: "latest" | "all" | "none";
  readonly overlap: "skip" | "queue" | "allow";
  /** The first tick after this instant, epoch ms; undefined where there is none. */
  readonly next: (after: number) => number | undefined;
  /** The instant as the id of its run has it: `2026-11-01T02:00+01:00`. */
  readonly stamp: (at: number) => string;
  /** Runs the user's function. */
  readonly input: (at: number, last: number | undefined) => Json;
};

export type Schedules = ReadonlyMap<string, SchedulePlan>;

export type ScheduleAnswer = Answer & { readonly run?: string };

/** As it stands in the store. Instants in epoch ms. */
export type StoredSchedule = {
  readonly schedule: string;
  readonly rule: string;
  /** Ticks up to here are dealt with. */
  readonly from: number;
  /** Absent while it is paused, and where nothing comes any more. */
  readonly nextAt?: number;
  readonly paused?: { readonly at: number; readonly author?: string; readonly reason?: string };
  /** Runs of it that have not ended, unless they may overlap. */
  readonly open: readonly string[];
  /** Ticks that wait for those to end. */
  readonly queue: readonly number[];
  /** The last tick that was not missed, and what came of it. */
  readonly last?: Ticked;
  readonly skipped: number;
  readonly answers: readonly ScheduleAnswer[];
};

export type Ticked = {
  readonly tick: number;
  /** The run it started. */
  readonly run?: string;
  /** Why it did not. */
  readonly because?: string;
};

/** Updated in place, by the manager that decides on it. */
export type Schedule = {
  readonly plan: SchedulePlan;
  rule: string;
  from: number;
  nextAt: number | undefined;
  paused: StoredSchedule["paused"];
  open: string[];
  queue: number[];
  last: Ticked | undefined;
  skipped: number;
  answers: ScheduleAnswer[];
};

export function newSchedule(plan: SchedulePlan, stored?: StoredSchedule): Schedule {
  return {
    plan,
    rule: stored?.rule ?? "",
    from: stored?.from ?? 0,
    nextAt: stored?.nextAt,
    paused: stored?.paused,
    open: [...(stored?.open ?? [])],
    queue: [...(stored?.queue ?? [])],
    last: stored?.last,
    skipped: stored?.skipped ?? 0,
    answers: [...(stored?.answers ?? [])],
  };
}

export function storedSchedule(schedule: Schedule): StoredSchedule {
  const { plan, rule, from, nextAt, paused, open, queue, last, skipped, answers } = schedule;
  return {
    schedule: plan.name,
    rule,
    from,
    ...(nextAt === undefined ? {} : { nextAt }),
    ...(paused === undefined ? {} : { paused }),
    open,
    queue,
    ...(last === undefined ? {} : { last }),
    skipped,
    answers,
  };
}

/** What is looked at first, backwards from now; then four times as much, until there is enough in it. */
const firstLookMs = 60_000;

/**
 * The last ticks after `from` and up to `to`, at most so many, ascending.
 *
 * A schedule of every second that nobody served for ten days has had 864,000: to find the last of them costs sixty steps.
 */
export function lastTicks(
  { next }: Pick<SchedulePlan, "next">,
  from: number,
  to: number,
  atMost: number,
): readonly number[] {
  for (let lookMs = firstLookMs; ; lookMs *= 4) {
    const since = Math.max(from, to - lookMs);
    const ticks: number[] = [];
    for (let at = next(since); at !== undefined && at <= to; at = next(at)) {
      ticks.push(at);
      if (ticks.length > atMost) ticks.shift();
    }
    if (ticks.length === atMost || since === from) return ticks;
  }
}

/** Which ticks are run of those that are due now: what it says about missed ones. */
export function dueTicks(plan: SchedulePlan, from: number, now: number): readonly number[] {
  if (plan.missed === "all") return lastTicks(plan, from, now, limits.missedTicks);
  const ticks = lastTicks(plan, from, now, 1);
  return plan.missed === "latest" ? ticks : ticks.filter((at) => now - at <= limits.onTimeMs);
}
