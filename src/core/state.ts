/** What the manager of a partition knows, and the bookkeeping that every decision needs: workers, pools, timers. */
import type { Written } from "./event.ts";
import * as fifos from "./fifo.ts";
import type { Fifo } from "./fifo.ts";
import * as heaps from "./heap.ts";
import type { Heap } from "./heap.ts";
import * as slices from "./slices.ts";
import type { FanOut } from "./fan-out.ts";
import type { Schedule, Schedules } from "./schedule.ts";
import { limitPrefix, prefixes } from "./ids.ts";
import { holdKey, keyedLimit, keyIn, offerKeyed, type KeyedLimit } from "./keyed.ts";
import { hashAt } from "./limit-keys.ts";
import { limits } from "./limits.ts";
import { noPauses, pausesAt, placeOf, placeOfMain, type Pauses } from "./pauses.ts";
import { limitByKey, type JobPlan, type Plans, type SharedLimit, type StepPlan } from "./plan.ts";
import { isEnded, stepAt, type Run, type Step } from "./run.ts";
import type { Remains } from "./removal.ts";
import type { Task } from "./task.ts";
import { hold, roomIn, throttle, tokenAt, type Rate, type Throttle } from "./throttle.ts";
import { emptyPool, offer, type Pool } from "./window.ts";

export type Session = {
  readonly slots: number;
  readonly queues: readonly string[];
  readonly until: number;
};

export type Partition = {
  readonly partition: number;
  readonly plans: Plans;
  /** Those that live, and those that ended or were asked about a moment ago. */
  readonly runs: Map<string, Run>;
  readonly pools: Map<string, Pool>;
  /** How many partitions share what is limited for all runs. */
  readonly partitions: number;
  /** By job, by limit as `limit:name`, and by step as `run/step`; of those that have one. */
  readonly throttles: Map<string, Throttle>;
  /** Limits by key, by name. */
  readonly keyed: Map<string, KeyedLimit>;
  /** As they were stored, of those that nobody has asked for yet. */
  readonly tokens: Map<string, Pick<Throttle, "tokens" | "at" | "heldUntil">>;
  readonly workers: Map<string, Session>;
  pauses: Pauses;
  /** Runs to look at because of a deadline. */
  readonly deadlines: Heap<string>;
  /** What the program has of schedules that live here, and what is known of them; empty before the first event. */
  readonly plansOfSchedules: Schedules;
  readonly schedules: Map<string, Schedule>;
  readonly ticks: Heap<string>;
  hasMetSchedules: boolean;
  readonly timers: Heap<{ readonly run: string; readonly position: number }>;
  /** Jobs sent by themselves: which are under way, and which are due and wait for room, in the order they were. */
  readonly sent: { readonly underWay: Set<string>; readonly line: Fifo<string> };
  /** Expired runs that the next events name, as far as the next commit is to remove them. */
  readonly remains: Map<string, Remains>;
  /** Runs of which a part is removed: until all is, none of the same id can begin. */
  readonly leaving: Set<string>;
  /** What is to be written with the next commit. */
  readonly changed: {
    readonly removed: (readonly [key: string, value: string | undefined])[];
    readonly runs: Set<Run>;
    readonly steps: Map<Step, Run>;
    readonly keys: {
      readonly step: FanOut;
      readonly run: Run;
      readonly from: number;
      readonly keys: readonly string[];
    }[];
    readonly schedules: Set<Schedule>;
    workers: boolean;
    pauses: boolean;
  };
};

/** What follows from events. */
export type Decided = { readonly events: Written[]; readonly tasks: Task[] };

export function emptyPartition(
  partition: number,
  plans: Plans,
  partitions = 1,
  plansOfSchedules: Schedules = new Map(),
): Partition {
  return {
    partition,
    plans,
    runs: new Map(),
    pools: new Map(),
    partitions,
    throttles: new Map(),
    keyed: new Map(),
    tokens: new Map(),
    workers: new Map(),
    pauses: noPauses(),
    deadlines: heaps.heap(),
    plansOfSchedules,
    schedules: new Map(),
    ticks: heaps.heap(),
    hasMetSchedules: plansOfSchedules.size === 0,
    timers: heaps.heap(),
    sent: { underWay: new Set(), line: fifos.fifo() },
    remains: new Map(),
    leaving: new Set(),
    changed: {
      removed: [],
      runs: new Set(),
      steps: new Map(),
      keys: [],
      schedules: new Set(),
      workers: false,
      pauses: false,
    },
  };
}

/** When the partition wants to be told the time. */
export function wakeAt(state: Partition): number | undefined {
  let at = Math.min(
    heaps.peek(state.timers)?.at ?? Infinity,
    heaps.peek(state.deadlines)?.at ?? Infinity,
    heaps.peek(state.ticks)?.at ?? Infinity,
  );
  for (const throttle of state.throttles.values()) at = Math.min(at, tokenAt(throttle) ?? Infinity);
  for (const { due } of state.keyed.values()) at = Math.min(at, heaps.peek(due)?.at ?? Infinity);
  return at === Infinity ? undefined : at;
}

/** All that the fan-out is limited by in this partition: its job, what its job shares with others, and the pace that people have set for it. */
export function throttlesOf(state: Partition, run: Run, position: number): readonly Throttle[] {
  const { step, plan } = stepAt(run, position);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out") return [];
  const shared = (plan.job.limits ?? [])
    .filter(({ key }) => key === undefined)
    .map((limit) => sharedOf(state, limit));
  return [throttleOf(state, plan.job), ...shared, paceOf(state, run, step)].filter(
    (one) => one !== undefined,
  );
}

function throttleOf(state: Partition, { name, limit }: JobPlan): Throttle | undefined {
  const own = state.throttles.get(name);
  if (own !== undefined || (limit === undefined && !state.tokens.has(name))) return own;
  return newThrottle(state, name, throttle(limit ?? {}, state.partition, state.partitions));
}

/** The limit by key that its job has. */
export function keyedOf(state: Partition, job: JobPlan): KeyedLimit | undefined {
  const plan = limitByKey(job);
  if (plan === undefined) return undefined;
  let limit = state.keyed.get(plan.name);
  if (limit !== undefined) return limit;
  limit = keyedLimit(plan, state.partition, state.partitions);
  state.keyed.set(plan.name, limit);
  const prefix = prefixes.keys(plan.name);
  for (const [name, stored] of state.tokens)
    if (name.startsWith(prefix)) {
      Object.assign(keyIn(limit, Number(name.slice(prefix.length))), stored, { isSpent: true });
      state.tokens.delete(name);
    }
  return limit;
}

function sharedOf(state: Partition, limit: SharedLimit): Throttle {
  const name = `${limitPrefix}${limit.name}`;
  return (
    state.throttles.get(name) ??
    newThrottle(state, name, throttle(limit, state.partition, state.partitions))
  );
}

/** Another pace for this step from now on, null for none: it begins with all that may come at once. */
export function setPace(state: Partition, run: Run, position: number, rate: Rate | null): void {
  const { step } = stepAt(run, position);
  if (step.kind !== "fan-out") return;
  forgetPace(state, run, position);
  step.adjusted = { ...step.adjusted, rate };
  retireLane(run, position);
  const pace = paceOf(state, run, step);
  if (pace !== undefined) pace.isSpent = true; // What is stored of the one before is not its.
}

/** Its run lives here, so that it is not divided. */
function paceOf(state: Partition, run: Run, { name, adjusted }: FanOut): Throttle | undefined {
  const { rate } = adjusted;
  if (rate === undefined || rate === null || isEnded(run)) return undefined;
  const pace = `${run.id}/${name}`;
  return state.throttles.get(pace) ?? newThrottle(state, pace, throttle({ rate }, 0, 1));
}

function newThrottle(state: Partition, name: string, own: Throttle): Throttle {
  Object.assign(own, state.tokens.get(name));
  state.throttles.set(name, own);
  return own;
}

/** Its pace is another from now on, or its run is over: what is left of it no longer counts. */
export function forgetPace(state: Partition, run: Run, position: number): void {
  const step = run.steps[position];
  if (step?.kind !== "fan-out" || step.adjusted.rate === undefined) return;
  const pace = `${run.id}/${step.name}`;
  state.throttles.delete(pace);
  state.tokens.delete(pace);
  retireLane(run, position);
}

/** What the lane goes by has changed: it leaves its ring when its turn comes, and another is made when it is asked for. */
export function retireLane(run: Run, position: number): void {
  const lane = run.lanes[position];
  if (lane === undefined) return;
  lane.paused = true;
  run.lanes[position] = undefined;
}

/** Puts nothing more of the job until then: one of its sub-jobs was told so by whoever it asked. */
export function holdJob(state: Partition, job: JobPlan, until: number): void {
  let own = throttleOf(state, job);
  if (own === undefined) {
    own = newThrottle(state, job.name, throttle({}, state.partition, state.partitions));
    for (const run of state.runs.values())
      for (const [position, lane] of run.lanes.entries()) {
        const plan = run.plan.steps[position];
        if (plan?.kind === "fan-out" && plan.job.name === job.name && lane !== undefined)
          lane.throttles = [own, ...lane.throttles];
      }
  }
  hold(own, until);
}

/** The same of all that has the key of one sub-job; of its job, where it has none. */
export function holdKeyOf(
  state: Partition,
  step: FanOut,
  job: JobPlan,
  index: number,
  until: number,
): void {
  const limit = keyedOf(state, job);
  const hash = hashAt(step.keyed, index);
  if (limit === undefined || hash === 0) holdJob(state, job, until);
  else holdKey(limit, hash, until);
}

/** Lanes that waited for room under a limit come back to the window when there is some. */
export function offerThrottled(state: Partition, at: number): void {
  for (const throttle of state.throttles.values()) {
    if (throttle.waiting.size === 0 || roomIn(throttle, at) === 0) continue;
    const lanes = [...throttle.waiting];
    throttle.waiting.clear();
    for (const lane of lanes) offer(poolOf(state, lane.queue), lane);
  }
  for (const limit of state.keyed.values())
    offerKeyed(limit, at, ({ run, position }) => {
      const lane = state.runs.get(run)?.lanes[position]; // Another may have taken its place.
      if (lane !== undefined) offer(poolOf(state, lane.queue), lane);
    });
}

export function poolOf(state: Partition, queue: string): Pool {
  let pool = state.pools.get(queue);
  if (pool === undefined) {
    pool = emptyPool();
    state.pools.set(queue, pool);
    countSlots(state);
  }
  return pool;
}

/** The workers have changed: so has what each queue can do. */
export function countSlots(state: Partition, at = 0): void {
  for (const [name, session] of state.workers) if (session.until < at) state.workers.delete(name);
  for (const [queue, pool] of state.pools) {
    const mine = [...state.workers.values()].filter((session) => session.queues.includes(queue));
    pool.sessions = mine.length;
    pool.slots = mine.reduce((sum, session) => sum + session.slots, 0);
  }
  state.changed.workers = true;
}

/** How long a task may be out before the sweep takes it for lost. */
export function patienceMs(timeoutMs: number): number {
  return timeoutMs + 2 * limits.leaseMs + limits.sweepMs;
}

function stepWakeAt(step: Step, plan: StepPlan): number | undefined {
  const { main } = step;
  let at = Infinity;
  if (step.state === "running" && main.state === "retrying") at = main.at;
  if (step.state === "running" && main.state === "in-flight")
    at = main.at + patienceMs(plan.timeoutMs);
  if (step.kind === "fan-out" && plan.kind === "fan-out")
    at = Math.min(at, slices.wakeAt(step, patienceMs(plan.job.timeoutMs)) ?? Infinity);
  return at === Infinity ? undefined : at;
}

/** Asks to be woken when the step wants it, unless it will be woken before that anyway. */
export function arm(state: Partition, run: Run, position: number): void {
  const { step, plan } = stepAt(run, position);
  wakeRun(state, run, position, stepWakeAt(step, plan));
}

/** Asks to be woken at this time for the step at this position. */
export function wakeRun(
  state: Partition,
  run: Run,
  position: number,
  at: number | undefined,
): void {
  const armed = run.armedAt[position];
  if (at === undefined || (armed !== undefined && armed <= at)) return;
  run.armedAt[position] = at;
  heaps.push(state.timers, at, { run: run.id, position });
}

/** Whether a person has stopped this step: by itself, with its run, its customer, its job, its flow or its queue. */
export function isPaused(state: Partition, run: Run, position: number): boolean {
  const { all } = state.pauses;
  if (all.size === 0) return false;
  return pausesAt(all, placeOf(run, stepAt(run, position).plan)).length > 0;
}

/** The same of its one task; a job's pause does not keep a split from making the list. */
export function isMainPaused(state: Partition, run: Run, plan: StepPlan): boolean {
  const { all } = state.pauses;
  return all.size > 0 && pausesAt(all, placeOfMain(run, plan)).length > 0;
}

/** How often the forecast is looked at: each time this share of the time that is left has gone by. */
const riskShare = 1 / 20;
const riskLookMs = 1_000;

/** Asks to be woken for the next deadline of the run or the step it is at, or for the next look at its risk. */
export function watchRun(state: Partition, run: Run, at: number): void {
  if (isEnded(run) || run.at >= run.steps.length) return;
  const { step, plan } = stepAt(run, run.at);
  let next = Infinity;
  const consider = ({ lateAt, riskAt }: Run | Step, deadlineAt: number): void => {
    if (lateAt !== undefined) return;
    next = Math.min(next, deadlineAt);
    const lookAt = at + Math.max(riskLookMs, (deadlineAt - at) * riskShare);
    if (riskAt === undefined) next = Math.min(next, Math.ceil(lookAt));
  };
  if (run.deadlineAt !== undefined) consider(run, run.deadlineAt);
  if (plan.deadlineMs !== undefined && step.startedAt !== undefined)
    consider(step, step.startedAt + plan.deadlineMs);
  if (next === Infinity || (run.watchAt !== undefined && run.watchAt <= next)) return;
  run.watchAt = next;
  heaps.push(state.deadlines, next, run.id);
}
