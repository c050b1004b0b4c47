/**
 * What is due, earliest first; of what is due at the same instant, what was pushed first.
 *
 * push and pop are O(log n), peek is O(1). The values lie in plain arrays, about 30 bytes each: a step whose million
 * sub-jobs all wait for a retry costs 30 MB, as objects it would be 100.
 */
export type Heap<T> = {
  readonly push: (at: number, value: T) => void;
  readonly pop: () => Due<T> | undefined;
  readonly peek: () => Due<T> | undefined;
  readonly size: () => number;
};

export type Due<T> = { readonly at: number; readonly value: T };

/** Binary, in three parallel arrays. H1: no entry is due before its parent, at half its place. */
export function heap<T>(): Heap<T> {
  const ats: number[] = [];
  const seqs: number[] = [];
  const values: T[] = [];
  let pushed = 0;

  const isBefore = (one: number, at: number, seq: number): boolean => {
    const other = ats[one] ?? Infinity;
    return other < at || (other === at && (seqs[one] ?? 0) < seq);
  };
  const move = (from: number, to: number): void => {
    ats[to] = ats[from] ?? Infinity;
    seqs[to] = seqs[from] ?? 0;
    values[to] = values[from] as T; // oxlint-disable-line typescript/no-unsafe-type-assertion -- from is below the length
  };
  const set = (place: number, at: number, seq: number, value: T): void => {
    ats[place] = at;
    seqs[place] = seq;
    values[place] = value;
  };

  /** Parents that are due later move down, until the entry can stand where the last of them stood. */
  const rise = (from: number, at: number, seq: number): number => {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (isBefore(parent, at, seq)) break;
      move(parent, place);
      place = parent;
    }
    return place;
  };
  /** Children that are due earlier move up, likewise. */
  const sink = (at: number, seq: number): number => {
    let place = 0;
    for (let child = 1; child < ats.length; child = 2 * place + 1) {
      const right = child + 1;
      const isRight = right < ats.length && isBefore(right, ats[child] ?? 0, seqs[child] ?? 0);
      const first = isRight ? right : child;
      if (!isBefore(first, at, seq)) break;
      move(first, place);
      place = first;
    }
    return place;
  };
  const peek = (): Due<T> | undefined => {
    const at = ats[0];
    if (at === undefined) return undefined;
    return { at, value: values[0] as T }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- there is a first, as its `at` says
  };

  return {
    push: (at, value) => {
      pushed += 1;
      set(rise(ats.length, at, pushed), at, pushed, value);
    },
    pop: () => {
      const first = peek();
      const at = ats.pop();
      const seq = seqs.pop();
      const value = values.pop();
      if (at === undefined || seq === undefined || ats.length === 0) return first;
      set(sink(at, seq), at, seq, value as T); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it came with its `at`
      return first;
    },
    peek,
    size: () => ats.length,
  };
}
