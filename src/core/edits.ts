/**
 * Corrected inputs: a person redrives a failed sub-job with another item than the split gave it.
 *
 * The item stands on the log, in the event of the redrive, as others stand in the pages of the split. Kept is where: three numbers
 * per edit, in a record of their own that is written when there is one more. A sub-job that was never edited costs nothing.
 *
 * An attempt that began before worked on another item, so what it still says counts no more, not even a success (G6).
 */
import { assert } from "../errors.ts";
import type { Json, Recorded } from "./event.ts";
import type { FanOut } from "./fan-out.ts";
import { keys as storeKeys } from "./ids.ts";
import { addKeys } from "./limit-keys.ts";
import * as ledgers from "./ledger.ts";
import type { Put } from "./snapshot.ts";

/** Where the item of a sub-job stands now, and the first issue that works on it. */
export type Edit = { readonly offset: number; readonly issue: number };

/** Updated in place. */
export type Edits = {
  /** All of them, oldest first: index, offset, issue, … */
  readonly triples: number[];
  readonly latest: Map<number, Edit>;
  changed: boolean;
};

/** What a redrive says of them; its body is the items as a JSON array. All three in the same order. */
export type Edited = {
  readonly edits?: readonly number[];
  /** Where the job is limited by key: the hash of what each item is limited by, 0 for nothing. */
  readonly limitKeys?: readonly number[];
};

/** From now on those of the redriven sub-jobs that the event names have the item it has for them. */
export function edit(
  step: FanOut,
  redriven: readonly number[],
  { edits = [], limitKeys, offset }: Recorded & Edited,
): void {
  const chosen = new Set(redriven);
  for (const [n, index] of edits.entries()) {
    if (!chosen.has(index)) continue;
    step.edits ??= { triples: [], latest: new Map(), changed: false };
    note(step.edits, index, offset, ledgers.issueOf(step.ledger, index));
    step.edits.changed = true;
    if (limitKeys !== undefined && step.keyed !== undefined)
      addKeys(step.keyed, index, [limitKeys[n] ?? 0]);
  }
}

function note(edits: Edits, index: number, offset: number, issue: number): void {
  edits.triples.push(index, offset, issue);
  edits.latest.set(index, { offset, issue });
}

/** This issue worked on an item that the sub-job no longer has. */
export function isOutdated(edits: Edits | undefined, index: number, issue: number): boolean {
  return edits !== undefined && issue < (edits.latest.get(index)?.issue ?? 0);
}

/** How many edits a step has had. */
export function editCount(edits: Edits | undefined): number {
  return (edits?.triples.length ?? 0) / 3;
}

/** The items that a redrive has, by sub-job. Throws CorruptError where they are not what it says. */
export function itemsIn({ edits = [], body = "[]", offset }: Recorded & Edited): Map<number, Json> {
  const items = listIn(body);
  assert(items?.length === edits.length, `the redrive at offset ${offset} has an item per edit`);
  return new Map(edits.map((index, n) => [index, items[n] ?? null]));
}

function listIn(body: string): readonly Json[] | undefined {
  try {
    const items: unknown = JSON.parse(body);
    return Array.isArray(items) ? (items as readonly Json[]) : undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse returns nothing else
  } catch {
    return undefined;
  }
}

/** Writes them, if there is one more since the last commit. */
export function takeEdits(run: string, { name, edits }: FanOut, puts: Put[]): void {
  if (edits?.changed !== true) return;
  puts.push([storeKeys.edits(run, name), JSON.stringify(edits.triples)]);
  edits.changed = false;
}

/** From what takeEdits wrote. */
export function restoreEdits(triples: readonly number[]): Edits | undefined {
  if (triples.length === 0) return undefined;
  const edits: Edits = { triples: [], latest: new Map(), changed: false };
  for (let t = 0; t + 2 < triples.length; t += 3)
    note(edits, triples[t] ?? 0, triples[t + 1] ?? 0, triples[t + 2] ?? 0);
  return edits;
}
