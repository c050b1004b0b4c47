/**
 * Which keys a split knows already: its own, and those of tries before it.
 *
 * A source that starts over mostly repeats itself, so what an earlier try wrote down is gone through beside it, page by page, and a
 * key that is the next one there is known without asking. A key that is above all before it is new (rising-keys.ts). For any other,
 * a filter in memory says whether it may be known, and the key index whether it is. There is no filter before it is worth it: of a
 * source in order there is none at all.
 */
import { hashOf } from "../core/hash.ts";
import { keys } from "../core/ids.ts";
import { keyFilter, recentKeys, type KeyFilter } from "../core/key-filter.ts";
import { risingKeys } from "../core/rising-keys.ts";
import type { SplitTask } from "../core/task.ts";
import type { Engine } from "../ports/engine.ts";
import { ours } from "./bodies.ts";
import { findKey, pageAt } from "./directory.ts";
import { scanned, text } from "./loading.ts";
import type { ItemPage } from "./pages.ts";

/** Keys that are not in the committed index yet, at most: then the split waits for the manager. */
const recentAtMost = 64_000;
/** A step of so many keys needs no filter: all of them are remembered as they are. */
const exactAtMost = 4_096;
/** A key that has to be looked up costs as much as a filter of so many keys, made of what the index has: about 2 ms. */
const filteredPerLook = 8_192;
/** Rows of the index, of a thousand keys each, that a filter takes in before other work has its turn: 15 ms. */
const rowsAtOnce = 50;
/** Look-ups in the index before other work has its turn. */
const lookedAtOnce = 64;

export type KnownOptions = {
  readonly engine: Pick<Engine, "log" | "store">;
  readonly task: SplitTask;
  readonly alive: () => void;
  readonly rest: () => Promise<void>;
};

export type Known = {
  /** The key is the next of those that an earlier try wrote down. After `true`, turn the page if it asks for it. */
  readonly repeats: (key: string) => boolean;
  /** Reads the next page of an earlier try, when the one before has been gone through. */
  readonly turnPage: () => void | Promise<void>;
  readonly mightHave: (key: string) => boolean;
  /** Where a key stands for sure; undefined if it is new. */
  readonly indexOf: (key: string) => Promise<number | undefined>;
  readonly add: (index: number, key: string) => void;
  /** So many keys are not in the index yet that the split has to wait for it. */
  readonly isAhead: () => boolean;
  /** Waits until the index knows what is below, and forgets it here. */
  readonly catchUp: (size: number) => Promise<void>;
  /** Nobody asks any more. */
  readonly clear: () => void;
};

/** The keys of this step so far, those of earlier tries included. */
export async function knownKeys({ engine, task, alive, rest }: KnownOptions): Promise<Known> {
  const { store } = engine;
  const { partition, run, step } = task;
  const prefix = keys.index(run, step);
  const recent = recentKeys();
  /** Of the keys of a try that is not the first, the order is not known. */
  const rising = task.size === 0 ? risingKeys() : undefined;
  let filter = task.size === 0 ? undefined : await ours(filterOfAll());
  let { size } = task;
  /** Keys that had to be looked up, for want of a filter. */
  let doubts = 0;

  /** Made of all keys: those in the index, read in the order of lookupPrefixes, and those that are not there yet. */
  async function filterOfAll(): Promise<KeyFilter> {
    const made = keyFilter();
    for await (const rows of scanned(store, partition, prefix, rowsAtOnce)) {
      made.restore(rows);
      alive();
      await rest();
    }
    recent.each((key) => made.add(hashOf(key)));
    return made;
  }

  // ---- what an earlier try wrote down, in its order

  /** The next index that a source which starts over is expected to come to, and the page it stands on. */
  let next = 0;
  let page: ItemPage | undefined;

  async function readNext(): Promise<void> {
    page = await pageAt(engine, task, next);
    alive();
    await rest();
  }

  if (task.size > 0 && task.cursor === undefined) await ours(readNext());

  async function committed(): Promise<number> {
    const [value] = await store.load(partition, [keys.step(run, step)]);
    const size: unknown =
      value === undefined ? 0 : Reflect.get(JSON.parse(text(value)) as object, "size"); // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in core/snapshot.ts
    return typeof size === "number" ? size : 0;
  }

  let looked = 0;
  return {
    repeats(key) {
      if (page === undefined || page.keys[next - page.from] !== key) return false;
      next += 1;
      return true;
    },
    turnPage() {
      const isOver = page !== undefined && next >= page.from + page.keys.length;
      return isOver ? ours(readNext()) : undefined;
    },
    mightHave(key) {
      if (rising !== undefined && !rising.mightHave(key)) return false;
      if (filter !== undefined) return filter.mightHave(hashOf(key));
      return size > exactAtMost || recent.indexOf(key) !== undefined;
    },
    async indexOf(key) {
      looked += 1;
      if (looked % lookedAtOnce === 0) {
        alive();
        await rest();
      }
      const index = recent.indexOf(key);
      if (index !== undefined) return index;
      if (filter === undefined) {
        doubts += 1;
        if (doubts * filteredPerLook > size) filter = await ours(filterOfAll());
      }
      if (filter?.mightHave(hashOf(key)) === false) return undefined;
      return (await ours(findKey(engine, task, key)))?.index;
    },
    add(index, key) {
      size = index + 1;
      rising?.add(key);
      filter?.add(hashOf(key));
      recent.add(index, key);
    },
    isAhead: () => recent.size() > recentAtMost,
    async catchUp(size) {
      for (;;) {
        const below = await ours(committed());
        recent.forget(below);
        if (size - below < recentAtMost / 2) return;
        alive();
        await rest();
      }
    },
    clear() {
      filter?.clear();
    },
  };
}
