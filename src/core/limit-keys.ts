/** The keys of a fan-out's sub-jobs, where their job is limited by key (keyed.ts): a hash of each, and which were set aside. */
import * as fifos from "./fifo.ts";
import type { Fifo } from "./fifo.ts";
import { hashOf } from "./hash.ts";
import { pageSize, roomFor } from "./ledger-page.ts";

/** What a fan-out knows of the keys of its sub-jobs. Updated in place. */
export type Keyed = {
  /** A hash per index, in pages like the ledger's; 0: without a key. */
  readonly pages: Uint32Array[];
  /** The first index whose hash is not stored yet. */
  changedFrom: number;
  /** The first index that was never looked at; those before it are in flight, over, or in a line. */
  scan: number;
  readonly aside: Map<number, Fifo<number>>;
  asideCount: number;
  /** Keys whose line may go on. */
  readonly ready: Set<number>;
};

/** How a key stands in a page; 0: it has none. */
export function keyHash(key: string | undefined): number {
  return key === undefined ? 0 : hashOf(key).h1 || 1;
}

export function newKeyed(scan: number): Keyed {
  return {
    pages: [],
    changedFrom: Infinity,
    scan,
    aside: new Map(),
    asideCount: 0,
    ready: new Set(),
  };
}

/** As long as the ledger's. */
export function keysWithRoom(page: Uint32Array | undefined, length: number): Uint32Array {
  if (page !== undefined && length <= page.length) return page;
  const wide = new Uint32Array(roomFor(length));
  if (page !== undefined) wide.set(page);
  return wide;
}

/** A page came, with these. */
export function addKeys(keyed: Keyed, from: number, hashes: readonly number[]): void {
  keyed.changedFrom = Math.min(keyed.changedFrom, from);
  for (let done = 0; done < hashes.length;) {
    const index = from + done;
    const n = Math.floor(index / pageSize);
    const part = hashes.slice(done, done + pageSize - (index % pageSize));
    const page = keysWithRoom(keyed.pages[n], (index % pageSize) + part.length);
    page.set(part, index % pageSize);
    keyed.pages[n] = page;
    done += part.length;
  }
}

export function hashAt(keyed: Keyed | undefined, index: number): number {
  return keyed?.pages[Math.floor(index / pageSize)]?.[index % pageSize] ?? 0;
}

export function setAside(keyed: Keyed, hash: number, index: number): void {
  let line = keyed.aside.get(hash);
  if (line === undefined) {
    line = fifos.fifo();
    keyed.aside.set(hash, line);
  }
  fifos.push(line, index);
  keyed.asideCount += 1;
}

/** The lists are made anew from the ledger: what was set aside is looked at again, from there on. */
export function lookAgain(keyed: Keyed | undefined, next: number): void {
  if (keyed === undefined) return;
  keyed.aside.clear();
  keyed.asideCount = 0;
  keyed.ready.clear();
  keyed.scan = next;
}
