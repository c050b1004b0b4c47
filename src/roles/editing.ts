/** Inputs that people have corrected: they stand in redrives, and take the place of those that the split gave. */
import { assert } from "../errors.ts";
import { itemsIn } from "../core/edits.ts";
import { decode, type Entry, type InputEvent, type Json, type Recorded } from "../core/event.ts";
import type { SliceTask } from "../core/task.ts";
import type { Log } from "../ports/log.ts";
import { entryAt, notThere, readEntry, type ItemPage, type UnreadPage } from "./pages.ts";

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
  { run, partition, again = [] }: SliceTask,
  pages: readonly UnreadPage[],
): Promise<readonly UnreadPage[]> {
  const edited = again.flatMap(({ index, edited }) =>
    edited === undefined ? [] : [{ index, offset: edited }],
  );
  if (edited.length === 0) return pages;
  const entries = new Map<number, Entry | undefined>();
  for (const { offset } of edited)
    if (!entries.has(offset)) entries.set(offset, await entryAt(log, partition, offset));
  return pages.map(({ from, open }) => {
    let corrected: ItemPage | undefined;
    return { from, open: () => (corrected ??= correct(run, open(), edited, entries)) };
  });
}

function correctionOf(run: string, offset: number, entry: Entry | undefined): Correction {
  const event = entry && decode(entry);
  if (entry === undefined || event?.type !== "redrive.asked" || event.run !== run)
    throw notThere(`no redrive of ${run} is at offset ${offset}`);
  return correctionIn(entry);
}

/** Where a record is damaged, it is for the attempts to say: whoever takes the slice must not stumble over it for ever. */
function correct(
  run: string,
  page: ItemPage,
  edited: readonly { readonly index: number; readonly offset: number }[],
  entries: ReadonlyMap<number, Entry | undefined>,
): ItemPage {
  const items = [...page.items];
  const opened = new Map<number, Correction>();
  for (const { index, offset } of edited) {
    if (index < page.from || index >= page.from + items.length) continue;
    const correction = opened.get(offset) ?? correctionOf(run, offset, entries.get(offset));
    opened.set(offset, correction);
    const item = correction.items.get(index);
    if (item === undefined)
      throw notThere(`the redrive at offset ${offset} has no input of sub-job ${index}`);
    items[index - page.from] = item;
  }
  return { ...page, items };
}
