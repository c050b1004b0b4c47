/** Where the items of a step stand on the log, from what its manager committed. */
import { prefixes } from "../core/ids.ts";
import type { Store } from "../ports/store.ts";
import { numbers, scanned } from "./loading.ts";

/** Records per scan: each is some 5 KB. */
const recordsAtOnce = 16;

/**
 * The offset of the page that has this sub-job; undefined if there is none yet.
 *
 * A record of the directory covers 256 pages, about 256,000 sub-jobs: a million have four, so reading them in order is no scan.
 */
export async function pageAt(
  store: Pick<Store, "load" | "scan">,
  partition: number,
  run: string,
  step: string,
  index: number,
): Promise<number | undefined> {
  const prefix = prefixes.directory(run, step);
  let found: number | undefined;
  for await (const rows of scanned(store, partition, prefix, recordsAtOnce))
    for (const [key, value] of rows) {
      const chunk = numbers(value, key);
      if ((chunk[0] ?? Infinity) > index) return found;
      for (let at = 0; at + 1 < chunk.length && (chunk[at] ?? Infinity) <= index; at += 2)
        found = chunk[at + 1];
    }
  return found;
}
