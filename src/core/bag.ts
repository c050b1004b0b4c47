/**
 * What is there now, in no order, where much comes and goes: a list whose gaps are filled with its last.
 *
 * A Set makes a new table every so often, and the old ones, once they are old, keep alive for the garbage collector
 * what was in them: a million attempts that lived for a millisecond each became 140 MB to be found by a full collection.
 */
import { assert } from "../errors.ts";

/** Where it is in its bag, -1 where it is in none. The bag's own. */
export type Placed = { place: number };

export type Bag<T extends Placed> = {
  /** Must not be in a bag. */
  readonly add: (entry: T) => void;
  /** Nothing where it is not in it. */
  readonly remove: (entry: T) => void;
  readonly size: () => number;
  /** What is in it now: adding and removing meanwhile does not change it. */
  readonly all: () => readonly T[];
};

export function bag<T extends Placed>(): Bag<T> {
  const entries: T[] = [];
  return {
    add(entry) {
      assert(entry.place === -1, "what is added to a bag is in none");
      entry.place = entries.length;
      entries.push(entry);
    },
    remove(entry) {
      const { place } = entry;
      if (place === -1) return;
      assert(entries[place] === entry, "what is removed from a bag is where it says");
      entry.place = -1;
      const last = entries.pop();
      if (last === undefined || last === entry) return;
      entries[place] = last;
      last.place = place;
    },
    size: () => entries.length,
    all: () => [...entries],
  };
}
