/** Answers what people ask of runs, from what is committed: no scan, and the same before and after a restart. */
import { assert } from "../errors.ts";
import { decode, type Failure, type Json } from "../core/event.ts";
import { keys, partitionOf } from "../core/ids.ts";
import { candidates, lookupPrefixes } from "../core/key-index.ts";
import * as ledgers from "../core/ledger.ts";
import type { Plans } from "../core/plan.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { statusOf, type AttemptRecord, type Status, type SubJobRecord } from "../views/status.ts";
import { pageAt } from "./directory.ts";
import { bytes, loadPauses, loadStoredRun, loadStoredSteps, scanAll } from "./loading.ts";
import { readPage } from "./pages.ts";

export type Reader = {
  readonly run: (id: string) => Promise<StoredRun | undefined>;
  readonly status: (id: string) => Promise<Status | undefined>;
  /** Everything about one sub-job; undefined if the step has none of this key. */
  readonly subJob: (id: string, step: string, key: string) => Promise<SubJobRecord | undefined>;
  /** Where the sub-job of this key stands; undefined if there is none. */
  readonly indexOf: (id: string, step: string, key: string) => Promise<number | undefined>;
};

export type ReaderOptions = {
  readonly engine: Pick<Engine, "log" | "store" | "partitions">;
  readonly clock: Clock;
  readonly plans: Plans;
};

export function reader({ engine, clock, plans }: ReaderOptions): Reader {
  const { log, store } = engine;
  const home = (id: string): number => partitionOf(id, engine.partitions);

  async function find(id: string, step: string, key: string) {
    const partition = home(id);
    const rows: (readonly [string, string | Uint8Array])[] = [];
    for (const prefix of lookupPrefixes(keys.index(id, step), key))
      rows.push(...(await scanAll(store, partition, prefix)));
    for (const index of candidates(rows, key)) {
      const offset = await pageAt(store, partition, id, step, index);
      const page = offset === undefined ? undefined : await readPage(log, partition, offset);
      if (page?.keys[index - page.from] === key)
        return { index, input: page.items[index - page.from] ?? null };
    }
    return undefined;
  }

  /** One page of the ledger, in a ledger of its own: enough to ask about this index. */
  async function ledgerAt(id: string, step: string, index: number, base: number, size: number) {
    const n = Math.floor(index / ledgers.pageSize);
    const [page] = await store.load(home(id), [keys.page(id, step, n)]);
    const ledger = ledgers.emptyLedger(base);
    ledger.size = size;
    if (page !== undefined) ledgers.restorePage(ledger, n, bytes(page));
    return ledger;
  }

  /** What the log says of a sub-job at this offset. */
  async function outcomeAt(
    partition: number,
    offset: number,
    index: number,
  ): Promise<Outcome | undefined> {
    const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
    assert(entry !== undefined, `the outcome at offset ${offset} is gone`);
    const event = decode(entry);
    if (event.type === "task.lost" || event.type === "queue.lost") return vanished(event.at);
    if (event.type !== "sub-jobs.settled") return undefined;
    const bad = event.bad?.find((one) => one.index === index);
    if (bad !== undefined)
      return { ...bad, at: event.at, result: undefined, ms: bad.ms, previous: bad.previous };
    const [attempt = 1, previous = -1] = triedAgain(event.again ?? [], index);
    let before = 0;
    for (let t = 0; t + 2 < event.ok.length; t += 3) {
      const from = event.ok[t] ?? 0;
      const count = event.ok[t + 1] ?? 0;
      if (index >= from && index < from + count) {
        const place = before + index - from;
        const results =
          event.body === undefined ? undefined : (JSON.parse(event.body) as readonly Json[]); // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in roles/outcomes.ts
        return {
          at: event.at,
          attempt,
          outcome: "ok",
          error: undefined,
          result: results?.[place],
          ms: event.ms?.[place],
          previous: previous < 0 ? undefined : previous,
        };
      }
      before += count;
    }
    return undefined;
  }

  return {
    run: (id) => loadStoredRun(store, home(id), id),
    async status(id) {
      const stored = await loadStoredRun(store, home(id), id);
      if (stored === undefined) return undefined;
      const steps = await loadStoredSteps(store, home(id), stored);
      const pauses = await loadPauses(store, home(id));
      const { offset } = await store.position(home(id));
      return statusOf(stored, steps, plans.get(stored.flow), pauses, {
        offset,
        at: stored.endedAt ?? clock.now(),
      });
    },
    async indexOf(id, step, key) {
      return (await find(id, step, key))?.index;
    },
    async subJob(id, step, key) {
      const stored = await loadStoredRun(store, home(id), id);
      const position = stored?.steps.indexOf(step) ?? -1;
      if (stored === undefined || position === -1) return undefined;
      const kept = (await loadStoredSteps(store, home(id), stored))[position];
      const found = await find(id, step, key);
      if (kept?.kind !== "fan-out" || found === undefined) return undefined;
      const { index, input } = found;
      const ledger = await ledgerAt(id, step, index, kept.base, kept.size);
      const outcomes: Outcome[] = [];
      for (let offset = ledgers.outcomeOffset(ledger, index); offset !== undefined;) {
        const outcome = await outcomeAt(home(id), offset, index);
        if (outcome === undefined) break;
        outcomes.unshift(outcome);
        // An outcome is before what came of it, or it is damage and would lead in a circle.
        offset = (outcome.previous ?? Infinity) < offset ? outcome.previous : undefined;
      }
      const state = ledgers.states[ledgers.stateOf(ledger, index)] ?? "waiting";
      return {
        run: id,
        step,
        key,
        index,
        state,
        input,
        result: outcomes.at(-1)?.result,
        progress: kept.progress?.find((one) => one.index === index),
        dueAt: state === "retrying" ? ledgers.dueAtOf(ledger, index) : undefined,
        attempts: outcomes.map(attemptOf),
      };
    },
  };
}

/** What the log says of one attempt, and where it says more about the one before. */
type Outcome = Omit<AttemptRecord, "error"> & {
  readonly error?: Failure | undefined;
  readonly result: Json | undefined;
  readonly previous: number | undefined;
};

/** Attempt and offset of the outcome before, of a success that was not the first try. */
function triedAgain(again: readonly number[], index: number): readonly number[] {
  for (let at = 0; at + 2 < again.length; at += 3)
    if (again[at] === index) return again.slice(at + 1, at + 3);
  return [];
}

/** It was given up on because its workers vanished: there is nobody who could say more. */
function vanished(at: number): Outcome {
  const error = { name: "Poison", message: "its worker vanished while it ran, time and again" };
  return {
    attempt: 1,
    outcome: "poison",
    at,
    ms: undefined,
    error,
    result: undefined,
    previous: undefined,
  };
}

function attemptOf({ attempt, outcome, at, ms, error }: Outcome): AttemptRecord {
  return { attempt, outcome, at, ms, error };
}
