/**
 * Runs sub-jobs on a fixed number of slots: the hot path of a worker.
 *
 * Slices wait in `ready`; each slot that falls free takes the next sub-job at once, without waiting for anything to be written
 * down. Outcomes are collected and written in batches by the worker. User code that never yields is given a
 * turn of a few ms at a time, so that I/O, timers and the writing of outcomes come between.
 */
import { bag, type Placed } from "../core/bag.ts";
import type { Failure } from "../core/event.ts";
import * as fifos from "../core/fifo.ts";
import type { SliceTask } from "../core/task.ts";
import type { Job } from "../define/job.ts";
import { store } from "../define/json.ts";
import { validate } from "../define/schema.ts";
import type { Clock } from "../ports/clock.ts";
import type { Lease } from "../ports/queue.ts";
import type { Wills } from "../ports/wills.ts";
import { abort, ctxOf, isThenable, meaningOf, type Attempt, type Tools } from "./attempt.ts";
import { lastWills } from "./last-wills.ts";
import { restOf } from "./loss.ts";
import type { Home, Outcomes } from "./outcomes.ts";
import { pageWith, type ItemPage, type UnreadPage } from "./pages.ts";
import { prepare } from "./preparing.ts";
import { cleanFailure, toolsFor } from "./redacting.ts";

/** A slice in hand. */
export type Held = {
  readonly lease: Lease;
  readonly task: SliceTask;
  readonly home: Home;
  readonly job: Job;
  /** Those its sub-jobs stand on, ascending. */
  readonly pages: readonly UnreadPage[];
  /** Sub-jobs begun so far. */
  begun: number;
  /** Sub-jobs without an outcome. */
  left: number;
  dropped: boolean;
  /** Its last will, from before the first is begun until its outcomes are handed on; of what is tried again, each has its own. */
  will?: number | undefined;
};

export type SubJobs = {
  readonly add: (held: Held) => void;
  /** Begins what may begin, and prepares what is next in line. */
  readonly pump: () => void;
  /** Ends attempts whose time is over; returns when the next one's will be. */
  readonly expire: () => number | undefined;
  /** Stops everything of this run, without outcomes: it has ended. */
  readonly dropRun: (run: string, why: string) => void;
  readonly runs: () => ReadonlySet<string>;
  /** Sub-jobs running, and those in hand that wait for a slot. */
  readonly running: () => number;
  readonly waiting: () => number;
  /** How long one takes, in ms; undefined before anything is known. */
  readonly serviceMs: () => number | undefined;
  /** Takes back what was not begun of the slices that match; what runs goes on. Triples per slice. */
  readonly takeBack: (matches: (task: SliceTask) => boolean) => readonly GivenBack[];
  /** Slices whose sub-jobs all have outcomes, since the last call. */
  readonly takeFinished: () => readonly Lease[];
  /** Begins nothing more. */
  readonly stop: () => void;
  /** Takes everything back that has no outcome: aborts what runs. Triples per slice: index, 1, issue. */
  readonly giveBack: (why: string) => readonly GivenBack[];
};

/** Of a slice, those without an outcome: index, 1, issue, … */
export type GivenBack = { readonly held: Held; readonly triples: readonly number[] };

/** How long user code may keep the event loop before other things get their turn. */
const turnMs = 8;
/** An attempt whose time is over may still finish within this share of its timeout, at most a second: it was told to stop. */
const graceShare = 0.1;
const longestGraceMs = 1_000;

export type SubJobsOptions = {
  readonly slots: number;
  readonly clock: Clock;
  readonly tools: Tools;
  readonly outcomes: Outcomes;
  readonly wills: Wills | undefined;
  /** Outcomes are there to be written. */
  readonly onOutcome: () => void;
};

type Running = Attempt &
  Placed & {
    readonly held: Held;
    readonly issue: number;
    readonly previous: number | undefined;
    will: number | undefined;
  };

export function subJobs(options: SubJobsOptions): SubJobs {
  const { slots, clock, tools, outcomes, onOutcome } = options;
  const wills = lastWills(options.wills);
  const ready = fifos.fifo<Held>();
  const running = bag<Running>();
  const held = new Set<Held>();
  let finished: Held[] = [];
  let waiting = 0;
  let service: number | undefined;
  let turnEndsAt: number | undefined;
  let nextEnd = Infinity;
  let stopped = false;

  function beginTurn(now: number): void {
    turnEndsAt = now + turnMs;
    void clock.sleep(0).then(() => {
      turnEndsAt = undefined;
      pump();
    });
  }

  function pump(): void {
    if (stopped) return;
    let now = clock.now();
    if (turnEndsAt === undefined && waiting > 0 && running.size() < slots) beginTurn(now);
    for (let begun = 1; waiting > 0 && running.size() < slots; begun += 1) {
      const slice = fifos.peek(ready);
      if (slice === undefined || now > (turnEndsAt ?? now)) return;
      if (slice.dropped || slice.begun === slice.task.count) {
        fifos.shift(ready);
        continue;
      }
      const isAsync = begin(slice, now);
      if (!isAsync || begun % 32 === 0) now = clock.now();
    }
  }

  /** True: it goes on by itself; false: it is over. */
  function begin(slice: Held, now: number): boolean {
    const { task, job, home } = slice;
    const again = task.again?.[slice.begun];
    const index = again?.index ?? task.from + slice.begun;
    slice.begun += 1;
    waiting -= 1;
    let page: ItemPage | undefined;
    let damage: unknown;
    try {
      page = pageWith(slice.pages, index);
    } catch (error) {
      damage = error;
    }
    const attempt: Running = {
      run: home.run,
      step: home.step,
      key: page?.keys[index - page.from] ?? "",
      index,
      attempt: again?.attempt ?? 1,
      startedAt: now,
      endsAt: now + job.plan.timeoutMs,
      runDeadlineAt: task.deadlineAt,
      tools: page === undefined ? tools : toolsFor(tools, job.plan, page, index),
      controller: undefined,
      over: false,
      place: -1,
      held: slice,
      issue: again?.issue ?? 1,
      previous: again?.previous,
      will: undefined,
    };
    wills?.ofSubJob(attempt, slice, index, attempt.issue);
    try {
      if (page === undefined) throw damage; // oxlint-disable-line typescript/only-throw-error -- it was caught above
      const input = validate(
        job.input,
        page.items[index - page.from],
        `input of job "${job.name}"`,
      );
      const result =
        input instanceof Promise
          ? input.then((value) => job.run(value, ctxOf(attempt)))
          : job.run(input, ctxOf(attempt));
      if (isThenable(result)) {
        running.add(attempt);
        nextEnd = Math.min(nextEnd, attempt.endsAt);
        result.then(
          (value) => succeedLate(attempt, value),
          (thrown: unknown) => failLate(attempt, thrown),
        );
        return true;
      }
      succeed(attempt, textOf(attempt, result), clock.now());
    } catch (thrown) {
      fail(attempt, thrown, clock.now());
    }
    return false;
  }

  function succeedLate(attempt: Running, result: unknown): void {
    if (!leave(attempt)) return;
    const now = clock.now();
    let text: string | undefined;
    try {
      text = textOf(attempt, result); // As it is now: what follows may change it.
    } catch (thrown) {
      fail(attempt, thrown, now);
      pump();
      return;
    }
    pump(); // What follows in its slot does not wait until it is written down.
    succeed(attempt, text, now);
  }

  function failLate(attempt: Running, thrown: unknown): void {
    if (!leave(attempt)) return;
    const now = clock.now();
    if (now >= attempt.endsAt) timeOut(attempt, now);
    else fail(attempt, thrown, now);
    pump();
  }

  /** Frees its slot. False: the attempt was over before. */
  function leave(attempt: Running): boolean {
    running.remove(attempt);
    return !attempt.over;
  }

  /** Undefined where there is nothing to store. Throws UsageError for what cannot be. */
  function textOf({ held }: Running, result: unknown): string | undefined {
    return result === undefined ? undefined : store(result, `result of job "${held.job.name}"`);
  }

  function succeed(attempt: Running, text: string | undefined, now: number): void {
    const { home } = attempt.held;
    const us = (now - attempt.startedAt) * 1_000;
    const { index, issue, previous } = attempt;
    const isFirst = attempt.attempt === 1 && previous === undefined;
    outcomes.ok(
      home,
      index,
      issue,
      text,
      us,
      isFirst ? undefined : { attempt: attempt.attempt, previous },
    );
    settled(attempt, us);
  }

  function fail(attempt: Running, thrown: unknown, now: number): void {
    const meaning = meaningOf(thrown, attempt.held.job.plan.retry.unless);
    const { kind } = meaning;
    const error = cleanFailure(meaning.error, attempt.held, attempt.index);
    const more =
      kind === "retry-later"
        ? meaning.later
        : kind === "failed" && meaning.fatal
          ? { fatal: true }
          : {};
    tell(attempt, kind, error, now, more);
  }

  function timeOut(attempt: Running, now: number): void {
    const { timeoutMs } = attempt.held.job.plan;
    tell(
      attempt,
      "timed-out",
      { name: "TimedOut", message: `took longer than ${timeoutMs} ms` },
      now,
      {},
    );
  }

  function tell(
    attempt: Running,
    outcome: "failed" | "timed-out" | "skipped" | "retry-later",
    error: Failure,
    now: number,
    more: { readonly fatal?: boolean; readonly delayMs?: number; readonly of?: "job" | "key" },
  ): void {
    const us = (now - attempt.startedAt) * 1_000;
    const { index, key, issue, previous } = attempt;
    const told = {
      index,
      key,
      issue,
      attempt: attempt.attempt,
      outcome,
      error,
      ms: Math.round(us / 1_000),
      ...more,
    };
    outcomes.bad(attempt.held.home, previous === undefined ? told : { ...told, previous }, us);
    settled(attempt, us);
  }

  function settled(attempt: Running, us: number): void {
    attempt.over = true;
    wills?.revoke(attempt);
    const slice = attempt.held;
    slice.left -= 1;
    const ms = us / 1_000;
    service = service === undefined ? ms : service * 0.95 + ms * 0.05;
    if (slice.left === 0) finish(slice);
    onOutcome();
  }

  function finish(slice: Held): void {
    held.delete(slice);
    finished.push(slice);
  }

  function drop(slice: Held): void {
    wills?.revoke(slice);
    if (!slice.dropped) waiting -= slice.task.count - slice.begun;
    slice.dropped = true;
    held.delete(slice);
  }

  return {
    add(slice) {
      held.add(slice);
      fifos.push(ready, slice);
      waiting += slice.task.count;
    },
    pump() {
      pump();
      prepare(ready, slots, wills);
    },
    expire() {
      const now = clock.now();
      if (now < nextEnd) return nextEnd === Infinity ? undefined : nextEnd;
      nextEnd = Infinity;
      for (const attempt of running.all()) {
        if (now < attempt.endsAt) {
          nextEnd = Math.min(nextEnd, attempt.endsAt);
          continue;
        }
        const { timeoutMs } = attempt.held.job.plan;
        if (attempt.controller?.signal.aborted !== true) {
          abort(attempt, `took longer than ${timeoutMs} ms`);
          attempt.endsAt = now; // Later, where the event loop stood still: its grace begins when it is told.
        }
        const leaveAt = attempt.endsAt + Math.min(longestGraceMs, timeoutMs * graceShare);
        if (now < leaveAt) {
          nextEnd = Math.min(nextEnd, leaveAt);
          continue;
        }
        leave(attempt);
        timeOut(attempt, now);
      }
      pump();
      return nextEnd === Infinity ? undefined : nextEnd;
    },
    dropRun(run, why) {
      for (const attempt of running.all()) {
        if (attempt.run !== run) continue;
        attempt.over = true;
        wills?.revoke(attempt);
        running.remove(attempt);
        abort(attempt, why);
      }
      for (const slice of held) {
        if (slice.home.run !== run) continue;
        drop(slice);
        finished.push(slice);
      }
      pump();
    },
    takeBack(matches) {
      const back = [...held].filter((one) => one.begun < one.task.count && matches(one.task));
      return back.map((slice) => {
        const triples = restOf(slice.task, slice.begun);
        const count = slice.task.count - slice.begun;
        waiting -= count;
        slice.left -= count;
        slice.begun = slice.task.count;
        if (slice.left === 0) finish(slice);
        return { held: slice, triples };
      });
    },
    runs: () => new Set([...held].map((slice) => slice.home.run)),
    running: running.size,
    waiting: () => waiting,
    serviceMs: () => service,
    takeFinished() {
      const done = finished;
      finished = [];
      for (const slice of done) wills?.revoke(slice);
      return done.map(({ lease }) => lease);
    },
    stop() {
      stopped = true;
    },
    giveBack(why) {
      const open = new Map<Held, number[]>();
      for (const slice of held) open.set(slice, restOf(slice.task, slice.begun));
      for (const attempt of running.all()) {
        attempt.over = true;
        running.remove(attempt);
        wills?.revoke(attempt);
        abort(attempt, why);
        open.get(attempt.held)?.push(attempt.index, 1, attempt.issue);
      }
      for (const slice of open.keys()) drop(slice);
      return [...open].map(([slice, triples]) => ({ held: slice, triples }));
    },
  };
}
