/**
 * Takes tasks, runs user code, writes its outcomes to the log, acknowledges. In that order: a crash between any two repeats work and
 * loses none.
 */
import { encode } from "../core/event.ts";
import { keys, partitionOf } from "../core/ids.ts";
import type { SliceTask, Task } from "../core/task.ts";
import { prefetchMs } from "../core/window.ts";
import type { Log } from "../define/ctx.ts";
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Lease } from "../ports/queue.ts";
import { UsageError } from "../errors.ts";
import type { Attempt, Tools } from "./attempt.ts";
import { withEdits } from "./editing.ts";
import { lostText, triplesOf } from "./loss.ts";
import { outcomes as collect } from "./outcomes.ts";
import { outgoing as outgoingOf } from "./outgoing.ts";
import { knownPauses } from "./pauses.ts";
import { pages as itemPages, type UnreadPage } from "./pages.ts";
import type { Role } from "./role.ts";
import { singles as singlesOf } from "./singles.ts";
import { subJobs as slotsFor } from "./sub-jobs.ts";
import { traced } from "./traced.ts";
import type { Tracing } from "./tracing.ts";

export type WorkerOptions = {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Names this worker's session; never used again by another. */
  readonly worker: string;
  readonly slots: number;
  readonly queues: readonly string[];
  /** How long its tasks are kept without a sign of life. Infinity in the process that owns the queue. */
  readonly leaseMs: number;
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly log: (level: keyof Log, message: string, data: object) => void;
  /** The earliest end of an attempt in hand, for who keeps the lease; undefined when there is none. */
  readonly onDeadline?: (endsAt: number | undefined) => void;
  /** Makes spans of what it runs. */
  readonly tracing?: Tracing | undefined;
};

export type Worker = Role & {
  /** Takes nothing new, lets what runs finish for so long, gives the rest back. */
  readonly drain: (ms: number) => Promise<void>;
  readonly busy: () => number;
};

/** How often a worker says that it is there, and how long that counts: window sizes follow it, nothing else. */
const seenEveryMs = 30_000;
const seenForMs = 75_000;
/** How often a worker looks whether the runs it works for still live. */
const checkEveryMs = 500;
/**
 * In place of prefetchMs while slots are free: what is in the queue may be all there is for a while, and whoever asks first must not
 * have it wait for its slots while those of others are free. It takes the rest at the next call.
 */
const firstPrefetchMs = 20;
/**
 * Outcomes wait for company for half of the time for which the slots have work in hand, but no longer than gatherMs, and not until
 * the next end together: a commit costs as much for one as for hundreds. Slots that run dry, and the last outcomes of a step, are written at once.
 */
const gatherMs = prefetchMs / 2;
/** Outcomes that come in turn after turn of the event loop belong together, for no longer than this. */
const togetherMs = 2;
/** Work in hand for less than this is none. */
const leastHandMs = 2;
const prefetchAtMost = 4_096;
/** Who begins anew takes slices for no smaller than this: the last ones were the end of something, and what comes is taken in two calls. */
const leastGuess = 4;
/** Tasks taken at once, at most. */
const takeAtMost = 256;
/** While it drains, a worker looks this often whether all is done. */
const drainLookMs = 20;
/** One progress report per attempt in this time. */
const progressEveryMs = 1_000;

export function worker(options: WorkerOptions): Worker {
  const { engine, clock, worker: name, slots, queues, leaseMs, flows, jobs, onDeadline } = options;
  const { tracing } = options;
  const items = itemPages(engine.log);
  const about = { clock, worker: name, log: engine.log };
  const spans = tracing && traced({ ...about, tracing }, collect(name));
  const collected = spans?.outcomes ?? collect(name);
  const outgoing = outgoingOf(engine, name);
  const reported = new WeakMap<Attempt, number>();
  /** Leases whose items could not be read yet. */
  let unread: readonly Lease[] = [];
  let draining = false;
  let wake: () => void = () => undefined;
  let nextSeenAt = 0;
  let nextExtendAt = 0;
  let nextCheckAt = 0;
  let nextEnd: number | undefined;
  const pauses = knownPauses(engine.store, engine.partitions);
  let sliceSize = 8;
  /** It had nothing in hand, and nothing has come yet of what it took since. */
  let isFresh = true;
  /** The queue gave all that it was asked for. */
  let hasMore = false;
  /** What it took last is the end of what there is. */
  let isEnd = false;
  let gatheringSince: number | undefined;
  /** Outcomes in this turn of the event loop. */
  let heard = 0;
  /** The role will be called because of outcomes. */
  let asked: "at once" | "later" | undefined;

  const tools: Tools = {
    now: clock.now,
    log: (level, message, data, { run, step, key, attempt }) =>
      options.log(level, message, { run, step, ...(key === "" ? {} : { key }), attempt, ...data }),
    progress(attempt, done, of) {
      const now = clock.now();
      if ((reported.get(attempt) ?? 0) + progressEveryMs > now) return;
      reported.set(attempt, now);
      const { run, step, index } = attempt;
      const event = { type: "sub-jobs.progressed" as const, run, step, generation: 0, index, done };
      outgoing.record({
        partition: partitionOf(run, engine.partitions),
        text: encode(of === undefined ? event : { ...event, of }),
      });
      wake();
    },
  };
  const { wills } = engine;
  const running = slotsFor({ slots, clock, tools, outcomes: collected, wills, onOutcome });
  const single = { engine, clock, flows, tools, outgoing, worker: name, tracing };
  const singles = singlesOf({ ...single, wake: () => wake() });

  // ---- tasks

  function inHand(): number {
    return running.waiting() + running.running() + singles.size();
  }

  function room(): number {
    if (draining) return 0;
    const service = running.serviceMs();
    const busy = running.running() + running.waiting() + singles.steps();
    const ms = busy < slots || isFresh || isEnd ? firstPrefetchMs : prefetchMs;
    const ahead = service === undefined ? 0 : Math.ceil((slots * ms) / Math.max(service, 0.01));
    return slots + Math.min(ahead, prefetchAtMost) - busy;
  }

  async function take(): Promise<number> {
    if (running.running() + running.waiting() === 0) {
      isFresh = true;
      sliceSize = Math.max(sliceSize, leastGuess);
    }
    const free = room();
    const max = Math.min(takeAtMost, Math.ceil(free / sliceSize));
    const taken = free <= 0 ? [] : await engine.queue.take(name, queues, max, leaseMs);
    hasMore = free > 0 && taken.length === max;
    const leases = [...unread, ...taken];
    unread = leases; // Until each is accepted: if reading an item throws, it is tried again at the next tick.
    if (leases.length > 0) await pauses.refresh(clock.now());
    for (const lease of leases) {
      await accept(lease);
      unread = unread.filter((one) => one !== lease);
    }
    running.pump();
    return leases.length;
  }

  async function accept(lease: Lease): Promise<void> {
    const { task, delivery } = lease;
    if (delivery > 1) {
      // Whoever had it is gone. That is a fact, and what follows from it is not the queue's decision.
      outgoing.record({ partition: task.partition, text: lostText(task, triplesOf(task), false) });
      outgoing.over(lease);
    } else if (pauses.isPaused(task) && (await pauses.isStillPaused(task))) {
      giveBack(task, triplesOf(task));
      outgoing.over(lease);
    } else if (task.kind === "slice") await acceptSlice(lease, task);
    else singles.start(lease, task);
  }

  /** Nobody vanished: these sub-jobs, or the one task of the step, were not begun. */
  function giveBack(task: Task, triples: readonly number[]): void {
    outgoing.record({ partition: task.partition, text: lostText(task, triples, true) });
  }

  async function acceptSlice(lease: Lease, task: SliceTask): Promise<void> {
    isEnd = task.last === true;
    sliceSize = Math.max(1, Math.round(sliceSize * 0.7 + task.count * 0.3));
    const { partition, run, step, generation } = task;
    const reading: Promise<UnreadPage>[] = [];
    for (let at = 0; at + 1 < task.pages.length; at += 2) {
      const place = { run, step, from: task.pages[at] ?? 0, offset: task.pages[at + 1] ?? 0 };
      reading.push(items.read(partition, place, task.again !== undefined));
    }
    const pages = await withEdits(engine.log, task, await Promise.all(reading));
    const home = { partition, run, step, generation };
    const job = jobs.get(task.job) ?? unknownJob(task.job);
    running.add({
      lease,
      task,
      home,
      job: spans === undefined ? job : await spans.job(home, task, job, pages),
      pages,
      begun: 0,
      left: task.count,
      dropped: false,
    });
  }

  // ---- outcomes

  /** When what was collected is to be written; undefined where there is nothing. */
  function flushAt(): number | undefined {
    if (!outgoing.isEmpty() || collected.isFull()) return 0;
    if (collected.isEmpty()) return undefined;
    const handMs = (running.waiting() * (running.serviceMs() ?? 0)) / slots;
    if (draining || running.running() === 0 || handMs < leastHandMs) return 0;
    gatheringSince ??= clock.now();
    return gatheringSince + Math.min(betweenRounds(running.serviceMs() ?? 0), handMs / 2);
  }

  function onOutcome(): void {
    heard += 1;
    const isFirst = isFresh;
    isFresh = false;
    // The first of a batch has the role called when the batch is due; the others find it asked already.
    if (asked === "at once") return;
    const now = clock.now();
    const due = isFirst ? now : (flushAt() ?? now);
    if (asked === "later" && due > now) return;
    asked = due > now ? "later" : "at once";
    void (due > now ? clock.sleep(due - now) : quiet()).then(() => {
      asked = undefined;
      wake();
    });
  }

  /** Those that end together come first, each with the next in its slot: what follows from them can wait for that. */
  async function quiet(): Promise<void> {
    const until = clock.now() + togetherMs;
    do {
      heard = 0;
      await clock.sleep(0);
    } while (heard > 0 && inHand() > 0 && clock.now() < until);
  }

  async function flush(): Promise<number> {
    if ((flushAt() ?? Infinity) > clock.now()) return 0;
    gatheringSince = undefined;
    for (const written of collected.take()) outgoing.record(written);
    for (const lease of running.takeFinished()) outgoing.over(lease);
    return outgoing.flush();
  }

  // ---- time

  function expire(): void {
    const ends = [running.expire(), singles.expire()].filter((at) => at !== undefined);
    nextEnd = ends.length === 0 ? undefined : Math.min(...ends);
    onDeadline?.(nextEnd);
  }

  /** In a test, weeks pass in which nothing happens. */
  const rarely = engine.hintsAreSure === true ? 1_000 : 1;

  function everywhere(text: string): void {
    for (let partition = 0; partition < engine.partitions; partition += 1)
      outgoing.record({ partition, text });
  }

  /** Workers say that they are there: windows are sized by their slots. */
  function seen(now: number): void {
    nextSeenAt = now + seenEveryMs * rarely;
    const until = Math.round(now) + seenForMs * rarely;
    everywhere(encode({ type: "worker.seen", worker: name, slots, queues, until }));
  }

  /** Stops working for runs that have ended: cancelled, or closed. What was paused is not begun. */
  async function checkRuns(now: number): Promise<void> {
    nextCheckAt = now + checkEveryMs;
    await pauses.refresh(now);
    for (const { held, triples } of running.takeBack(pauses.isPaused)) giveBack(held.task, triples);
    const runs = new Set([...running.runs(), ...singles.runs()]);
    const byPartition = Map.groupBy(runs, (run) => partitionOf(run, engine.partitions));
    for (const [partition, here] of byPartition) {
      const live = await engine.store.load(partition, here.map(keys.live));
      for (const run of here.filter((_, n) => live[n] === undefined)) {
        running.dropRun(run, "the run has ended");
        singles.dropRun(run, "the run has ended");
      }
    }
  }

  return {
    name: `worker ${name}`,
    hints: ["queue"],
    onWake(ask) {
      wake = ask;
    },
    wakeAt: () =>
      Math.min(
        nextEnd ?? Infinity,
        draining ? Infinity : nextSeenAt,
        leaseMs === Infinity ? Infinity : nextExtendAt,
        flushAt() ?? Infinity,
        inHand() > 0 ? nextCheckAt : Infinity,
      ),
    async tick() {
      const now = clock.now();
      if (now >= nextSeenAt && !draining) seen(now);
      if (now >= nextExtendAt && leaseMs !== Infinity) {
        nextExtendAt = now + leaseMs / 3;
        await engine.queue.extend(name, leaseMs);
      }
      if (inHand() === 0) nextCheckAt = now + checkEveryMs; // What it takes now was alive a moment ago.
      else if (now >= nextCheckAt) await checkRuns(now);
      // Outcomes first: others wait for what follows from them. Where the queue has more, the slots do not wait for it until they are durable.
      const [written, taken] = hasMore
        ? await both(flush(), take())
        : [await flush(), await take()];
      expire();
      return written + taken + (await flush());
    },
    busy: () => running.running() + singles.size(),
    async drain(ms) {
      draining = true;
      const until = clock.now() + ms;
      running.stop(); // What was not begun is given back: only what runs is waited for.
      while (running.running() + singles.size() > 0 && clock.now() < until) {
        await flush();
        await clock.sleep(Math.min(drainLookMs, until - clock.now()));
      }
      for (const { held, triples } of running.giveBack("the worker stops")) {
        giveBack(held.task, triples);
        outgoing.over(held.lease);
      }
      singles.giveBack("the worker stops");
      everywhere(encode({ type: "worker.gone", worker: name }));
      await flush();
    },
  };
}

/**
 * The longest time, up to gatherMs, that ends half-way between two rounds: those that began together end together, each with the
 * next one to begin, and what is done with their outcomes must not come then.
 */
function betweenRounds(roundMs: number): number {
  if (roundMs > 2 * gatherMs) return gatherMs;
  return (Math.floor(gatherMs / roundMs - 0.5) + 0.5) * roundMs;
}

/** Waits for both in any case: a tick that is over leaves nothing under way. */
async function both(one: Promise<number>, other: Promise<number>): Promise<[number, number]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

function unknownJob(name: string): Job {
  return {
    kind: "job",
    name,
    plan: {
      name,
      queue: "default",
      timeoutMs: 1_000,
      retry: { attempts: 1, backoff: "fixed", firstMs: 0, maxMs: 0 },
    },
    input: { "~standard": { version: 1, vendor: "fanfold", validate: (value) => ({ value }) } },
    run() {
      throw new UsageError(`job "${name}" is not in this worker's program: add it to parts`);
    },
  };
}
