/** Reads what a manager keeps back from the store. */
import { assert, CorruptError } from "../errors.ts";
import { keys, prefixes } from "../core/ids.ts";
import { restorePrefix } from "../core/key-index.ts";
import { noPauses, type Pauses } from "../core/pauses.ts";
import type { Plans } from "../core/plan.ts";
import type { Remains } from "../core/removal.ts";
import {
  pausesIn,
  restorePauses,
  restoreRun,
  restoreWorkers,
  type FanOutRecords,
} from "../core/snapshot.ts";
import { restoreKey, restoreTokens } from "../core/stored-limits.ts";
import { isSoundRun, isSoundSchedule, isSoundStep } from "../core/sound-stored.ts";
import { restoreSchedule } from "../core/scheduling.ts";
import { emptyPartition, type Partition } from "../core/state.ts";
import type { Schedules, StoredSchedule } from "../core/schedule.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import type { Engine } from "../ports/engine.ts";
import type { Store, Value } from "../ports/store.ts";

type Reading = Pick<Engine, "store" | "partitions">;
type Pair = readonly [key: string, value: Value];

/** Pairs per scan: bounds what one call returns (a ledger page is up to 18 KB). */
const scanSize = 500;
/** Runs that are read together: a round trip for each, one after the other, would be longer than a claim. */
const runsAtOnce = 32;

/** All pairs with this prefix, read in portions. */
export async function scanAll(
  store: Pick<Store, "scan">,
  partition: number,
  prefix: string,
): Promise<readonly Pair[]> {
  const all: Pair[] = [];
  for await (const part of scanned(store, partition, prefix)) all.push(...part);
  return all;
}

/** The same, a portion at a time. */
export async function* scanned(
  store: Pick<Store, "scan">,
  partition: number,
  prefix: string,
  size: number = scanSize,
): AsyncGenerator<readonly Pair[], undefined, undefined> {
  for (let after: string | undefined; ;) {
    const part = await store.scan(partition, prefix, size, after);
    if (part.length > 0) yield part;
    if (part.length < size) return;
    after = part.at(-1)?.[0];
  }
}

/**
 * The state as last committed: all runs that live, with all they have.
 *
 * A run whose flow this program does not know stays where it is, for a program that does: `strange` hears of it. It must
 * not keep the others from going on. `stay` is called every now and then, for whoever must be heard of while it lasts.
 */
export async function loadPartition(
  engine: Reading,
  partition: number,
  plans: Plans,
  at: number,
  strange: (because: string) => void,
  schedules: Schedules = new Map(),
  stay?: () => Promise<void>,
): Promise<Partition> {
  const state = emptyPartition(partition, plans, engine.partitions, schedules);
  const stored = [keys.partition, keys.pauses, keys.tokens];
  const [workers, pauses, tokens] = await engine.store.load(partition, stored);
  if (typeof pauses === "string") restorePauses(state, pauses);
  if (typeof tokens === "string") restoreTokens(state, tokens);
  for (const [key, value] of await scanAll(engine.store, partition, prefixes.allKeys))
    restoreKey(state, key, text(value));
  const live = await scanAll(engine.store, partition, keys.live(""));
  const ids = live.map(([key]) => key.slice(keys.live("").length));
  await loadRuns(engine, state, ids, { at, strange, ...(stay === undefined ? {} : { stay }) });
  if (workers !== undefined) restoreWorkers(state, text(workers));
  for (const stored of await loadSchedules(engine.store, partition)) restoreSchedule(state, stored);
  return state;
}

/** The runs of the partition that live, read a portion at a time: who looks at all of them need not hold them. */
export async function* liveRuns(
  store: Pick<Store, "load" | "scan">,
  partition: number,
): AsyncGenerator<StoredRun> {
  for await (const rows of scanned(store, partition, prefixes.live))
    for (const [key] of rows) {
      const run = await loadStoredRun(store, partition, key.slice(prefixes.live.length));
      if (run !== undefined) yield run;
    }
}

/** What is kept of all schedules of the partition. Throws CorruptError on what takeChanges did not write. */
export async function loadSchedules(
  store: Pick<Store, "scan">,
  partition: number,
): Promise<readonly StoredSchedule[]> {
  const rows = await scanAll(store, partition, prefixes.schedule);
  return rows.map(([key, value]) => {
    const stored = parsed(value, key) as StoredSchedule; // oxlint-disable-line typescript/no-unsafe-type-assertion -- isSoundSchedule looks
    const isSound = isSoundSchedule(stored, key.slice(prefixes.schedule.length));
    assert(isSound, `the record ${key} in the store is that of a schedule`);
    return stored;
  });
}

type Loading = {
  readonly at: number;
  /** Hears why this program cannot go on with a run, which stays where it is. */
  readonly strange?: (because: string) => void;
  /** Called every now and then, for whoever must be heard of while it lasts. */
  readonly stay?: () => Promise<void>;
};

/** Puts runs into the state. Resolves to those that there are; what is left of some is on its way out. */
export async function loadRuns(
  { store }: Reading,
  state: Partition,
  ids: readonly string[],
  { at, strange, stay }: Loading,
): Promise<readonly string[]> {
  const { partition, plans } = state;
  const loaded: string[] = [];
  for (let from = 0; from < ids.length; from += runsAtOnce) {
    await stay?.();
    const some = ids.slice(from, from + runsAtOnce);
    const values = await store.load(partition, some.map(keys.run));
    const runs: StoredRun[] = [];
    for (const [n, id] of some.entries()) {
      const run = recordIn(values[n], id);
      if (run === undefined) continue;
      const because = strangeness(run, plans);
      if (run.isLeaving === true) state.leaving.add(id);
      else if (because === undefined) runs.push(run);
      else strange?.(because);
    }
    const steps = await Promise.all(runs.map((run) => loadSteps(store, partition, run)));
    for (const [n, run] of runs.entries())
      restoreRun(state, { run, steps: steps[n] ?? new Map() }, at);
    loaded.push(...runs.map(({ run }) => run));
  }
  return loaded;
}

async function loadSteps(
  store: Store,
  partition: number,
  run: StoredRun,
): Promise<ReadonlyMap<string, FanOutRecords>> {
  const steps = new Map<string, FanOutRecords>();
  for (const [n, step] of (await loadStoredSteps(store, partition, run)).entries()) {
    const name = run.steps[n];
    if (name === undefined || step === undefined) continue;
    const none = { pages: [], directory: [], limitKeys: [], edits: [], indexPrefix: "", index: [] };
    steps.set(name, {
      step,
      ...(step.kind === "step" ? none : await loadRows(store, partition, run.run, name)),
    });
  }
  return steps;
}

/** Why this program cannot go on with a run; undefined if it can. */
function strangeness(
  { run, flow, steps, at, state, endedAt }: StoredRun,
  plans: Plans,
): string | undefined {
  if (endedAt !== undefined) return undefined;
  const plan = plans.get(flow);
  if (plan === undefined)
    return `run "${run}" is under way, and this app does not know its flow "${flow}": add it to parts`;
  const step = steps[at];
  if (state === "waiting" || plan.steps.some(({ name }) => name === step)) return undefined;
  return `run "${run}" is at step "${step}", and flow "${flow}" no longer has it: keep the step until the run is over`;
}

async function loadRows(
  store: Store,
  partition: number,
  run: string,
  step: string,
): Promise<Omit<FanOutRecords, "step">> {
  const indexPrefix = keys.index(run, step);
  const [pages, directory, limitKeys, index, edits] = await Promise.all([
    scanAll(store, partition, prefixes.pages(run, step)),
    scanAll(store, partition, prefixes.directory(run, step)),
    scanAll(store, partition, prefixes.limitKeys(run, step)),
    scanAll(store, partition, restorePrefix(indexPrefix)),
    loadEdits(store, partition, run, step),
  ]);
  return {
    pages: pages.map(([key, value]) => [
      Number(key.slice(prefixes.pages(run, step).length)),
      bytes(value),
    ]),
    directory: directory.map(([key, value]) => numbers(value, key)),
    limitKeys: limitKeys.map(([key, value]) => [
      Number(key.slice(prefixes.limitKeys(run, step).length)),
      bytes(value),
    ]),
    edits,
    indexPrefix,
    index: index.map(([key, value]) => [key, bytes(value)]),
  };
}

/** Where corrected items of a step stand: index, offset, issue, … */
export async function loadEdits(
  store: Pick<Store, "load">,
  partition: number,
  run: string,
  step: string,
): Promise<readonly number[]> {
  const key = keys.edits(run, step);
  const [value] = await store.load(partition, [key]);
  return value === undefined ? [] : numbers(value, key);
}

/** What of a run is to be removed next, at most so many records; undefined where there is no such run. */
export async function loadRemains(
  store: Pick<Store, "load" | "scan">,
  partition: number,
  id: string,
  atMost: number,
): Promise<Remains | undefined> {
  const run = await loadRecord(store, partition, id);
  if (run === undefined) return undefined;
  const found: string[] = [];
  for (const prefix of prefixes.ofRun(id)) {
    if (found.length >= atMost) break;
    const rows = await store.scan(partition, prefix, atMost - found.length);
    found.push(...rows.map(([key]) => key));
  }
  return { run, keys: found, isAll: found.length < atMost };
}

/** One that is leaving is not there any more. */
export async function loadStoredRun(
  store: Pick<Store, "load">,
  partition: number,
  id: string,
): Promise<StoredRun | undefined> {
  const run = await loadRecord(store, partition, id);
  return run?.isLeaving === true ? undefined : run;
}

async function loadRecord(
  store: Pick<Store, "load">,
  partition: number,
  id: string,
): Promise<StoredRun | undefined> {
  const [value] = await store.load(partition, [keys.run(id)]);
  return recordIn(value, id);
}

function recordIn(value: Value | undefined, id: string): StoredRun | undefined {
  if (value === undefined) return undefined;
  const run = parsed(value, keys.run(id)) as StoredRun; // oxlint-disable-line typescript/no-unsafe-type-assertion -- isSoundRun looks
  assert(isSoundRun(run, id), `the record ${keys.run(id)} in the store is that of a run`);
  return run;
}

/** The steps of a run, in order; undefined where one has not begun. */
export async function loadStoredSteps(
  store: Pick<Store, "load">,
  partition: number,
  run: StoredRun,
): Promise<readonly (StoredStep | undefined)[]> {
  const values = await store.load(
    partition,
    run.steps.map((step) => keys.step(run.run, step)),
  );
  return values.map((value, n) => {
    if (value === undefined) return undefined;
    const key = keys.step(run.run, run.steps[n] ?? "");
    const step = parsed(value, key) as StoredStep; // oxlint-disable-line typescript/no-unsafe-type-assertion -- isSoundStep looks
    assert(
      isSoundStep(step, run.steps[n] ?? ""),
      `the record ${key} in the store is that of a step`,
    );
    return step;
  });
}

/** What people have paused, as it concerns this partition. */
export async function loadPauses(store: Pick<Store, "load">, partition: number): Promise<Pauses> {
  const [value] = await store.load(partition, [keys.pauses]);
  return value === undefined ? noPauses() : pausesIn(text(value));
}

export function text(value: Value): string {
  assert(typeof value === "string", "this value is kept as text");
  return value;
}

export function bytes(value: Value): Uint8Array {
  assert(typeof value !== "string", "this value is kept as bytes");
  return value;
}

export function numbers(value: Value, key: string): readonly number[] {
  const list = parsed(value, key);
  const isSound = Array.isArray(list) && list.every((number) => Number.isSafeInteger(number));
  assert(isSound, `the record ${key} in the store is a list of numbers`);
  return list as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every one was looked at
}

/** Throws CorruptError, which names the record. */
function parsed(value: Value, key: string): unknown {
  try {
    return JSON.parse(text(value));
  } catch (cause) {
    throw new CorruptError(`the record ${key} in the store is damaged: it is not JSON`, { cause });
  }
}
