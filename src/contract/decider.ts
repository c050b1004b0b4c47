/**
 * Given these events, when that one comes, expect this: tests of what a partition decides read like the cases they are.
 *
 *   given([fan], [begin(0), pages(0, 2), seal(0, 2), ok(1, 0)]).when(ok(2, 1)).expect({ run: { state: "done" } });
 *
 * Every event is a commit of its own. Whatever is expected must hold twice: for the partition that has lived through all of it, and
 * for one that was stopped before `when` and read back from what was committed (I6).
 */
import assert from "node:assert/strict";
import { decode, encode, type Event, type Recorded } from "../core/event.ts";
import { keys, prefixes } from "../core/ids.ts";
import { restorePrefix } from "../core/key-index.ts";
import * as ledgers from "../core/ledger.ts";
import { decide } from "../core/partition.ts";
import type { FlowPlan, Plans } from "../core/plan.ts";
import type { Schedules, StoredSchedule } from "../core/schedule.ts";
import type { Run } from "../core/run.ts";
import {
  restorePauses,
  restoreRun,
  restoreWorkers,
  takeChanges,
  type FanOutRecords,
  type Stored,
} from "../core/snapshot.ts";
import { restoreSchedule } from "../core/scheduling.ts";
import { emptyPartition, wakeAt, type Decided, type Partition } from "../core/state.ts";
import { restoreKey, restoreTokens } from "../core/stored-limits.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import type { SliceTask, Task } from "../core/task.ts";

/** An event, and when the log got it. */
export type At = { readonly at: number; readonly event: Event; readonly body?: string };

/** A partition with its log and its store. */
export type Bench = {
  readonly state: Partition;
  readonly store: Map<string, Stored>;
  readonly offset: number;
};

export type Looks = {
  readonly state: string;
  readonly generation: number;
  readonly total: number | undefined;
  readonly late: number;
  readonly stale: number;
} & Readonly<Record<string, unknown>>;

/** What is expected: of lists every entry, of entries what is named. */
export type Expected = {
  /** What is written to the log; `[]` says that nothing is. */
  readonly events?: readonly Readonly<Record<string, unknown>>[];
  readonly tasks?: readonly Readonly<Record<string, unknown>>[];
  /** Indices put into the queue, whatever the slices. */
  readonly put?: readonly number[];
  readonly run?: Readonly<Record<string, unknown>>;
  /** Of the step "all", or of several by name. */
  readonly step?: Readonly<Record<string, unknown>>;
  readonly steps?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Of the run's last command. */
  readonly answer?: Readonly<Record<string, unknown>>;
  readonly wakeAt?: number | undefined;
};

export function plansOf(flows: readonly FlowPlan[]): Plans {
  return new Map(flows.map((flow) => [flow.name, flow]));
}

export function freshBench(plans: Plans, schedules?: Schedules): Bench {
  return { state: emptyPartition(0, plans, 1, schedules), store: new Map(), offset: 0 };
}

/** As the log gives it back: through its text. */
export function recorded({ at, event, body }: At, offset: number): Recorded {
  return decode({ offset, at, text: encode(event, body) });
}

/** Decides on a batch and commits. Of expired runs, it removes at most so many records. */
export function play(
  bench: Bench,
  batch: readonly At[],
  removeAtOnce: number = Infinity,
): { readonly bench: Bench; readonly decided: Decided } {
  const { state, store, offset } = bench;
  for (const { event } of batch)
    if (event.type === "run.expired") findRemains(bench, event.run, removeAtOnce);
  const decided = decide(
    state,
    batch.map((one, n) => recorded(one, offset + n)),
  );
  for (const [key, value] of takeChanges(state)) {
    if (value === undefined) store.delete(key);
    else store.set(key, value);
  }
  return { bench: { state, store, offset: offset + batch.length }, decided };
}

function findRemains({ state, store }: Bench, id: string, atMost: number): void {
  const run = parsed(store.get(keys.run(id))) as StoredRun | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
  if (run === undefined) return;
  const all = prefixes.ofRun(id).flatMap((prefix) => inOrder(store, prefix));
  const isAll = all.length < atMost;
  state.remains.set(id, { run, keys: isAll ? all : all.slice(0, atMost), isAll });
}

/** Stops, and starts again from what was committed; all of its runs, those that ended too. */
export function restarted(
  { store, offset }: Bench,
  plans: Plans,
  at: number,
  schedules?: Schedules,
): Bench {
  const state = emptyPartition(0, plans, 1, schedules);
  const kept = new Map(store);
  const pauses = kept.get(keys.pauses);
  if (typeof pauses === "string") restorePauses(state, pauses);
  const tokens = kept.get(keys.tokens);
  if (typeof tokens === "string") restoreTokens(state, tokens);
  for (const key of inOrder(kept, prefixes.allKeys)) restoreKey(state, key, String(kept.get(key)));
  for (const key of inOrder(kept, prefixes.run))
    restoreStored(kept, state, key.slice(prefixes.run.length), at);
  const workers = kept.get(keys.partition);
  if (typeof workers === "string") restoreWorkers(state, workers);
  for (const key of inOrder(kept, prefixes.schedule))
    restoreSchedule(state, parsed(kept.get(key)) as StoredSchedule); // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
  return { state, store: kept, offset };
}

function restoreStored(store: Map<string, Stored>, state: Partition, id: string, at: number): void {
  const run = parsed(store.get(keys.run(id))) as StoredRun; // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
  const steps = new Map<string, FanOutRecords>();
  for (const name of run.steps) {
    const step = parsed(store.get(keys.step(id, name))) as StoredStep | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
    if (step === undefined) continue;
    const rows = (prefix: string): (readonly [string, Uint8Array])[] =>
      inOrder(store, prefix).map((key) => [key, bytesOf(store.get(key))]);
    const indexPrefix = keys.index(id, name);
    steps.set(name, {
      step,
      pages: rows(prefixes.pages(id, name)).map(([key, bytes]) => [
        Number(key.slice(prefixes.pages(id, name).length)),
        bytes,
      ]),
      directory: inOrder(store, prefixes.directory(id, name)).map(
        (key) => parsed(store.get(key)) as readonly number[], // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
      ),
      limitKeys: rows(prefixes.limitKeys(id, name)).map(([key, bytes]) => [
        Number(key.slice(prefixes.limitKeys(id, name).length)),
        bytes,
      ]),
      edits: (parsed(store.get(keys.edits(id, name))) ?? []) as readonly number[], // oxlint-disable-line typescript/no-unsafe-type-assertion -- takeChanges wrote it
      indexPrefix,
      index: rows(restorePrefix(indexPrefix)),
    });
  }
  restoreRun(state, { run, steps }, at);
}

function inOrder(store: ReadonlyMap<string, Stored>, prefix: string): readonly string[] {
  return [...store.keys()].filter((key) => key.startsWith(prefix)).toSorted();
}

function parsed(value: Stored | undefined): unknown {
  return typeof value === "string" ? JSON.parse(value) : undefined;
}

function bytesOf(value: Stored | undefined): Uint8Array {
  assert.ok(value instanceof Uint8Array);
  return value;
}

export type Given = {
  readonly when: (...events: readonly At[]) => { readonly expect: (expected: Expected) => void };
  /** What is known after the givens. */
  readonly expect: (expected: Expected) => void;
};

export function given(flows: readonly FlowPlan[], events: readonly At[]): Given {
  const plans = plansOf(flows);
  const before = (): Bench =>
    events.reduce((bench, event) => play(bench, [event]).bench, freshBench(plans));
  const now = events.at(-1)?.at ?? 0;
  return {
    expect(expected) {
      const bench = before();
      check(bench.state, { events: [], tasks: [] }, expected, "");
      check(restarted(bench, plans, now).state, { events: [], tasks: [] }, expected, " (restored)");
    },
    when: (...more) => ({
      expect(expected) {
        const all = (start: Bench): { readonly bench: Bench; readonly decided: Decided } => {
          let bench = start;
          const decided: Decided = { events: [], tasks: [] };
          for (const event of more) {
            const next = play(bench, [event]);
            bench = next.bench;
            decided.events.push(...next.decided.events);
            decided.tasks.push(...next.decided.tasks);
          }
          return { bench, decided };
        };
        const live = all(before());
        check(live.bench.state, live.decided, expected, "");
        const again = all(restarted(before(), plans, now));
        check(again.bench.state, again.decided, expected, " (restored before it)");
      },
    }),
  };
}

function check(state: Partition, { events, tasks }: Decided, want: Expected, when: string): void {
  if (want.events !== undefined) matches(events, want.events, `events${when}`);
  if (want.tasks !== undefined) matches(tasks, want.tasks, `tasks${when}`);
  if (want.put !== undefined) assert.deepEqual(indicesOf(tasks), want.put, `put${when}`);
  const run = state.runs.get("r");
  if (want.run !== undefined) matches([runLooks(run)], [want.run], `run${when}`);
  const steps = { ...want.steps, ...(want.step === undefined ? {} : { all: want.step }) };
  for (const [name, looks] of Object.entries(steps))
    matches([stepLooks(run, name)], [looks], `step ${name}${when}`);
  if (want.answer !== undefined) matches([run?.answers.at(-1)], [want.answer], `answer${when}`);
  if ("wakeAt" in want) assert.equal(wakeAt(state), want.wakeAt, `wakeAt${when}`);
}

/** Each actual entry has what is expected of it; what is expected as undefined is not there. */
function matches(actual: readonly unknown[], wanted: readonly object[], what: string): void {
  const shown = actual.map((one, n) => {
    const want = wanted[n];
    if (typeof one !== "object" || one === null || want === undefined) return one;
    return Object.fromEntries(Object.keys(want).map((key) => [key, Reflect.get(one, key)]));
  });
  assert.deepEqual(shown, wanted, what);
}

/** Those that a list of tasks carries, in order. */
export function indicesOf(tasks: readonly Task[]): readonly number[] {
  const slices = tasks.filter((task): task is SliceTask => task.kind === "slice");
  return slices.flatMap(
    ({ again, from, count }) =>
      again?.map(({ index }) => index) ?? Array.from({ length: count }, (_, n) => from + n),
  );
}

function runLooks(run: Run | undefined): object | undefined {
  if (run === undefined) return undefined;
  return { ...run, step: run.steps[run.at]?.name };
}

/** A step with its counts by name. */
export function stepLooks(run: Run | undefined, name: string): Looks | undefined {
  const step = run?.steps.find((one) => one.name === name);
  if (step === undefined) return undefined;
  const { main, state, generation, late, stale } = step;
  const common = { state, generation, late, stale, main: main.state };
  if (step.kind === "step") return { ...common, total: undefined, error: main.error?.message };
  const { ledger } = step;
  const counts = Object.fromEntries(
    ledgers.states.map((name, state) => [name, ledgers.count(ledger, state)]),
  );
  return {
    ...counts,
    ...common,
    total: ledger.total,
    size: ledger.size,
    duplicate: step.duplicate,
    duplicateKeys: step.duplicateKeys,
    swept: step.swept,
    cursor: step.cursor,
    folds: step.folds?.accs,
    groups: step.groups.filter(({ count }) => count > 0),
    progress: step.progress,
  };
}
