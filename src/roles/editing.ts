/** Inputs that people have corrected: they stand in redrives, and take the place of those that the split gave. */
import { assert } from "../errors.ts";
import { itemsIn } from "../core/edits.ts";
import { decode, type Entry, type InputEvent, type Json, type Recorded } from "../core/event.ts";
import type { SliceTask } from "../core/task.ts";
import type { Log } from "../ports/log.ts";
import { readEntry, type ItemPage, type UnreadPage } from "./pages.ts";

type Redrive = Recorded & Extract<InputEvent, { readonly type: "redrive.asked" }>;

/** A redrive that corrected inputs: who asked for it, when and why, and the inputs by sub-job. */
export type Correction = {
  readonly redrive: Redrive;
  readonly items: ReadonlyMap<number, Json>;
};

/** Throws CorruptError where the record is no such redrive. */
function correctionIn(entry: Entry): Correction {
  const redrive = decode(entry);
  assert(redrive.type === "redrive.asked", `the record at offset ${entry.offset} is a redrive`);
  return { redrive, items: itemsIn(redrive) };
}

/** Reads redrives of a partition by offset; each once. */
export function corrections(
  log: Pick<Log, "read">,
  partition: number,
): (offset: number) => Promise<Correction> {
  const read = new Map<number, Promise<Correction>>();
  return (offset) => {
    let one = read.get(offset);
    if (one === undefined) {
      one = readEntry(log, partition, offset).then(correctionIn);
      read.set(offset, one);
    }
    return one;
  };
}

/** The pages of a slice with the corrected items in their places; as they are where none was corrected. */
export async function withEdits(
  log: Pick<Log, "read">,
  { partition, again = [] }: SliceTask,
  pages: readonly UnreadPage[],
): Promise<readonly UnreadPage[]> {
  const edited = again.flatMap(({ index, edited }) =>
    edited === undefined ? [] : [{ index, offset: edited }],
  );
  if (edited.length === 0) return pages;
  const entries = new Map<number, Entry>();
  for (const { offset } of edited)
    if (!entries.has(offset)) entries.set(offset, await readEntry(log, partition, offset));
  return pages.map(({ from, open }) => {
    let corrected: ItemPage | undefined;
    return { from, open: () => (corrected ??= correct(open(), edited, entries)) };
  });
}

/** Where a record is damaged, it is for the attempts to say: whoever takes the slice must not stumble over it for ever. */
function correct(
  page: ItemPage,
  edited: readonly { readonly index: number; readonly offset: number }[],
  entries: ReadonlyMap<number, Entry>,
): ItemPage {
  const items = [...page.items];
  const opened = new Map<Entry, Correction>();
  for (const { index, offset } of edited) {
    const entry = entries.get(offset);
    if (entry === undefined || index < page.from || index >= page.from + items.length) continue;
    const correction = opened.get(entry) ?? correctionIn(entry);
    opened.set(entry, correction);
    const item = correction.items.get(index);
    assert(item !== undefined, `the redrive at offset ${offset} has an input of sub-job ${index}`);
    items[index - page.from] = item;
  }
  return { ...page, items };
}
