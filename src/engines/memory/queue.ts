/**
 * The queue in memory; SQLite's too.
 *
 * Per queue name, four lanes, one per priority; per worker, a session with what it holds. Every operation is O(1) per task.
 * There are no timers: ended sessions are noticed by the next operation that could care. `nextEnd` is a lower bound of all
 * ends, so looking for them costs a comparison, and a walk over the sessions only when one may have ended.
 */
import type { Priority } from "../../core/event.ts";
import type { Task } from "../../core/task.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Lease, Queue } from "../../ports/queue.ts";

export type MemoryQueue = Queue & {
  /** What put does, at once: for a commit. */
  readonly add: (tasks: readonly Task[]) => void;
  /** Loses everything, as a broker may: tasks, leases, sessions. */
  readonly lose: () => void;
  readonly copy: () => () => void;
};

export type MemoryQueueOptions = {
  /** What counts as silence of a worker. */
  readonly clock: Pick<Clock, "now">;
  /** Starts every lease's id. Unique per queue where workers may outlive it, so that an old lease never fits a new task. */
  readonly prefix: string;
  /** There is something to take that was not there before. */
  readonly hint: () => void;
};

type Item = { readonly task: Task; deliveries: number };

/** First in, first out, and a way back to the front. */
type Lane = { waiting: Item[]; head: number; readonly returned: Item[] };

type Session = { endsAt: number; readonly held: Map<string, Item> };

const priorities: readonly Priority[] = ["urgent", "high", "normal", "low"];

export function memoryQueue({ clock, prefix, hint }: MemoryQueueOptions): MemoryQueue {
  const lanes = new Map<string, Readonly<Record<Priority, Lane>>>();
  const sessions = new Map<string, Session>();
  let nextEnd = Infinity;
  let leases = 0;
  let turn = 0;

  function laneOf(task: Task): Lane {
    let named = lanes.get(task.queue);
    if (named === undefined) {
      named = { urgent: emptyLane(), high: emptyLane(), normal: emptyLane(), low: emptyLane() };
      lanes.set(task.queue, named);
    }
    return named[task.priority];
  }

  /** Ends the sessions whose time is over, by Q2. */
  function endSessions(now: number): void {
    if (now < nextEnd) return;
    nextEnd = Infinity;
    let back = 0;
    for (const [worker, session] of sessions) {
      if (session.endsAt > now) {
        nextEnd = Math.min(nextEnd, session.endsAt);
        continue;
      }
      sessions.delete(worker);
      // Last first, because each goes to the front.
      for (const item of [...session.held.values()].toReversed())
        laneOf(item.task).returned.push(item);
      back += session.held.size;
    }
    if (back > 0) hint();
  }

  function keep(session: Session, endsAt: number): void {
    session.endsAt = endsAt;
    nextEnd = Math.min(nextEnd, endsAt);
  }

  function lease(session: Session, item: Item): Lease {
    leases += 1;
    item.deliveries += 1;
    const id = `${prefix}${leases}`;
    session.held.set(id, item);
    return { id, task: item.task, delivery: item.deliveries };
  }

  /** The item of a lease this worker still holds, taken out of its session. */
  function giveUp(worker: string, { id }: Lease): Item | undefined {
    const held = sessions.get(worker)?.held;
    const item = held?.get(id);
    held?.delete(id);
    return item;
  }

  function add(tasks: readonly Task[]): void {
    for (const task of tasks) laneOf(task).waiting.push({ task, deliveries: 0 });
    if (tasks.length > 0) hint();
  }

  return {
    add,
    lose() {
      lanes.clear();
      sessions.clear();
      nextEnd = Infinity;
    },
    copy() {
      const [were, held] = structuredClone([[...lanes], [...sessions]] as const);
      return () => {
        lanes.clear();
        sessions.clear();
        for (const [name, lane] of were) lanes.set(name, lane);
        for (const [worker, session] of held) sessions.set(worker, session);
        nextEnd = 0;
      };
    },
    put: async (tasks) => add(tasks),
    async take(worker, queues, max, leaseMs) {
      const now = clock.now();
      endSessions(now);
      const session = sessions.get(worker) ?? { endsAt: 0, held: new Map<string, Item>() };
      sessions.set(worker, session);
      keep(session, now + leaseMs);
      const named = queues.flatMap((name) => lanes.get(name) ?? []);
      turn += 1; // Another queue comes first each time, so that none starves another.
      const taken: Lease[] = [];
      for (const priority of priorities) {
        const open = named.map((queue) => queue[priority]);
        for (let at = turn; open.length > 0 && taken.length < max; at += 1) {
          const index = at % open.length;
          const item = next(open[index]);
          if (item === undefined) open.splice(index, 1);
          else taken.push(lease(session, item));
        }
      }
      return taken;
    },
    async extend(worker, leaseMs) {
      const now = clock.now();
      endSessions(now);
      const session = sessions.get(worker);
      if (session !== undefined) keep(session, now + leaseMs);
      return session !== undefined;
    },
    async ack(worker, done) {
      endSessions(clock.now());
      return done.filter((each) => giveUp(worker, each) !== undefined).length;
    },
    async release(worker, given) {
      endSessions(clock.now());
      const items = given.flatMap((each) => giveUp(worker, each) ?? []);
      for (const item of items.toReversed()) {
        item.deliveries -= 1; // Q4: nobody had it.
        laneOf(item.task).returned.push(item);
      }
      if (items.length > 0) hint();
      return items.length;
    },
  };
}

function emptyLane(): Lane {
  return { waiting: [], head: 0, returned: [] };
}

function next(lane: Lane | undefined): Item | undefined {
  if (lane === undefined) return undefined;
  const item = lane.returned.pop() ?? lane.waiting[lane.head];
  if (item === undefined || item !== lane.waiting[lane.head]) return item;
  lane.head += 1;
  // What was handed out is cut off when it is half of the array: each item moves at most once on average.
  if (lane.head * 2 >= lane.waiting.length) {
    lane.waiting = lane.waiting.slice(lane.head);
    lane.head = 0;
  }
  return item;
}
