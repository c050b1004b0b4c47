/**
 * Time, as a thing one is given.
 *
 * T1  now, in epoch ms (fractions allowed), never goes backwards.
 * T2  sleep resolves after at least ms, or early, without throwing, when the signal aborts.
 * T3  sleep(0) resolves in a later turn of the event loop: I/O and timers that are ready come first.
 */
export type Clock = {
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
};
