/** What a schedule does: at its ticks, when a run of it has ended, and when people ask. */
import type { InputEvent, Recorded } from "./event.ts";
import * as heaps from "./heap.ts";
import { scheduleOf } from "./ids.ts";
import { limits } from "./limits.ts";
import {
  dueTicks,
  newSchedule,
  type Schedule,
  type SchedulePlan,
  type StoredSchedule,
  type Ticked,
} from "./schedule.ts";
import type { Decided, Partition } from "./state.ts";

type Asked = Recorded & Extract<InputEvent, { readonly type: "schedule.asked" }>;

/** Takes notice of what the program has: a schedule that is new, or has another rule now, counts from this event on. */
export function meetSchedules(state: Partition, event: Recorded, decided: Decided): void {
  if (state.hasMetSchedules) return;
  state.hasMetSchedules = true;
  for (const plan of state.plansOfSchedules.values()) {
    const schedule = state.schedules.get(plan.name) ?? newSchedule(plan);
    state.schedules.set(plan.name, schedule);
    if (schedule.rule !== plan.rule) {
      schedule.rule = plan.rule;
      schedule.from = event.at;
      schedule.nextAt = undefined;
      state.changed.schedules.add(schedule);
    }
    if (schedule.nextAt === undefined) armSchedule(state, schedule);
    else heaps.push(state.ticks, schedule.nextAt, plan.name);
    startQueued(state, schedule, decided); // What they waited for ended while no program served it.
  }
}

/** Says when it is to be woken. */
function armSchedule(state: Partition, schedule: Schedule): void {
  const { plan, from, paused } = schedule;
  schedule.nextAt = paused === undefined ? plan.next(from) : undefined;
  if (schedule.nextAt !== undefined) heaps.push(state.ticks, schedule.nextAt, plan.name);
}

/** Does what schedules are due at the time of this event, at most so many of them; returns how many. */
export function wakeSchedules(
  state: Partition,
  event: Recorded,
  decided: Decided,
  atMost: number,
): number {
  let woken = 0;
  for (
    let due = heaps.peek(state.ticks);
    due !== undefined && due.at <= event.at && woken < atMost;
    due = heaps.peek(state.ticks)
  ) {
    heaps.pop(state.ticks);
    const schedule = state.schedules.get(due.value);
    if (schedule === undefined || schedule.nextAt !== due.at) continue;
    woken += 1;
    for (const tick of dueTicks(schedule.plan, schedule.from, event.at))
      takeTick(state, schedule, tick, decided);
    schedule.from = event.at;
    state.changed.schedules.add(schedule);
    armSchedule(state, schedule);
  }
  return woken;
}

function takeTick(state: Partition, schedule: Schedule, tick: number, decided: Decided): void {
  const { plan, open, queue } = schedule;
  if (plan.overlap === "allow" || open.length === 0)
    return startTick(state, schedule, tick, decided);
  if (plan.overlap === "queue" && queue.length < limits.queuedTicks) {
    queue.push(tick);
    decided.events.push({ type: "schedule.ticked", schedule: plan.name, tick, outcome: "queued" });
    return;
  }
  schedule.skipped += 1;
  ticked(schedule, { tick, because: `run "${open[0]}" had not ended` }, decided);
}

function startTick(state: Partition, schedule: Schedule, tick: number, decided: Decided): void {
  const { plan } = schedule;
  start(state, schedule, tick, `${plan.name}@${plan.stamp(tick)}`, decided);
}

/** Starts a run, or says why it cannot. */
function start(
  state: Partition,
  schedule: Schedule,
  tick: number,
  run: string,
  decided: Decided,
): string | undefined {
  const { plan, last } = schedule;
  state.changed.schedules.add(schedule);
  try {
    const input = plan.input(tick, last?.tick);
    ticked(schedule, { tick, run }, decided);
    const tags = { schedule: plan.name };
    decided.events.push({ type: "run.started", run, flow: plan.flow, input, request: run, tags });
  } catch (thrown) {
    const said = thrown instanceof Error ? thrown.message : String(thrown);
    const because = `its input could not be made: ${said.slice(0, limits.errorLength)}`;
    ticked(schedule, { tick, because }, decided);
    return because;
  }
  if (plan.overlap !== "allow") schedule.open.push(run);
  return undefined;
}

function ticked(schedule: Schedule, what: Ticked, decided: Decided): void {
  const { tick, run, because } = what;
  schedule.last = what;
  decided.events.push({
    type: "schedule.ticked",
    schedule: schedule.plan.name,
    tick,
    outcome: run === undefined ? "skipped" : "started",
    ...(run === undefined ? {} : { started: run }),
    ...(because === undefined ? {} : { because }),
  });
}

/** A run of it has ended: the next that waited for that begins. */
export function endOfScheduled(state: Partition, run: string, decided: Decided): void {
  const schedule = state.schedules.get(scheduleOf(run) ?? "");
  if (schedule === undefined || !schedule.open.includes(run)) return;
  schedule.open = schedule.open.filter((one) => one !== run);
  state.changed.schedules.add(schedule);
  startQueued(state, schedule, decided);
}

function startQueued(state: Partition, schedule: Schedule, decided: Decided): void {
  if (!isServed(state, schedule)) return;
  while (schedule.open.length === 0) {
    const tick = schedule.queue.shift();
    if (tick === undefined) return;
    startTick(state, schedule, tick, decided);
  }
}

/** The program has it: its ticks are started here. */
function isServed(state: Partition, { plan }: Schedule): boolean {
  return state.plansOfSchedules.has(plan.name);
}

/** Fires, pauses or resumes it, once per request. */
export function obeySchedule(state: Partition, event: Asked, decided: Decided): void {
  const schedule = state.schedules.get(event.schedule);
  const { request } = event;
  if (schedule === undefined || !isServed(state, schedule)) return;
  if (schedule.answers.some((one) => one.request === request)) return;
  const run = `${schedule.plan.name}@${schedule.plan.stamp(event.at)}`;
  const refused =
    event.what === "fire"
      ? fire(state, schedule, event, run, decided)
      : pause(state, schedule, event);
  schedule.answers.push(
    refused === undefined
      ? { request, matched: 1, ...(event.what === "fire" ? { run } : {}) }
      : { request, matched: 0, refused },
  );
  if (schedule.answers.length > limits.answers) schedule.answers.shift();
  state.changed.schedules.add(schedule);
}

/** A person's tick: now, whatever runs. */
function fire(
  state: Partition,
  schedule: Schedule,
  event: Asked,
  run: string,
  decided: Decided,
): string | undefined {
  if (schedule.last?.run === run || state.runs.has(run)) return `run "${run}" is there already`;
  return start(state, schedule, event.at, run, decided);
}

function pause(state: Partition, schedule: Schedule, event: Asked): string | undefined {
  const { at, what, author, reason } = event;
  const isPaused = schedule.paused !== undefined;
  const { name } = schedule.plan;
  if (isPaused === (what === "pause"))
    return isPaused ? `schedule "${name}" is paused already` : `schedule "${name}" is not paused`;
  const by = author === undefined ? {} : { author };
  schedule.paused =
    what === "pause" ? { at, ...by, ...(reason === undefined ? {} : { reason }) } : undefined;
  schedule.from = at; // What would have come meanwhile was not wanted.
  armSchedule(state, schedule);
  return undefined;
}

/**
 * Puts a schedule back. One that the program does not have is not served here, but its runs end here all the same: it is kept up
 * to date for the program that has it. Where the rule has changed, it counts from the next event on.
 */
export function restoreSchedule(state: Partition, stored: StoredSchedule): void {
  const plan = state.plansOfSchedules.get(stored.schedule) ?? unserved(stored);
  state.schedules.set(plan.name, newSchedule(plan, stored));
}

function unserved({ schedule, rule }: StoredSchedule): SchedulePlan {
  return {
    name: schedule,
    flow: "",
    rule,
    missed: "none",
    overlap: "skip",
    next: () => undefined,
    stamp: String,
    input: () => null,
  };
}
