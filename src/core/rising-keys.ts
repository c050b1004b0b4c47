/**
 * Which keys cannot have come before, by their order alone: most sources yield them as they count, by number, by date or as a
 * database sorts them.
 *
 *   1, 2, …, 9, 10, …, 99, 100      { 1: "9", 2: "99", 3: "100" }: what is above the highest of its length is new
 *
 * By length, because "10" is below "9" as a text; and so two series whose keys differ in length, like invoice 536379 and credit
 * note C536379, do not disturb one another. It costs a comparison and no hash, and its memory does not grow.
 *
 * R1  mightHave is true for every key that was added.   R2  it is false for each key that is above all before it of its length.
 */
export type RisingKeys = {
  readonly mightHave: (key: string) => boolean;
  readonly add: (key: string) => void;
};

/** Lengths it knows of, since it keeps a key of each. What has another may have come. */
const lengthsAtMost = 64;

export function risingKeys(): RisingKeys {
  const highest = new Map<number, string>();
  return {
    mightHave: (key) => {
      const top = highest.get(key.length);
      return top === undefined ? highest.size === lengthsAtMost : key <= top;
    },
    add: (key) => {
      const top = highest.get(key.length);
      const isKept = top === undefined ? highest.size < lengthsAtMost : key > top;
      if (isKept) highest.set(key.length, key);
    },
  };
}
