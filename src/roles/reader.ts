/** Answers what people ask of runs, from what is committed: no scan, and the same before and after a restart. */
import { assert } from "../errors.ts";
import type { Json } from "../core/event.ts";
import { keys, partitionOf } from "../core/ids.ts";
import * as ledgers from "../core/ledger.ts";
import { pageSize } from "../core/ledger-page.ts";
import type { FlowPlan, Plans } from "../core/plan.ts";
import { redacted } from "../core/redact.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import {
  statusOf,
  type AttemptRecord,
  type EditRecord,
  type Status,
  type SubJobRecord,
} from "../views/status.ts";
import { noHolds, type Holds } from "../views/limits.ts";
import { findKey } from "./directory.ts";
import { corrections } from "./editing.ts";
import { jobsIn, loadHolds, nameHeld } from "./holds.ts";
import { keyNames, type KeyNames } from "./key-names.ts";
import { bytes, loadEdits, loadPauses, loadStoredRun, loadStoredSteps } from "./loading.ts";
import { redactOf } from "./redacting.ts";
import { withSampleKeys } from "./sample-keys.ts";
import { outcomesIn, type Outcome } from "./settled.ts";

export type Reader = {
  readonly run: (id: string) => Promise<StoredRun | undefined>;
  readonly status: (id: string) => Promise<Status | undefined>;
  /** Everything about one sub-job; undefined if the step has none of this key. */
  readonly subJob: (id: string, step: string, key: string) => Promise<SubJobRecord | undefined>;
  /** Where the sub-job of this key stands; undefined if there is none. */
  readonly indexOf: (id: string, step: string, key: string) => Promise<number | undefined>;
  /** For others who name keys, too: what was found once is known to all. */
  readonly names: KeyNames;
};

export type ReaderOptions = {
  readonly engine: Pick<Engine, "log" | "store" | "partitions">;
  readonly clock: Clock;
  readonly plans: Plans;
};

export function reader({ engine, clock, plans }: ReaderOptions): Reader {
  const { log, store } = engine;
  const names = keyNames(engine);
  const home = (id: string): number => partitionOf(id, engine.partitions);

  const find = (id: string, step: string, key: string) =>
    findKey(engine, { partition: home(id), run: id, step }, key);

  /** One page of the ledger, in a ledger of its own: enough to ask about this index. */
  async function ledgerAt(id: string, step: string, index: number, base: number, size: number) {
    const n = Math.floor(index / pageSize);
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
    return outcomesIn(entry)(index);
  }

  /** Of the fan-outs that run: nobody asks of the others. */
  async function holdsOf(
    partition: number,
    run: string,
    plan: FlowPlan | undefined,
    steps: readonly (StoredStep | undefined)[],
  ): Promise<Holds> {
    const running = new Map(
      steps.map((step) => [step?.state === "running" ? step.name : "", step]),
    );
    const fanOuts = plan?.steps.filter(({ name }) => running.has(name)) ?? [];
    const jobs = jobsIn(fanOuts);
    if (jobs.length === 0) return noHolds;
    const holds = await loadHolds(store, [partition], jobs);
    for (const plan of fanOuts) {
      const step = running.get(plan.name);
      if (plan.kind === "fan-out" && step?.kind === "fan-out")
        await nameHeld(names, holds, { partition, run, plan, from: step.next }, clock.now());
    }
    return { ...holds, nameOf: names.nameOf };
  }

  /** What a sub-job is given now, and what people have corrected of what the split gave it. */
  async function editsOf(id: string, step: string, index: number, given: Json) {
    const triples = await loadEdits(store, home(id), id, step);
    const read = corrections(log, home(id));
    const edits: EditRecord[] = [];
    let now = given;
    for (let t = 0; t + 2 < triples.length; t += 3) {
      if (triples[t] !== index) continue;
      const { redrive, items } = await read(triples[t + 1] ?? 0);
      const { at, author, reason } = redrive;
      edits.push({ at, author, reason, before: now });
      now = items.get(index) ?? null;
    }
    return { now, edits };
  }

  return {
    names,
    run: (id) => loadStoredRun(store, home(id), id),
    async status(id) {
      const { offset } = await store.position(home(id)); // First: what is read after it may know more, and never less.
      const stored = await loadStoredRun(store, home(id), id);
      if (stored === undefined) return undefined;
      const steps = await withSampleKeys(
        engine,
        { partition: home(id), run: id },
        await loadStoredSteps(store, home(id), stored),
      );
      const pauses = await loadPauses(store, home(id));
      const plan = plans.get(stored.flow);
      const holds = await holdsOf(home(id), id, plan, steps);
      return statusOf(
        stored,
        steps,
        plan,
        { pauses, holds },
        {
          offset,
          at: stored.endedAt ?? clock.now(),
        },
      );
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
      const { index, page } = found;
      const ledger = await ledgerAt(id, step, index, kept.base, kept.size);
      const outcomes: Outcome[] = [];
      for (let offset = ledgers.outcomeOffset(ledger, index); offset !== undefined;) {
        const outcome = await outcomeAt(home(id), offset, index);
        if (outcome === undefined) break;
        outcomes.unshift(outcome);
        // An outcome is before what came of it, or it is damage and would lead in a circle.
        offset = (outcome.previous ?? Infinity) < offset ? outcome.previous : undefined;
      }
      const hidden = redactOf(plans, stored.flow, step);
      const { now, edits } = await editsOf(id, step, index, page.items[index - page.from] ?? null);
      const state = ledgers.states[ledgers.stateOf(ledger, index)] ?? "waiting";
      return {
        run: id,
        step,
        key,
        index,
        state,
        input: redacted(now, hidden),
        edits: edits.map((edit) => ({ ...edit, before: redacted(edit.before, hidden) })),
        result: redacted(outcomes.at(-1)?.result, hidden),
        progress: kept.progress?.find((one) => one.index === index),
        dueAt: state === "retrying" ? ledgers.dueAtOf(ledger, index) : undefined,
        attempts: outcomes.map(attemptOf),
      };
    },
  };
}

function attemptOf({ attempt, outcome, at, ms, error }: Outcome): AttemptRecord {
  return { attempt, outcome, at, ms, error };
}
