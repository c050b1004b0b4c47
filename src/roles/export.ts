/**
 * Reads all sub-jobs of a step in their order: what each was given, and what came of it.
 *
 * A page of items at a time, with the ledger's pages and the outcomes that it needs: memory is that of a page, whatever the
 * size of the step. What is not wanted is not read.
 */
import { assert, NotFoundError } from "../errors.ts";
import { restoreEdits } from "../core/edits.ts";
import { keys, partitionOf, prefixes } from "../core/ids.ts";
import * as ledgers from "../core/ledger.ts";
import { pageSize } from "../core/ledger-page.ts";
import type { Ledger } from "../core/ledger.ts";
import type { Plans } from "../core/plan.ts";
import { inRanges } from "../core/ranges.ts";
import { redacted } from "../core/redact.ts";
import type { StoredFanOut, StoredRun } from "../core/stored.ts";
import type { Engine } from "../ports/engine.ts";
import type { ExportedSubJob } from "../views/status.ts";
import { corrections } from "./editing.ts";
import { bytes, loadEdits, loadStoredRun, loadStoredSteps, numbers, scanned } from "./loading.ts";
import { readPage } from "./pages.ts";
import { redactOf } from "./redacting.ts";
import { outcomesIn, type Outcomes } from "./settled.ts";

/** Which sub-jobs, and from where on. */
export type ExportQuery = {
  /** The fan-out; without one, that which the run is at, or its last. */
  readonly step?: string;
  readonly only?: "ok" | "failed" | "skipped" | "cancelled" | "open";
  /** Of the failed ones, those of this kind. */
  readonly signature?: string;
  /** Only these: [from, count, from, count, …]. */
  readonly indices?: readonly number[];
  /** The index of the first: one more than the last that was seen, to go on. Default 0. */
  readonly from?: number;
};

/** For who does not show it to anybody: inputs are whole, whatever their job hides. */
export type Whole = { readonly isWhole?: true };

export type Exporter = {
  readonly subJobs: (id: string, query: ExportQuery & Whole) => AsyncGenerator<ExportedSubJob>;
};

/** Records with outcomes that are kept: those of neighbours mostly stand in the same ones. */
const keptRecords = 64;

export function exporter({
  engine: { log, store, partitions },
  plans,
}: {
  readonly engine: Pick<Engine, "log" | "store" | "partitions">;
  readonly plans: Plans;
}): Exporter {
  /** First index and offset of each page of items, in order, from that which has `from`. */
  async function* pagesFrom(partition: number, run: string, step: string, from: number) {
    const prefix = prefixes.directory(run, step);
    let before: readonly [number, number] | undefined;
    for await (const rows of scanned(store, partition, prefix, 1))
      for (const [key, value] of rows) {
        const chunk = numbers(value, key);
        for (let at = 0; at + 1 < chunk.length; at += 2) {
          const page = [chunk[at] ?? 0, chunk[at + 1] ?? 0] as const;
          if (before !== undefined && page[0] > from) yield before;
          before = page;
        }
      }
    if (before !== undefined) yield before;
  }

  /** The part of the ledger that has these sub-jobs. */
  async function ledgerOf(
    partition: number,
    run: string,
    step: StoredFanOut,
    from: number,
    to: number,
  ) {
    const first = Math.floor(from / pageSize);
    const last = Math.floor((to - 1) / pageSize);
    const wanted = Array.from({ length: last - first + 1 }, (_, n) => first + n);
    const values = await store.load(
      partition,
      wanted.map((n) => keys.page(run, step.name, n)),
    );
    const ledger = ledgers.emptyLedger(step.base);
    ledger.size = step.size;
    for (const [n, value] of values.entries())
      if (value !== undefined) ledgers.restorePage(ledger, first + n, bytes(value));
    return ledger;
  }

  async function stepOf(partition: number, id: string, name: string | undefined) {
    const run = await loadStoredRun(store, partition, id);
    if (run === undefined) throw new NotFoundError(`there is no run "${id}"`);
    const steps = await loadStoredSteps(store, partition, run);
    const at = name === undefined ? steps[run.at] : steps[run.steps.indexOf(name)];
    const step =
      name === undefined && at?.kind !== "fan-out"
        ? steps.findLast((one) => one?.kind === "fan-out")
        : at;
    if (step?.kind === "fan-out") return { run, step };
    throw new NotFoundError(
      name === undefined
        ? `run "${id}" has had no fan-out yet`
        : `run "${id}" has no fan-out "${name}", or it has not begun`,
    );
  }

  return {
    async *subJobs(id, query) {
      const partition = partitionOf(id, partitions);
      const { run, step } = await stepOf(partition, id, query.step);
      const isWanted = wantedBy(query, step);
      const hidden = redactOf(plans, run.flow, step.name);
      const records = recordsOf(partition);
      const read = corrections(log, partition);
      const { from = 0 } = query;
      // Split and outcomes may go on meanwhile: what is there when its page is read.
      for await (const [start, offset] of pagesFrom(partition, id, step.name, from)) {
        const page = await chosenOf(partition, run, step, { start, offset, from, isWanted });
        if (page === undefined) continue;
        const { items, chosen, ledger, edits } = page;
        for (const index of chosen) {
          const place = ledgers.outcomeOffset(ledger, index);
          const outcome = place === undefined ? undefined : (await records(place))(index);
          const state = ledgers.states[ledgers.stateOf(ledger, index)] ?? "waiting";
          const edited = edits?.latest.get(index);
          const given = items.items[index - items.from] ?? null;
          const input =
            edited === undefined ? given : ((await read(edited.offset)).items.get(index) ?? null);
          yield {
            index,
            key: items.keys[index - items.from] ?? "",
            state,
            input: query.isWhole === true ? input : redacted(input, hidden),
            result: redacted(outcome?.result, hidden),
            attempts: outcome?.attempt ?? 0,
            at: outcome?.at,
            ms: outcome?.ms,
            error: outcome?.error,
          };
        }
      }
    },
  };

  /** A page of items and those of its sub-jobs that are wanted; undefined where none is, and then its items are not read. */
  async function chosenOf(
    partition: number,
    run: StoredRun,
    step: StoredFanOut,
    {
      start,
      offset,
      from,
      isWanted,
    }: {
      readonly start: number;
      readonly offset: number;
      readonly from: number;
      readonly isWanted: (ledger: Ledger, index: number) => boolean;
    },
  ) {
    const end = Math.min(step.size, start + mostItems);
    if (end <= start) return undefined;
    const ledger = await ledgerOf(partition, run.run, step, start, end);
    let some = false;
    for (let index = Math.max(from, start); index < end && !some; index += 1)
      some = isWanted(ledger, index);
    if (!some) return undefined;
    const items = await readPage(log, partition, offset);
    const edits = restoreEdits(await loadEdits(store, partition, run.run, step.name));
    const chosen: number[] = [];
    for (let n = 0; n < items.keys.length; n += 1) {
      const index = items.from + n;
      if (index >= from && index < step.size && isWanted(ledger, index)) chosen.push(index);
    }
    return { items, chosen, ledger, edits };
  }

  /** Records by offset; the last few stay. */
  function recordsOf(partition: number): (offset: number) => Promise<Outcomes> {
    const kept = new Map<number, Outcomes>();
    return async (offset) => {
      const known = kept.get(offset);
      if (known !== undefined) return known;
      const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
      assert(entry !== undefined, `the outcome at offset ${offset} is gone`);
      const read = outcomesIn(entry);
      kept.set(offset, read);
      const [oldest] = kept.keys();
      if (kept.size > keptRecords && oldest !== undefined) kept.delete(oldest);
      return read;
    };
  }
}

/** Items in a page, at most: more than limits.pageItems of any version that wrote one. */
const mostItems = 1_024;

type Kind = NonNullable<ExportQuery["only"]>;

const kinds: Readonly<Record<Kind, (state: number) => boolean>> = {
  ok: (state) => state === ledgers.ok,
  failed: ledgers.isFailure,
  skipped: (state) => state === ledgers.skipped,
  cancelled: (state) => state === ledgers.cancelled,
  open: ledgers.isOpen,
};

function wantedBy(
  { only, signature, indices }: ExportQuery,
  step: StoredFanOut,
): (ledger: Ledger, index: number) => boolean {
  const isOfKind = only === undefined ? (): boolean => true : kinds[only];
  if (indices !== undefined) {
    const isNamed = inRanges(indices);
    return (ledger, index) => isNamed(index) && isOfKind(ledgers.stateOf(ledger, index));
  }
  if (signature === undefined) return (ledger, index) => isOfKind(ledgers.stateOf(ledger, index));
  const group = step.groups.findIndex((one) => one.signature === signature) + 1;
  return (ledger, index) =>
    ledgers.isFailure(ledgers.stateOf(ledger, index)) &&
    isOfKind(ledgers.stateOf(ledger, index)) &&
    group > 0 &&
    ledgers.groupOf(ledger, index) === group;
}
