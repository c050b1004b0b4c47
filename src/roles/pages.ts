/** The items of sub-jobs: pages on the log, read once per slice or kept for the next one. */
import { assert, CorruptError, NotFoundError, RetryLaterError, UsageError } from "../errors.ts";
import { decode, type Entry, type InputEvent, type Json } from "../core/event.ts";
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
  /** Throws CorruptError where the record is damaged, and RetryLaterError where it is another one. */
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

/** After this, what a task named in vain is tried again. */
const againMs = 1_000;

/** Pages kept: slices are handed out in order, so the page of one is mostly the page of the next. */
const kept = 32;
/** Of these, pages kept parsed: those whose sub-jobs are being begun. */
const keptOpen = 4;

export function pages(log: Pick<Log, "read">): Pages {
  const cache = new Map<string, Promise<UnreadPage>>();
  const closers: (() => void)[] = [];

  async function unread(
    partition: number,
    place: ItemPlace,
    forget?: () => void,
  ): Promise<UnreadPage> {
    const entry = await entryAt(log, partition, place.offset);
    if (entry === undefined) forget?.(); // It may come to stand there yet.
    let page: ItemPage | undefined;
    return {
      from: place.from,
      open() {
        if (page !== undefined) return page;
        page = placed(place, entry);
        closers.push(() => (page = undefined));
        if (closers.length > keptOpen) closers.shift()?.();
        return page;
      },
    };
  }

  return {
    read(partition, place, fresh) {
      if (fresh) return unread(partition, place);
      const name = `${place.run}/${place.step}/${place.offset}`;
      let page = cache.get(name);
      if (page === undefined) {
        const forget = (): unknown => cache.delete(name);
        page = unread(partition, place, forget);
        page.catch(forget);
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
  const event = decode(await readEntry(log, partition, offset));
  assert(event.type === "fan-out.grown", `the record at offset ${offset} is not a page of items`);
  return pageOf(event, offset);
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

/** Undefined where the log ends before it, or no longer has it. */
export async function entryAt(
  log: Pick<Log, "read">,
  partition: number,
  offset: number,
): Promise<Entry | undefined> {
  try {
    const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
    return entry;
  } catch (error) {
    if (error instanceof UsageError || error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/**
 * The task is of a past that a failover took back, or the store is damaged. Whoever has it must neither stumble over it for ever
 * nor work on what belongs to others; and it is no failure of the sub-job, so it counts as no attempt.
 */
export function notThere(what: string): RetryLaterError {
  return new RetryLaterError(againMs, `${what}: the log has lost its last records, or is damaged`);
}

function placed({ run, step, from, offset }: ItemPlace, entry: Entry | undefined): ItemPage {
  const event = entry && decode(entry);
  const isIt =
    event?.type === "fan-out.grown" &&
    event.run === run &&
    event.step === step &&
    event.from === from;
  if (!isIt) throw notThere(`the page of ${run}/${step} from ${from} is not at offset ${offset}`);
  return pageOf(event, offset);
}

type Grown = Extract<InputEvent, { readonly type: "fan-out.grown" }> & { readonly body?: string };

function pageOf({ from, keys, body = "[]" }: Grown, offset: number): ItemPage {
  const items = parsed(body);
  if (items?.length !== keys.length)
    throw new CorruptError(`the page at offset ${offset} has not an item per key`);
  return { from, keys, items };
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

/** The page that has this sub-job. Throws what `open` does. */
export function pageWith(pages: readonly UnreadPage[], index: number): ItemPage {
  const page = pages.findLast(({ from }) => from <= index)?.open();
  if (page === undefined || index >= page.from + page.keys.length)
    throw notThere(`no page has sub-job ${index}`);
  return page;
}
