/**
 * What begins next is prepared before slots are free for it: many may fall free at once, and none is to wait for more than its
 * own code. After a rest of some ms the write of a will alone takes longer than all the rest of beginning.
 */
import * as fifos from "../core/fifo.ts";
import type { LastWills } from "./last-wills.ts";
import { pageWith, type UnreadPage } from "./pages.ts";
import type { Held } from "./sub-jobs.ts";

/** Pages parsed ahead of need, at most: a few stay parsed, and those in use are among them. */
const pagesAhead = 2;

/** Makes the wills and opens the pages of as many sub-jobs as there are slots. */
export function prepare(
  ready: fifos.Fifo<Held>,
  slots: number,
  wills: LastWills | undefined,
): void {
  let page: UnreadPage | undefined;
  let pages = 0;
  for (let nth = 0, ahead = 0; ahead < slots; nth += 1) {
    const slice = fifos.peek(ready, nth);
    if (slice === undefined) return;
    if (slice.dropped || slice.begun === slice.task.count) continue;
    ahead += slice.task.count - slice.begun;
    wills?.ofSlice(slice);
    if (slice.task.again !== undefined) continue; // Their pages are read anew, for each slice.
    if (slice.pages[0] !== page) pages += 1;
    page = slice.pages[0];
    if (pages <= pagesAhead) open(slice);
  }
}

function open({ task, pages, begun }: Held): void {
  try {
    pageWith(pages, task.from + begun);
  } catch {
    // It is damaged, or another: the sub-jobs that stand there say so.
  }
}
