/** The real clock and chance: the only file that touches Date, timers, performance and random ids. */
import { randomUUID } from "node:crypto";
import type { Clock } from "../ports/clock.ts";

/** A clock that can be told what the log already said; virtual clocks need not. */
export type LogClock = Clock & {
  readonly startAt?: (minimum: number) => void;
  readonly follow?: (now: number) => void;
  /** For who judges the silence of others. */
  readonly listening?: () => Listening;
};

export type Listening = {
  /** Ms in which this process could hear: what passes while its event loop stands still counts as a second at most. */
  readonly now: () => number;
  readonly close: () => void;
};

export type SystemClock = Clock & {
  /** From here on, now is at least minimum: a reopened log's last `at` is never undercut. */
  readonly startAt: (minimum: number) => void;
  /** The time by which all go, now: a server's. From here on, that is the wall. */
  readonly follow: (now: number) => void;
  readonly listening: () => Listening;
};

/** Where time comes from, both in ms: the wall may jump, steady may not. */
export type TimeSources = { readonly wall: () => number; readonly steady: () => number };

/** A wall clock this near is as good as ours: Date.now has whole milliseconds only. */
const toleranceMs = 2;
/** A server asked for the time is answered some ms later: what is less than this is not a difference. */
const answerMs = 100;
/** The longest delay of one timer of Node's; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** A process that listens looks at the time this often, */
const beatMs = 250;
/** and one that has not for longer did not listen: it computed, or was stopped. */
const mostDeafMs = 1_000;

const sources: TimeSources = { wall: () => Date.now(), steady: () => performance.now() };

/**
 * Time for a log: epoch ms with fractions, never backwards, and no jumps.
 *
 * It advances with the steady clock and slews towards the wall clock: at double speed while the wall is ahead, at half
 * speed while the wall is behind. So a wall that is set back an hour costs two hours of slow time, never a wrong order.
 */
export function systemClock({ wall: own, steady }: TimeSources = sources): SystemClock {
  /** What a server's wall is ahead of this machine's. */
  let ahead = 0;
  const wall = (): number => own() + ahead;
  let time = wall();
  let read = steady();

  function now(): number {
    const instant = steady();
    const elapsed = Math.max(0, instant - read);
    const drift = wall() - (time + elapsed);
    read = instant;
    if (drift > toleranceMs) time += elapsed + Math.min(drift, elapsed);
    else if (drift < -toleranceMs) time += elapsed - Math.min(-drift, elapsed / 2);
    else time += elapsed;
    return time;
  }

  async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms <= 0) return new Promise(nextTurn); // Lets I/O have its turn.
    const until = now() + ms;
    for (let left = ms; left > 0 && signal?.aborted !== true; left = until - now())
      await timer(Math.min(left, longestTimerMs), signal);
  }

  return {
    now,
    sleep,
    follow(at) {
      if (Math.abs(at - wall()) > answerMs) ahead = at - own();
    },
    startAt(minimum) {
      time = Math.max(now(), minimum);
    },
    listening: () => listening(steady),
  };
}

function listening(steady: () => number): Listening {
  let time = 0;
  let read = steady();
  const now = (): number => {
    const instant = steady();
    time += Math.min(instant - read, mostDeafMs);
    read = instant;
    return time;
  };
  const beat = setInterval(now, beatMs).unref();
  return { now, close: () => clearInterval(beat) };
}

async function timer(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const ended = (): void => {
      clearTimeout(timeout);
      signal?.removeEventListener("abort", ended);
      resolve();
    };
    const timeout = setTimeout(ended, Math.ceil(ms));
    signal?.addEventListener("abort", ended, { once: true });
  });
}

/** Calls back once, after the I/O that is ready now: what arrives until then can share one sync. */
export function nextTurn(callback: () => void): void {
  setImmediate(callback);
}

/** Calls back once, after so many ms; what it returns prevents that. */
export function later(ms: number, callback: () => void): () => void {
  const timeout = setTimeout(callback, ms);
  return () => clearTimeout(timeout);
}

/** Different on every call, everywhere. */
export function uniqueId(): string {
  return randomUUID();
}

/** An instant for a person at this machine: "15:02", or "2026-11-20 15:02" when that was not today. */
export function localTime(at: number): string {
  const [day, minute] = local(at);
  return day === local(sources.wall())[0] ? minute : `${day} ${minute}`;
}

function local(at: number): readonly [day: string, minute: string] {
  const date = new Date(at);
  const pad = (part: number): string => String(part).padStart(2, "0");
  return [
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`,
    `${pad(date.getHours())}:${pad(date.getMinutes())}`,
  ];
}
