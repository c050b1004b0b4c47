/**
 * Events that some webhook is still to be told of: written once for all of them, on pages, from which each takes the next when it
 * can. So an event costs the same whether one webhook is down or a thousand.
 */
import { firstFrom } from "../core/sorted.ts";
import { assert, ConflictError } from "../errors.ts";
import { pageKey, readPage, type Page } from "./kept.ts";

export type Backlog = {
  /** Events on all pages. */
  readonly count: () => number;
  /** What is to be kept of a new page; its events come after all others. */
  readonly add: (page: Page) => readonly [key: string, value: string];
  /** The first page with events from this offset on. */
  readonly pageFrom: (offset: number) => Promise<Page | undefined>;
  /** Takes pages away whose events all stand before this offset. Their keys. */
  readonly removeBefore: (offset: number) => readonly string[];
};

/** Where a page begins and ends, and how many events are on it. */
type Leaf = { readonly from: number; readonly last: number; readonly count: number };

/** Pages in memory: those who are not far behind read the newest. */
const remembered = 8;

export function backlog(
  stored: readonly Page[],
  load: (key: string) => Promise<string | undefined>,
): Backlog {
  const leaves = stored.map(leafOf);
  let count = leaves.reduce((sum, leaf) => sum + leaf.count, 0);
  const newest = new Map<number, Page>();

  function remember(from: number, page: Page): void {
    newest.set(from, page);
    for (const oldest of newest.keys()) {
      if (newest.size <= remembered) break;
      newest.delete(oldest);
    }
  }

  return {
    count: () => count,
    add(page) {
      const leaf = leafOf(page);
      leaves.push(leaf);
      count += leaf.count;
      remember(leaf.from, page);
      return [pageKey(leaf.from), JSON.stringify(page)];
    },
    async pageFrom(offset) {
      const leaf = leaves[firstFrom(leaves, ({ last }) => last < offset)];
      if (leaf === undefined) return undefined;
      const known = newest.get(leaf.from);
      if (known !== undefined) return known;
      const value = await load(pageKey(leaf.from));
      if (value === undefined)
        throw new ConflictError(
          `the page of events from offset ${leaf.from} on is gone: another process sends them now`,
        );
      const page = readPage(value);
      remember(leaf.from, page);
      return page;
    },
    removeBefore(offset) {
      const over = leaves.splice(
        0,
        firstFrom(leaves, ({ last }) => last < offset),
      );
      for (const { from, count: events } of over) {
        newest.delete(from);
        count -= events;
      }
      return over.map(({ from }) => pageKey(from));
    },
  };
}

function leafOf({ events }: Page): Leaf {
  const [first] = events;
  const last = events.at(-1);
  assert(first !== undefined && last !== undefined, "a page has events");
  return { from: first.offset, last: last.offset, count: events.length };
}
