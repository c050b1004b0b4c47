/** The items of sub-jobs: pages on the log, read once per slice or kept for the next one. */
import { assert, CorruptError } from "../errors.ts";
import { decode, type Entry, type Json } from "../core/event.ts";
import type { Log } from "../ports/log.ts";

export type ItemPage = {
  readonly from: number;
  readonly keys: readonly string[];
  readonly items: readonly Json[];
};

/** A page that is parsed when it is needed, so that what waits for a slot costs its text and no more. */
export type UnreadPage = {
  /** The index of its first sub-job. */
  readonly from: number;
  /** Throws CorruptError where the record is damaged. */
  readonly open: () => ItemPage;
};

/** Whose it is belongs to it: after a failover that lost records, another page may stand there. */
export type ItemPlace = {
  readonly run: string;
  readonly step: string;
  readonly from: number;
  readonly offset: number;
};

export type Pages = {
  /** The page at this offset. `fresh` parses it anew: its items have been in the hands of user code, which may have changed them. */
  readonly read: (partition: number, at: ItemPlace, fresh: boolean) => Promise<UnreadPage>;
};

/** Pages kept: slices are handed out in order, so the page of one is mostly the page of the next. */
const kept = 32;
/** Of these, pages kept parsed: those whose sub-jobs are being begun. */
const keptOpen = 4;

export function pages(log: Pick<Log, "read">): Pages {
  const cache = new Map<string, Promise<UnreadPage>>();
  const closers: (() => void)[] = [];

  async function unread(partition: number, from: number, offset: number): Promise<UnreadPage> {
    const entry = await readEntry(log, partition, offset);
    let page: ItemPage | undefined;
    return {
      from,
      open() {
        if (page !== undefined) return page;
        page = parsePage(entry);
        closers.push(() => (page = undefined));
        if (closers.length > keptOpen) closers.shift()?.();
        return page;
      },
    };
  }

  return {
    read(partition, { run, step, from, offset }, fresh) {
      if (fresh) return unread(partition, from, offset);
      const name = `${run}/${step}/${offset}`;
      let page = cache.get(name);
      if (page === undefined) {
        page = unread(partition, from, offset);
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
  return parsePage(await readEntry(log, partition, offset));
}

export async function readEntry(
  log: Pick<Log, "read">,
  partition: number,
  offset: number,
): Promise<Entry> {
  const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
  assert(entry !== undefined, `the record with items at offset ${offset} is gone`);
  return entry;
}

function parsePage(entry: Entry): ItemPage {
  const event = decode(entry);
  assert(
    event.type === "fan-out.grown",
    `the record at offset ${entry.offset} is not a page of items`,
  );
  const items = parsed(event.body ?? "[]");
  if (items?.length !== event.keys.length)
    throw new CorruptError(`the page at offset ${entry.offset} has not an item per key`);
  return { from: event.from, keys: event.keys, items };
}

/** Undefined where it is no list. */
function parsed(body: string): readonly Json[] | undefined {
  try {
    const items: unknown = JSON.parse(body);
    return Array.isArray(items) ? (items as readonly Json[]) : undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse returns nothing else
  } catch {
    return undefined;
  }
}

/** The page that has this sub-job. Throws CorruptError where it cannot be read. */
export function pageWith(pages: readonly UnreadPage[], index: number): ItemPage {
  const page = pages.findLast(({ from }) => from <= index)?.open();
  if (page === undefined || index >= page.from + page.keys.length)
    throw new CorruptError(`no page has sub-job ${index}`);
  return page;
}
