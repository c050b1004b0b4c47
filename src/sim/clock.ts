/**
 * Virtual time: things that happen at an instant, one after the other, and between two of them everything that can run, runs.
 *
 * Time jumps from one to the next, so an hour in which nothing happens costs nothing. Of what is due at the same instant, what
 * was asked for first comes first: with the same calls, the same order, always.
 */
import * as heaps from "../core/heap.ts";
import type { Clock } from "../ports/clock.ts";

/** A process of the simulated world, as far as time is concerned. */
export type Life = {
  /** False: nothing reaches it any more, and nobody hears of it again. */
  alive: boolean;
  /** Until then it stands still, and notices nothing of it: what comes meanwhile reaches it afterwards. */
  pausedUntil: number;
  /** How far its clock is off. */
  skewMs: number;
};

export type SimClock = {
  readonly now: () => number;
  /** Calls back in so many ms, unless that life is over by then; after its pause if it is paused. Returns a way to call it off. */
  readonly after: (ms: number, act: () => void, life?: Life) => () => void;
  /** Resolves in so many ms, or never. */
  readonly wait: (ms: number, life: Life) => Promise<void>;
  /** Time as that process sees it: never backwards, whatever its clock does. */
  readonly clockOf: (life: Life) => Clock;
  /** Lets time pass until `until` says so, until nothing is left to happen, or until the instant: then it is that instant. */
  readonly run: (until: () => boolean, instant: number) => Promise<void>;
  /** Things that have happened. */
  readonly steps: () => number;
};

type Timer = { act: (() => void) | undefined; readonly life: Life | undefined };

export function newLife(skewMs = 0): Life {
  return { alive: true, pausedUntil: 0, skewMs };
}

/** Steps between two looks at the real event loop, so that a long run leaves the process responsive. */
const breath = 5_000;

/** As Node's: who waits a microsecond for a clock that is being held back would otherwise wait a million times (seed 4141). */
const shortestTimerMs = 1;

export function simClock(start: number = Date.UTC(2026, 0, 1)): SimClock {
  const timers = heaps.heap<Timer>();
  let now = start;
  let steps = 0;

  function after(ms: number, act: () => void, life?: Life): () => void {
    const timer: Timer = { act, life };
    heaps.push(timers, now + Math.max(0, ms), timer);
    return () => {
      timer.act = undefined;
    };
  }

  function happen({ act, life }: Timer): void {
    if (act === undefined) return;
    if (life?.alive === false) return;
    if (life !== undefined && life.pausedUntil > now) {
      heaps.push(timers, life.pausedUntil, { act, life });
      return;
    }
    steps += 1;
    act();
  }

  function sleep(ms: number, signal: AbortSignal | undefined, life: Life): Promise<void> {
    return new Promise((resolve) => {
      const atLeast = ms <= 0 ? 0 : Math.max(shortestTimerMs, ms);
      if (signal === undefined || signal.aborted) {
        after(signal === undefined ? atLeast : 0, resolve, life);
        return;
      }
      const forget = (): void => signal.removeEventListener("abort", early);
      const callOff = after(
        atLeast,
        () => {
          forget();
          resolve();
        },
        life,
      );
      const early = (): void => {
        callOff();
        after(0, resolve, life);
      };
      signal.addEventListener("abort", early, { once: true });
    });
  }

  return {
    now: () => now,
    after,
    wait: (ms, life) => new Promise((resolve) => void after(ms, resolve, life)),
    clockOf(life) {
      let last = -Infinity;
      return {
        now() {
          last = Math.max(last, now + life.skewMs);
          return last;
        },
        sleep: (ms, signal) => sleep(ms, signal, life),
      };
    },
    run: (until, instant) =>
      new Promise((resolve, reject) => {
        const step = (): void => {
          for (;;) {
            const due = heaps.peek(timers);
            if (until()) return resolve();
            if (due === undefined || due.at > instant) {
              now = Math.max(now, instant === Infinity ? now : instant);
              return resolve();
            }
            heaps.pop(timers);
            if (due.value.act === undefined || due.value.life?.alive === false) continue;
            now = Math.max(now, due.at);
            try {
              happen(due.value);
            } catch (thrown) {
              return reject(thrown);
            }
            break;
          }
          if (steps % breath === 0) setImmediate(step);
          else settled(step);
        };
        step();
      }),
    steps: () => steps,
  };
}

const resolved = Promise.resolve();

/**
 * Calls back when no microtask is left. A tick that is asked for by a microtask runs after all of them, and costs a tenth of a turn
 * of the event loop.
 */
function settled(callback: () => void): void {
  void resolved.then(() => process.nextTick(callback));
}
