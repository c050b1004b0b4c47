/** The items of sub-jobs: pages on the log, read once per slice or kept for the next one. */
import { assert } from "../errors.ts";
import { decode, type Json } from "../core/event.ts";
import type { Log } from "../ports/log.ts";

export type ItemPage = {
  readonly from: number;
  readonly keys: readonly string[];
  readonly items: readonly Json[];
};

export type Pages = {
  /** The page at this offset. `fresh` parses it anew: its items have been in the hands of user code, which may have changed them. */
  readonly read: (partition: number, offset: number, fresh: boolean) => Promise<ItemPage>;
};

/** Pages kept: slices are handed out in order, so the page of one is mostly the page of the next. */
const kept = 32;

export function pages(log: Pick<Log, "read">): Pages {
  const cache = new Map<string, Promise<ItemPage>>();
  return {
    read(partition, offset, fresh) {
      if (fresh) return readPage(log, partition, offset);
      const name = `${partition}/${offset}`;
      let page = cache.get(name);
      if (page === undefined) {
        page = readPage(log, partition, offset);
        page.catch(() => cache.delete(name));
        cache.set(name, page);
        const [oldest] = cache.keys();
        if (cache.size > kept && oldest !== undefined) cache.delete(oldest);
      }
      return page;
    },
  };
}

export async function readPage(
  log: Pick<Log, "read">,
  partition: number,
  offset: number,
): Promise<ItemPage> {
  const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
  assert(entry !== undefined, `the page of items at offset ${offset} is gone`);
  const event = decode(entry);
  assert(event.type === "fan-out.grown", `the record at offset ${offset} is not a page of items`);
  const items: unknown = JSON.parse(event.body ?? "[]");
  assert(Array.isArray(items) && items.length === event.keys.length, "a page has an item per key");
  return { from: event.from, keys: event.keys, items: items as readonly Json[] }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse returns nothing else
}

/** The page that has this sub-job. */
export function pageWith(pages: readonly ItemPage[], index: number): ItemPage {
  for (const page of pages)
    if (index >= page.from && index < page.from + page.keys.length) return page;
  throw new TypeError(`no page has sub-job ${index}`);
}
