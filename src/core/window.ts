/**
 * Which sub-jobs may be in the queue now.
 *
 * A fan-out of a million must cost the queue nothing, an urgent run must not wait behind it, and pause, cancel and limits must act
 * at once. So the queue gets a window: as many sub-jobs as its workers finish in a moment, and each time some are settled, the
 * next are chosen. The choice is made in turns: by priority (8 : 4 : 2 : 1, so that low is slow and never starved), among the customers of
 * that priority, among that customer's lanes. A lane is a fan-out that has work. Every choice is O(1): lanes without work leave
 * their ring when their turn comes, and are put back when they have work again.
 *
 * What travels is a slice, sized from the measured duration so that handing it out stays a small share: one sub-job where each
 * takes a minute, hundreds where they take microseconds.
 */
import type { Priority } from "./event.ts";
import type { FanOut } from "./fan-out.ts";
import { hasKeyedWork, type KeyedLimit } from "./keyed.ts";
import * as ledgers from "./ledger.ts";
import { limits } from "./limits.ts";
import * as slices from "./slices.ts";
import { roomIn, spend, type Throttle } from "./throttle.ts";

export type Lane = {
  readonly run: string;
  /** Of its step in the run. */
  readonly position: number;
  readonly customer: string;
  readonly priority: Priority;
  readonly queue: string;
  readonly job: string;
  concurrency: number;
  readonly step: FanOut;
  /** It stands in a ring. */
  active: boolean;
  /** Gets nothing until it is resumed. */
  paused: boolean;
  /** All that it is limited by, beside its own concurrency. */
  throttles: readonly Throttle[];
  /** The limit by key, where its job has one. */
  readonly limit: KeyedLimit | undefined;
};

type Ring<T> = { readonly items: T[]; at: number };
type Customer = { readonly name: string; readonly lanes: Ring<Lane> };
type Class = { readonly customers: Ring<Customer>; readonly byName: Map<string, Customer> };

/** What one queue has in flight, and who may add to it. */
export type Pool = {
  inFlight: number;
  slots: number;
  sessions: number;
  readonly classes: Readonly<Record<Priority, Class>>;
  /** How long sub-jobs of each job took last, in ms: for steps that have not finished any. */
  readonly services: Map<string, number>;
  turn: number;
};

const turns: readonly Priority[] = [
  "urgent", "high", "urgent", "normal", "urgent", "high", "urgent", "low",
  "urgent", "high", "urgent", "normal", "urgent", "high", "urgent",
]; // prettier-ignore

/** In flight per queue while no worker has said how many slots it has: enough for the first to begin with. */
const unknownSlots = 64;
/** The window holds what the slots do in this time, and at least twice the slots, so that none of them waits for a commit. */
const windowMs = 500;
/** A slice is what one worker does in this time: long against handing it out, short against the tail of a step. */
const sliceMs = 10;
/** The end of a step is shared out in slices of this, and no smaller: handing one out takes as long. */
const shareMs = 1;
/**
 * What a worker has in hand beyond its slots: what they do in this time, so that none waits for the queue. Less than a window less
 * what gathers: as long as the queue is not empty, each worker has the same in hand, and they end together. Less than that is the
 * end of what a queue has, and is not taken ahead: others would miss it.
 */
export const prefetchMs = 120;
/** Sub-jobs in a slice before anything is known of their duration. */
const firstSlice = 4;

export function emptyPool(): Pool {
  const empty = (): Class => ({ customers: { items: [], at: 0 }, byName: new Map() });
  return {
    inFlight: 0,
    slots: 0,
    sessions: 0,
    classes: { urgent: empty(), high: empty(), normal: empty(), low: empty() },
    services: new Map(),
    turn: 0,
  };
}

/** The lane has work: it takes part in the turns from now on. */
export function offer(pool: Pool, lane: Lane): void {
  if (lane.active || lane.paused || !hasWork(lane)) return;
  if (lane.throttles.some(({ waiting }) => waiting.has(lane))) return; // Others wait longer: it comes back in its turn.
  lane.active = true;
  const { customers, byName } = pool.classes[lane.priority];
  let customer = byName.get(lane.customer);
  if (customer === undefined) {
    customer = { name: lane.customer, lanes: { items: [], at: 0 } };
    byName.set(lane.customer, customer);
    customers.items.push(customer);
  }
  customer.lanes.items.push(lane);
}

function hasWork({ step }: Lane): boolean {
  return step.keyed === undefined ? slices.hasWork(step) : hasKeyedWork(step, step.keyed);
}

function current<T>(ring: Ring<T>): T | undefined {
  if (ring.at >= ring.items.length) ring.at = 0;
  return ring.items[ring.at];
}

function leave<T>(ring: Ring<T>): void {
  ring.items.splice(ring.at, 1);
}

/** The lane whose turn it is, of those that may take at least one; lanes that may not, leave. It is its turn until `pass`. */
function nextLane(pool: Pool, at: number): Lane | undefined {
  for (let tries = 0; tries < turns.length; tries += 1) {
    const lane = nextOf(classOf(pool), at);
    if (lane !== undefined) return lane;
    pool.turn = (pool.turn + 1) % turns.length;
  }
  return undefined;
}

function classOf(pool: Pool): Class {
  return pool.classes[turns[pool.turn] ?? "normal"];
}

function nextOf({ customers, byName }: Class, at: number): Lane | undefined {
  for (let customer = current(customers); customer !== undefined; customer = current(customers)) {
    for (let lane = current(customer.lanes); lane !== undefined; lane = current(customer.lanes)) {
      if (mayTake(lane, at) > 0) return lane;
      lane.active = false;
      leave(customer.lanes);
    }
    byName.delete(customer.name);
    leave(customers);
  }
  return undefined;
}

/** It had its turn: the next priority, of its priority the next customer, of its customer the next lane. */
function pass(pool: Pool): void {
  const { customers } = classOf(pool);
  const customer = current(customers);
  if (customer !== undefined) customer.lanes.at += 1;
  customers.at += 1;
  pool.turn = (pool.turn + 1) % turns.length;
}

function mayTake(lane: Lane, at: number): number {
  if (lane.paused || !hasWork(lane)) return 0;
  let room = lane.concurrency - ledgers.count(lane.step.ledger, ledgers.inFlight);
  for (const throttle of lane.throttles) {
    if (room <= 0) return room;
    room = Math.min(room, roomIn(throttle, at));
    if (room === 0) throttle.waiting.add(lane);
  }
  return room;
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** How many sub-jobs the queue may have in flight when they take this long. */
function windowSize(pool: Pool, serviceMs: number | undefined): number {
  const slots = pool.slots === 0 ? unknownSlots : pool.slots;
  const deep = serviceMs === undefined ? 2 : Math.ceil(windowMs / Math.max(serviceMs, 0.001));
  return clamp(slots * Math.max(2, deep), 2, Math.max(limits.windowSubJobs, slots * 2));
}

function serviceOf(pool: Pool, { step, job }: Lane): number | undefined {
  return step.serviceMs ?? pool.services.get(job);
}

/** How many sub-jobs of this lane travel together; what is left of a step is shared by all workers. */
function sliceSize(pool: Pool, lane: Lane): number {
  const { ledger } = lane.step;
  const serviceMs = serviceOf(pool, lane);
  const sessions = Math.max(1, pool.sessions);
  const slots = (pool.slots === 0 ? unknownSlots : pool.slots) / sessions;
  const wanted =
    serviceMs === undefined
      ? firstSlice
      : Math.floor((slots * sliceMs) / Math.max(serviceMs, 0.001));
  const left = ledgers.count(ledger, ledgers.waiting);
  const isShared = ledger.total !== undefined && sessions > 1;
  const worthwhile = Math.floor((wanted * shareMs) / sliceMs);
  const share = isShared ? Math.max(worthwhile, Math.ceil(left / (sessions * 4))) : Infinity;
  return clamp(Math.min(wanted, share), 1, limits.sliceSubJobs);
}

/** What is left after this slice is the end of all that waits here for workers, of whom there are several. */
export function isLast(pool: Pool, lane: Lane): boolean {
  const { ledger } = lane.step;
  const serviceMs = serviceOf(pool, lane);
  if (ledger.total === undefined || pool.sessions < 2 || serviceMs === undefined) return false;
  if (ledgers.count(ledger, ledgers.waiting) * serviceMs > pool.slots * prefetchMs) return false;
  return Object.values(pool.classes).every(({ customers }) =>
    customers.items.every(({ lanes }) => lanes.items.every((one) => one === lane)),
  );
}

/** Fills the window: calls `take` for the lane whose turn it is, until the window is full or nobody has work. */
export function fill(pool: Pool, at: number, take: (lane: Lane, max: number) => number): void {
  for (;;) {
    const lane = nextLane(pool, at);
    if (lane === undefined) return;
    const room = windowSize(pool, serviceOf(pool, lane)) - pool.inFlight;
    if (room <= 0) return; // It keeps its turn: who lost it whenever the window is full would never have one.
    const max = Math.min(room, sliceSize(pool, lane), mayTake(lane, at));
    const taken = take(lane, max);
    pool.inFlight += taken;
    for (const throttle of lane.throttles) spend(throttle, taken);
    pass(pool);
  }
}
