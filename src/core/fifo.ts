/** First in, first out, in constant time at any length (Array.shift moves everything that is left). Data: a fan-out has three, and most stay empty. */
export type Fifo<T> = { items: T[]; head: number };

/** Beyond this many taken entries, the rest is moved to the front when it is the smaller part. */
const slack = 1_024;

export function fifo<T>(): Fifo<T> {
  return { items: [], head: 0 };
}

export function push<T>({ items }: Fifo<T>, value: T): void {
  items.push(value);
}

export function shift<T>(fifo: Fifo<T>): T | undefined {
  const { items, head } = fifo;
  if (head >= items.length) return undefined;
  fifo.head += 1;
  if (fifo.head > slack && fifo.head * 2 > items.length) {
    fifo.items = items.slice(fifo.head);
    fifo.head = 0;
  }
  return items[head];
}

/** The nth in line; the first unless told. */
export function peek<T>({ items, head }: Fifo<T>, nth = 0): T | undefined {
  return items[head + nth];
}

export function clear<T>(fifo: Fifo<T>): void {
  fifo.items = [];
  fifo.head = 0;
}

export function size<T>({ items, head }: Fifo<T>): number {
  return items.length - head;
}
