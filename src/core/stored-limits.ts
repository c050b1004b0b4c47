/** What a commit writes of limits, and how it comes back: tokens and holds of throttles and of keys, and the keys of sub-jobs. */
import { assert } from "../errors.ts";
import type { FanOut } from "./fan-out.ts";
import { keys as storeKeys } from "./ids.ts";
import { keysWithRoom, newKeyed } from "./limit-keys.ts";
import { pageSize } from "./ledger-page.ts";
import type { Run } from "./run.ts";
import type { Put } from "./snapshot.ts";
import type { Partition } from "./state.ts";
import type { StoredTokens, Throttle } from "./throttle.ts";

export function takeTokens(state: Partition, puts: Put[]): void {
  for (const { plan, keys, spent } of state.keyed.values()) {
    for (const hash of spent) puts.push([storeKeys.key(plan.name, hash), keyText(keys.get(hash))]);
    spent.clear();
  }
  const all = [...state.throttles];
  if (!all.some(([, one]) => one.isSpent)) return;
  const stored: StoredTokens = all
    .filter(([, one]) => one.perMs !== Infinity || one.heldUntil > 0)
    .map(([name, one]) => [name, one.perMs === Infinity ? 0 : one.tokens, one.at, one.heldUntil]);
  for (const [, one] of all) one.isSpent = false;
  puts.push([storeKeys.tokens, JSON.stringify(stored)]);
}

/** A row per key that has a rate or was held; none once it is forgotten. */
function keyText(key: Throttle | undefined): string | undefined {
  if (key === undefined) return undefined;
  return JSON.stringify([key.perMs === Infinity ? 0 : key.tokens, key.at, key.heldUntil]);
}

/** Until when it was held as this was written, epoch ms: a job by its name in the record of all, a key in its row. 0: it was not. */
export function heldUntil(text: string, job?: string): number {
  if (job === undefined) return Number(listIn(text, "key/…")[2]);
  return tokensIn(text).find(([name]) => name === job)?.[3] ?? 0;
}

/** A key of a limit as its row says. */
export function storedKey(text: string): Pick<Throttle, "tokens" | "at" | "heldUntil"> {
  const [tokens = 0, at = 0, heldUntil = 0] = listIn(text, "key/…").map(Number);
  return { tokens, at, heldUntil };
}

/** Jobs that were held as this was written, and until when, epoch ms. */
export function heldJobs(text: string): readonly (readonly [job: string, until: number])[] {
  const held = tokensIn(text).filter(([, , , until]) => until > 0);
  return held.map(([name, , , until]) => [name, until]);
}

/** The hash of one key in a page of them. */
export function hashIn(page: Uint8Array, at: number): number {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  return at * 4 + 4 <= page.byteLength ? view.getUint32(at * 4, true) : 0;
}

function tokensIn(text: string): StoredTokens {
  const stored = listIn(text, storeKeys.tokens);
  assert(stored.every(Array.isArray), `the record ${storeKeys.tokens} in the store is of rates`);
  return stored as unknown as StoredTokens; // oxlint-disable-line typescript/no-unsafe-type-assertion -- what of it is no number is left out
}

/** Throws CorruptError, which names the record. */
function listIn(text: string, key: string): readonly number[] {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    stored = undefined;
  }
  assert(Array.isArray(stored), `the record ${key} in the store is a list`);
  return stored as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- who reads it looks at each
}

/** Puts back what was left of rates: before the runs, which ask for it. */
export function restoreTokens(state: Partition, text: string): void {
  for (const [name, ...rest] of tokensIn(text)) restoreToken(state, name, rest);
}

/** The same of one key, by the name of its row. */
export function restoreKey(state: Partition, name: string, text: string): void {
  restoreToken(state, name, listIn(text, name));
}

function restoreToken(state: Partition, name: string, numbers: readonly number[]): void {
  const [tokens, at, heldUntil] = numbers;
  if (tokens === undefined || at === undefined || heldUntil === undefined) return;
  if (numbers.every(Number.isFinite)) state.tokens.set(name, { tokens, at, heldUntil });
}

/** The keys of the sub-jobs that came since the last commit, by pages. */
export function takeLimitKeys(run: Run, step: FanOut, puts: Put[]): void {
  const { keyed, ledger } = step;
  if (keyed === undefined) return;
  for (let n = Math.floor(keyed.changedFrom / pageSize); n * pageSize < ledger.size; n += 1) {
    const page = keyed.pages[n];
    if (page === undefined) continue;
    const length = Math.min(pageSize, ledger.size - n * pageSize);
    const keys = keysWithRoom(page, length); // A page of the split without any keys may have come behind it.
    puts.push([
      storeKeys.limitKeys(run.id, step.name, n),
      new Uint8Array(keys.buffer, 0, length * keys.BYTES_PER_ELEMENT).slice(),
    ]);
  }
  keyed.changedFrom = Infinity;
}

export function restoreLimitKeys(
  step: FanOut,
  rows: readonly (readonly [number, Uint8Array])[],
): void {
  if (rows.length === 0) return;
  step.keyed = newKeyed(step.next);
  for (const [n, bytes] of rows) {
    const fits = bytes.byteLength % 4 === 0 && bytes.byteLength <= pageSize * 4;
    assert(fits, `the keys of sub-jobs ${n * pageSize} and on have the right length`);
    const page = keysWithRoom(undefined, bytes.byteLength / 4);
    new Uint8Array(page.buffer).set(bytes);
    step.keyed.pages[n] = page;
  }
}
