/**
 * Runs the `over` of a fan-out and writes its items down, page by page.
 *
 * A split may die anywhere and be tried again: pages on the log stay. A paged source goes on at its cursor; any other starts over, and the
 * keys that are known are left out (known-keys.ts). Memory stays flat, whatever the number of items.
 */
import { UsageError } from "../errors.ts";
import { encode, type Json } from "../core/event.ts";
import { checkKey } from "../core/ids.ts";
import { keyHash } from "../core/limit-keys.ts";
import { limits } from "../core/limits.ts";
import type { SplitTask } from "../core/task.ts";
import { limitByKey } from "../core/plan.ts";
import type { Ctx } from "../define/ctx.ts";
import type { FanOutStep, State } from "../define/flow.ts";
import { store as stored } from "../define/json.ts";
import { validate } from "../define/schema.ts";
import type { Engine } from "../ports/engine.ts";
import { ours } from "./bodies.ts";
import { knownKeys } from "./known-keys.ts";

/** Pages on their way to the log at once: enough to fill the wait for a sync, little enough to stop soon. */
const pagesAhead = 4;
/** After so many items it looks whether its turn is over. */
const lookEvery = 32;
/** Items with known keys, as a multiple of the sub-jobs a step may have: order lines of a few orders may be many, but not endless. */
const repeatedAtMost = 10;

export type Splitting = {
  readonly engine: Pick<Engine, "log" | "store">;
  readonly task: SplitTask;
  readonly step: FanOutStep;
  readonly state: State;
  readonly ctx: Ctx;
  /** It still lives and is still wanted: its time is extended, or this throws. */
  readonly alive: () => void;
  /** Lets other work of this process have its turn. */
  readonly rest: () => Promise<void>;
  /** It has kept others waiting for long enough, in the middle of a page. Default: never. */
  readonly isTurnOver?: () => boolean;
  /** Sub-jobs of a step, all tries together. Default limits.subJobs. */
  readonly atMost?: number;
};

/** Writes all pages and the seal. Throws what `over`, `key` or the schema throws. */
export async function split(splitting: Splitting): Promise<void> {
  const writer = await pageWriter(splitting);
  try {
    await writeAll(splitting, writer);
  } finally {
    writer.end();
  }
}

async function writeAll({ task, step, state, ctx }: Splitting, writer: PageWriter): Promise<void> {
  if (typeof step.over === "function") {
    const source: unknown = await step.over(state, ctx);
    if (!isIterable(source))
      throw new UsageError(
        `over of step "${step.name}" must return an array, a generator or an async generator, got ${typeof source}`,
      );
    if (isSync(source)) {
      for (const item of source) {
        const full = writer.add(item);
        if (full !== undefined) await full;
      }
    } else {
      for await (const item of source) {
        const full = writer.add(item);
        if (full !== undefined) await full;
      }
    }
  } else {
    let cursor = task.cursor;
    for (;;) {
      const page = await step.over.page(state, cursor, ctx);
      for (const item of page.items) await writer.add(item);
      if (page.next === undefined) break;
      cursor = page.next;
      await writer.turn(cursor);
    }
  }
  await writer.seal();
}

type PageWriter = {
  readonly add: (item: unknown) => void | Promise<void>;
  /** What was added so far goes out with this cursor. */
  readonly turn: (cursor: Json) => Promise<void>;
  /** The last page goes out, and with it the seal; resolves when all of it is durable. */
  readonly seal: () => Promise<void>;
  readonly end: () => void;
};

async function pageWriter(splitting: Splitting): Promise<PageWriter> {
  const { engine, task, step, alive, rest, atMost = limits.subJobs } = splitting;
  const { isTurnOver = () => false } = splitting;
  const known = await knownKeys(splitting);
  const what = `item of step "${step.name}"`;
  const { run, generation, issue } = task;
  const here = { run, step: task.step, generation, issue };
  /** Items of the source so far, repeated ones included. */
  let seen = 0;
  /** Of these, those that were known and left out. */
  let left = 0;
  const flying: Promise<unknown>[] = [];
  /** Pages that go with the next append, and the one after which it comes: two at once could arrive in either order. */
  let waiting: string[] = [];
  let last: Promise<void> | undefined;
  let keysOfPage: string[] = [];
  let texts: string[] = [];
  const limitKey = limitByKey(step.job.plan)?.key;
  let limitKeys: number[] = [];
  let length = 0;
  let from = task.size;
  let duplicates = 0;

  async function append(): Promise<void> {
    const records = waiting;
    waiting = [];
    if (records.length > 0) await ours(engine.log.append(task.partition, records));
  }

  /** Ends the page: it goes with the next append. */
  function endPage(cursor?: Json): void {
    const record = encode(
      {
        type: "fan-out.grown",
        ...here,
        from,
        keys: keysOfPage,
        ...(limitKey === undefined ? {} : { limitKeys }),
        duplicates,
        ...(cursor === undefined ? {} : { cursor }),
      },
      `[${texts.join(",")}]`,
    );
    from += keysOfPage.length;
    keysOfPage = [];
    limitKeys = [];
    texts = [];
    length = 0;
    duplicates = 0;
    waiting.push(record);
  }

  function send(): void {
    // The first goes at once, before the next page is made: all slots wait for it.
    last = last === undefined ? append() : last.then(append);
    last.catch(() => undefined); // It is awaited by flush, or by seal.
    flying.push(last);
  }

  async function flush(cursor?: Json): Promise<void> {
    alive();
    if (keysOfPage.length === 0 && cursor === undefined) return;
    endPage(cursor);
    send();
    if (flying.length >= pagesAhead) await flying.shift();
    if (known.isAhead()) await known.catchUp(from);
    await rest();
  }

  /** Checks one item and its key, and adds it to the page. */
  function take(item: unknown, key: string): void | Promise<void> {
    const json = stored(item, what);
    if (limitKey !== undefined) limitKeys.push(limitKeyOf(limitKey, item, what));
    known.add(from + keysOfPage.length, key);
    keysOfPage.push(key);
    texts.push(json);
    length += json.length + key.length;
    if (from + keysOfPage.length > atMost)
      throw new UsageError(
        `a step may have ${atMost} items at most: does what over returns ever end?`,
      );
    if (keysOfPage.length >= itemsOfPage(from) || length >= limits.pageBytes) return flush();
  }

  function judge(item: unknown): void | Promise<void> {
    const key = checkKey(step.key(item));
    if (known.repeats(key)) return known.turnPage();
    if (!known.mightHave(key)) return take(item, key);
    return repeated(item, key);
  }

  async function repeated(item: unknown, key: string): Promise<void> {
    const index = await known.indexOf(key);
    if (index === undefined) return take(item, key);
    // Starting over finds again what a try before this one wrote down: that is no repetition of the source's.
    if (index >= task.size) duplicates += 1;
    left += 1;
    if (left > atMost * repeatedAtMost)
      throw new UsageError(
        `over has repeated keys that it had yielded before ${left} times: does it ever end?`,
      );
    return undefined;
  }

  /** Which item it was that something is wrong with: nobody finds it among a million otherwise. */
  function placed(error: unknown): unknown {
    if (!(error instanceof UsageError)) return error;
    const { message, details } = error;
    const wrong = message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
    return new UsageError(`item ${seen} of step "${step.name}": ${wrong}`, { details });
  }

  return {
    add(item) {
      seen += 1;
      try {
        const accepted = validate(step.job.input, item, what);
        const added = accepted instanceof Promise ? accepted.then(() => judge(item)) : judge(item);
        if (added !== undefined)
          return added.catch((error: unknown) => Promise.reject(placed(error)));
      } catch (error) {
        throw placed(error);
      }
      return seen % lookEvery === 0 && isTurnOver() ? rest() : undefined;
    },
    turn: flush,
    async seal() {
      alive();
      if (keysOfPage.length > 0) endPage();
      waiting.push(encode({ type: "fan-out.sealed", ...here, total: from, duplicates }));
      send();
      await Promise.all(flying);
    },
    end: known.clear,
  };
}

/** The first page is short, so that the slots have work before a thousand items are split; each doubles what is there. */
function itemsOfPage(from: number): number {
  return Math.min(limits.pageItems, Math.max(limits.firstPageItems, from));
}

/** The hash of what the item is limited by. Throws UsageError for what is no key, and what `key` throws. */
export function limitKeyOf(
  key: (item: Json) => string | undefined,
  item: unknown,
  what: string,
): number {
  const named: unknown = key(item as Json); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it was stored as JSON a moment ago
  if (named === undefined || typeof named === "string") return keyHash(named);
  throw new UsageError(
    `${what}: the key of its limit must be a text, or undefined for none, got ${typeof named}`,
  );
}

function isIterable(source: unknown): source is Iterable<unknown> | AsyncIterable<unknown> {
  return (
    typeof source === "object" &&
    source !== null &&
    (Symbol.iterator in source || Symbol.asyncIterator in source)
  );
}

function isSync(source: Iterable<unknown> | AsyncIterable<unknown>): source is Iterable<unknown> {
  return Symbol.iterator in source;
}
