/** Finds items of a step on the log, by what its manager committed. */
import { keys, prefixes } from "../core/ids.ts";
import { candidates, lookupPrefixes } from "../core/key-index.ts";
import type { Engine } from "../ports/engine.ts";
import type { Store } from "../ports/store.ts";
import { numbers, scanAll, scanned } from "./loading.ts";
import { readPage, type ItemPage } from "./pages.ts";

export type StepPlace = {
  readonly partition: number;
  readonly run: string;
  readonly step: string;
};

/** Records per scan: each is some 5 KB. */
const recordsAtOnce = 16;

/** The sub-job of this key, and the page that it stands on; undefined if there is none, or it is not committed yet. */
export async function findKey(
  engine: Pick<Engine, "log" | "store">,
  place: StepPlace,
  key: string,
): Promise<{ readonly index: number; readonly page: ItemPage } | undefined> {
  const { partition, run, step } = place;
  const rows: (readonly [string, string | Uint8Array])[] = [];
  for (const prefix of lookupPrefixes(keys.index(run, step), key))
    rows.push(...(await scanAll(engine.store, partition, prefix)));
  for (const index of candidates(rows, key)) {
    const page = await pageAt(engine, place, index);
    if (page?.keys[index - page.from] === key) return { index, page };
  }
  return undefined;
}

/** The page that has this sub-job, or the last one where none has it; undefined where there is none at all. */
export async function pageAt(
  { log, store }: Pick<Engine, "log" | "store">,
  place: StepPlace,
  index: number,
): Promise<ItemPage | undefined> {
  const offset = await offsetOf(store, place, index);
  return offset === undefined ? undefined : readPage(log, place.partition, offset);
}

/** A record of the directory covers 256 pages, about 256,000 sub-jobs: a million have four, so reading them in order is no scan. */
async function offsetOf(
  store: Pick<Store, "scan">,
  { partition, run, step }: StepPlace,
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
