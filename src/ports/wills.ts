/** A record for the log, and where it belongs. */
export type Will = { readonly partition: number; readonly text: string };

/**
 * Last wills: what is to be appended to the log if this process vanishes. Whoever opens the engine next finds them in `left`.
 *
 * They say what ran in the process when it died, or was next or just over, so that a sub-job that kills its workers is told from
 * those that were only near: it is named again when it is tried again. A will that is lost blames nobody: they are kept where the death of the process does not reach, and need not
 * survive the machine's, which is nobody's fault.
 *
 * Made before user code is called and revoked after it, some time before and after, so both are quick and throw nothing.
 */
export type Wills = {
  readonly make: (will: Will) => number;
  readonly revoke: (id: number) => void;
  /** From now on the process ends for reasons of its own: what runs in it is not to blame. */
  readonly forgive: () => void;
  /** Of the process that had the engine before this one, in the order they were made. */
  readonly left: readonly Will[];
  /** That process ended by itself: it exited, or threw what nobody caught. Otherwise it was killed. */
  readonly exited: boolean;
};
