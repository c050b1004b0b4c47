/**
 * What is due, earliest first; of what is due at the same instant, what was pushed first.
 *
 * push and pop are O(log n), peek is O(1). The values lie in plain arrays, about 30 bytes each: a step whose million
 * sub-jobs all wait for a retry costs 30 MB, as objects it would be 100.
 */
export type Due<T> = { readonly at: number; readonly value: T };

/** Binary, in three parallel arrays. H1: no entry is due before its parent, at half its place. */
export type Heap<T> = {
  readonly ats: number[];
  readonly seqs: number[];
  readonly values: T[];
  pushed: number;
};

export function heap<T>(): Heap<T> {
  return { ats: [], seqs: [], values: [], pushed: 0 };
}

export function size<T>({ ats }: Heap<T>): number {
  return ats.length;
}

export function peek<T>({ ats, values }: Heap<T>): Due<T> | undefined {
  const [at] = ats;
  if (at === undefined) return undefined;
  return { at, value: values[0] as T }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- there is a first, as its `at` says
}

export function push<T>(heap: Heap<T>, at: number, value: T): void {
  heap.pushed += 1;
  const seq = heap.pushed;
  set(heap, rise(heap, heap.ats.length, at, seq), at, seq, value);
}

export function pop<T>(heap: Heap<T>): Due<T> | undefined {
  const first = peek(heap);
  const at = heap.ats.pop();
  const seq = heap.seqs.pop();
  const value = heap.values.pop();
  if (at === undefined || seq === undefined || heap.ats.length === 0) return first;
  set(heap, sink(heap, at, seq), at, seq, value as T); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it came with its `at`
  return first;
}

function isBefore<T>({ ats, seqs }: Heap<T>, one: number, at: number, seq: number): boolean {
  const other = ats[one] ?? Infinity;
  return other < at || (other === at && (seqs[one] ?? 0) < seq);
}

function move<T>({ ats, seqs, values }: Heap<T>, from: number, to: number): void {
  ats[to] = ats[from] ?? Infinity;
  seqs[to] = seqs[from] ?? 0;
  values[to] = values[from] as T; // oxlint-disable-line typescript/no-unsafe-type-assertion -- from is below the length
}

function set<T>(
  { ats, seqs, values }: Heap<T>,
  place: number,
  at: number,
  seq: number,
  value: T,
): void {
  ats[place] = at;
  seqs[place] = seq;
  values[place] = value;
}

/** Parents that are due later move down, until the entry can stand where the last of them stood. */
function rise<T>(heap: Heap<T>, from: number, at: number, seq: number): number {
  let place = from;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    if (isBefore(heap, parent, at, seq)) break;
    move(heap, parent, place);
    place = parent;
  }
  return place;
}

/** Children that are due earlier move up, likewise. */
function sink<T>(heap: Heap<T>, at: number, seq: number): number {
  const { ats, seqs } = heap;
  let place = 0;
  for (let child = 1; child < ats.length; child = 2 * place + 1) {
    const right = child + 1;
    const isRight = right < ats.length && isBefore(heap, right, ats[child] ?? 0, seqs[child] ?? 0);
    const first = isRight ? right : child;
    if (!isBefore(heap, first, at, seq)) break;
    move(heap, first, place);
    place = first;
  }
  return place;
}
