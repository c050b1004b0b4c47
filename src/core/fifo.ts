/** First in, first out, in constant time at any length (Array.shift moves everything that is left). */
export type Fifo<T> = {
  readonly push: (value: T) => void;
  readonly shift: () => T | undefined;
  readonly peek: () => T | undefined;
  readonly clear: () => void;
  readonly size: () => number;
};

/** Beyond this many taken entries, the rest is moved to the front when it is the smaller part. */
const slack = 1_024;

export function fifo<T>(): Fifo<T> {
  let items: T[] = [];
  let head = 0;
  return {
    push: (value) => {
      items.push(value);
    },
    shift: () => {
      const value = items[head];
      if (head >= items.length) return undefined;
      head += 1;
      if (head > slack && head * 2 > items.length) {
        items = items.slice(head);
        head = 0;
      }
      return value;
    },
    peek: () => items[head],
    clear: () => {
      items = [];
      head = 0;
    },
    size: () => items.length - head,
  };
}
