/**
 * A page of the ledger: what is known of up to 1,024 sub-jobs, in arrays of its own and as bytes in the store.
 *
 * Its arrays are as long as the split needs them, by powers of two: a job sent by itself has a page of one.
 */
import { assert } from "../errors.ts";

export const pageBits = 10;
export const pageSize: number = 1 << pageBits;

/** What is kept of sub-jobs that did not succeed at the first try; allocated when a page has the first of them. */
type Again = {
  /** How often it was put into the queue; fences what comes back late. 0 stands for "as often as a first try": 1 once issued. */
  readonly issue: Uint16Array;
  /** Attempts that failed. */
  readonly attempts: Uint8Array;
  /** Workers that vanished with it (losses.ts). */
  readonly crashes: Uint8Array;
  /** 1-based number of its failure group, 0 = none. */
  readonly group: Uint8Array;
  /** When it may be tried again, epoch ms. */
  readonly dueAt: Float64Array;
};

/** What lies beyond the end of its arrays is 0. */
export type Page = {
  readonly state: Uint8Array;
  /** Offset of the last outcome, relative to the ledger's base, plus 1; 0 = none. */
  readonly outcome: Uint32Array;
  again: Again | undefined;
};

/** How long an array is that has room for so many: by powers of two, so that one that grows is copied at most ten times. */
export function roomFor(length: number): number {
  return length >= pageSize ? pageSize : 1 << (32 - Math.clz32(Math.max(0, length - 1)));
}

/** The page with room for so many sub-jobs; a new one, where there was none. */
export function withRoom(page: Page | undefined, length: number): Page {
  const room = roomFor(length);
  const wide: Page = {
    state: new Uint8Array(room),
    outcome: new Uint32Array(room),
    again: page?.again === undefined ? undefined : newAgain(room),
  };
  if (page === undefined) return wide;
  const arrays = arraysOf(wide);
  for (const [n, array] of arraysOf(page).entries()) arrays[n]?.set(array);
  return wide;
}

function newAgain(room: number): Again {
  return {
    issue: new Uint16Array(room),
    attempts: new Uint8Array(room),
    crashes: new Uint8Array(room),
    group: new Uint8Array(room),
    dueAt: new Float64Array(room),
  };
}

export function againOf(page: Page): Again {
  page.again ??= newAgain(page.state.length);
  return page.again;
}

const version = 1;

type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** In the order in which they are stored. */
function arraysOf({ state, outcome, again }: Page): readonly Numbers[] {
  if (again === undefined) return [state, outcome];
  return [state, outcome, again.issue, again.attempts, again.crashes, again.group, again.dueAt];
}

/** As it is stored, with so many sub-jobs: version, flags, length, then the arrays, little-endian. */
export function bytesOf(page: Page, length: number): Uint8Array {
  const bytes = new Uint8Array(4 + length * (page.again === undefined ? 5 : 18));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, page.again === undefined ? 0 : 1);
  view.setUint16(2, length, true);
  let at = 4;
  for (const array of arraysOf(page)) {
    const stored = Math.min(length, array.length);
    bytes.set(new Uint8Array(array.buffer, 0, stored * array.BYTES_PER_ELEMENT), at);
    at += length * array.BYTES_PER_ELEMENT;
  }
  return bytes;
}

/** The page that was stored with this number. Throws CorruptError where the bytes are not what bytesOf wrote. */
export function pageFrom(bytes: Uint8Array, n: number): Page {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = bytes.byteLength >= 4 && view.getUint8(0) === version;
  assert(known, `ledger page ${n} was not written by this version of fanfold`);
  const length = view.getUint16(2, true);
  const hasAgain = view.getUint8(1) === 1;
  assert(
    length <= pageSize && bytes.byteLength === 4 + length * (hasAgain ? 18 : 5),
    `ledger page ${n} has the wrong length`,
  );
  const page = withRoom(undefined, length);
  if (hasAgain) againOf(page);
  let at = 4;
  for (const array of arraysOf(page)) {
    const size = length * array.BYTES_PER_ELEMENT;
    new Uint8Array(array.buffer).set(bytes.subarray(at, at + size));
    at += size;
  }
  return page;
}
