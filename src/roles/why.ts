/** Gathers what is known of a run, so that it can be said what it waits for. */
import { keys, partitionOf, prefixes } from "../core/ids.ts";
import * as ledgers from "../core/ledger.ts";
import { pageSize } from "../core/ledger-page.ts";
import { limitByKey, type FanOutPlan, type Plans } from "../core/plan.ts";
import { sessionsIn } from "../core/snapshot.ts";
import { hashIn, heldUntil } from "../core/stored-limits.ts";
import type { StoredFanOut, StoredRun } from "../core/stored.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { whyRun, whyStep, whySubJob, type Why, type WhyFacts } from "../views/why.ts";
import { waitingKeys } from "./waiting-keys.ts";
import { pageAt } from "./directory.ts";
import { bytes, loadPauses, loadStoredRun, loadStoredSteps, scanned } from "./loading.ts";
import type { Reader } from "./reader.ts";

export type Asker = {
  /** What it waits for; undefined if there is no such run, step or sub-job. */
  readonly why: (id: string, step?: string, key?: string) => Promise<Why | undefined>;
};

export type AskerOptions = {
  readonly engine: Pick<Engine, "log" | "store" | "partitions">;
  readonly clock: Clock;
  readonly plans: Plans;
  readonly reader: Reader;
};

/** Ledger pages per scan: a page is up to 18 KB. */
const pagesAtOnce = 64;

export function asker({ engine, clock, plans, reader }: AskerOptions): Asker {
  const { store } = engine;
  const { names } = reader;

  /**
   * The first sub-job in flight and the earliest retry. Reads the step's ledger until it has seen as many as the counts say;
   * nobody asks why so often that this matters.
   */
  async function openOf(partition: number, run: StoredRun, step: StoredFanOut) {
    const flying = step.counts[ledgers.inFlight] ?? 0;
    let retried = step.counts[ledgers.retrying] ?? 0;
    let first: number | undefined;
    let dueAt = Infinity;
    const prefix = prefixes.pages(run.run, step.name);
    const isMissing = () => (flying > 0 && first === undefined) || retried > 0;
    const pages = isMissing() ? scanned(store, partition, prefix, pagesAtOnce) : [];
    for await (const rows of pages) {
      const ledger = ledgers.emptyLedger(step.base);
      ledger.size = step.size;
      for (const [name, value] of rows)
        ledgers.restorePage(ledger, Number(name.slice(prefix.length)), bytes(value));
      ledgers.forEachIn(ledger, ledgers.isOpen, (index, state) => {
        if (state === ledgers.inFlight) first ??= index;
        if (state !== ledgers.retrying) return;
        retried -= 1;
        dueAt = Math.min(dueAt, ledgers.dueAtOf(ledger, index));
      });
      if (!isMissing()) break;
    }
    return { first, dueAt: dueAt === Infinity ? undefined : dueAt };
  }

  /** What somebody who was asked has said: of the job, or of the key of one of its sub-jobs. */
  async function heldOf(partition: number, run: string, plan: FanOutPlan, index?: number) {
    const { name, job } = plan;
    const [tokens] = await store.load(partition, [keys.tokens]);
    const ofJob = typeof tokens === "string" ? heldUntil(tokens, job.name) : 0;
    if (ofJob > 0) return { of: "job", until: ofJob } as const;
    const limit = limitByKey(job);
    if (limit === undefined || index === undefined) return undefined;
    const n = Math.floor(index / pageSize);
    const [page] = await store.load(partition, [keys.limitKeys(run, name, n)]);
    if (page === undefined) return undefined;
    const hash = hashIn(bytes(page), index % pageSize);
    const [row] = await store.load(partition, [keys.key(limit.name, hash)]);
    if (typeof row !== "string") return undefined;
    await names.find({ partition, run, plan, from: index }, [hash]);
    return { of: "key", until: heldUntil(row), key: names.nameOf(limit.name, hash) } as const;
  }

  async function keyAt(partition: number, run: string, step: string, index: number) {
    const page = await pageAt(engine, { partition, run, step }, index);
    return page?.keys[index - page.from];
  }

  return {
    async why(id, name, key) {
      const partition = partitionOf(id, engine.partitions);
      const { offset } = await store.position(partition); // First: what is read after it may know more, and never less.
      const run = await loadStoredRun(store, partition, id);
      if (run === undefined) return undefined;
      const steps = await loadStoredSteps(store, partition, run);
      const position = name === undefined ? run.at : run.steps.indexOf(name);
      if (position === -1) return undefined;
      const step = steps[position];
      const [workers] = await store.load(partition, [keys.partition]);
      const pauses = await loadPauses(store, partition);
      const facts: WhyFacts = {
        run,
        steps,
        plan: plans.get(run.flow),
        workers: typeof workers === "string" ? sessionsIn(workers).map(([, one]) => one) : [],
        pauses: pauses.all,
        first: undefined,
        dueAt: undefined,
        held: undefined,
        keys: undefined,
        offset,
        at: run.endedAt ?? clock.now(),
      };
      const plan = facts.plan?.steps.find((one) => one.name === step?.name);
      const held = (index?: number) =>
        plan?.kind === "fan-out" ? heldOf(partition, id, plan, index) : undefined;
      if (name !== undefined && key !== undefined) {
        const record = await reader.subJob(id, name, key);
        if (record === undefined) return undefined;
        const more = { dueAt: record.dueAt, held: await held(record.index) };
        return whySubJob({ ...facts, ...more }, record);
      }
      const open = step?.kind === "fan-out" ? await openOf(partition, run, step) : undefined;
      const first =
        open?.first === undefined || step === undefined
          ? undefined
          : await keyAt(partition, id, step.name, open.first);
      const where = plan?.kind === "fan-out" ? { partition, run: id, plan } : undefined;
      const keysWaited =
        step?.kind === "fan-out" && step.state === "running" && where !== undefined
          ? await waitingKeys(engine, names, where, step, facts.at)
          : undefined;
      const more = { first, dueAt: open?.dueAt, held: await held(), keys: keysWaited };
      const whole = { ...facts, ...more };
      return name === undefined ? whyRun(whole) : whyStep(whole, name);
    },
  };
}
