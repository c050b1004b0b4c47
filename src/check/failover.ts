/** What a failover leaves on a log: who lived through it tells of work that only the lost log had given out. */
import type { Violation } from "./store.ts";

/**
 * Of an issue, an attempt or a sub-job that is not there. Without a failover each of these is a bug, so only who knows that there
 * was one may pass over them. What became of such an outcome is checked like that of any other.
 */
export function isOfLostLog({ expected }: Violation): boolean {
  return /^(?:(?:an issue from 1 to|sub-jobs below) \d+|attempt \d+ at most)$/.test(expected);
}
