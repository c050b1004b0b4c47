/** Waits for what somebody else may say at any time: nothing is missed between two waits. */
import type { Clock } from "../ports/clock.ts";

export type Awaited = {
  /** Resolves when something was said since the last time, and after `ms` at the latest. The first time, at once. */
  readonly next: (ms: number) => Promise<void>;
  /** Ends the wait. */
  readonly wake: () => void;
  readonly forget: () => void;
};

/** `listen` is given what to call, and returns how to end that. */
export function awaited(clock: Clock, listen: (wake: () => void) => () => void): Awaited {
  let seen = true; // Look once more after the listener stands.
  let stop: AbortController | undefined;
  const wake = (): void => {
    seen = true;
    stop?.abort(seen);
  };
  return {
    forget: listen(wake),
    wake,
    async next(ms) {
      stop = new AbortController();
      if (!seen) await clock.sleep(ms, stop.signal);
      seen = false;
    },
  };
}
