/**
 * What a commit writes of the state, and how the state comes back from it. Only what changed is written: a batch of outcomes costs
 * the step's record and the ledger pages it touched, whatever the size of the step.
 */
import { assert } from "../errors.ts";
import { laneOf } from "./advance.ts";
import { restoreEdits, takeEdits } from "./edits.ts";
import { newFanOut, type FanOut } from "./fan-out.ts";
import { mergeHistogram, toSparse } from "./histogram.ts";
import { keys as storeKeys } from "./ids.ts";
import { keyIndex } from "./key-index.ts";
import * as ledgers from "./ledger.ts";
import { restoredPauses, storedPauses, type Pauses } from "./pauses.ts";
import type { FanOutPlan, StepPlan } from "./plan.ts";
import { storedSchedule } from "./schedule.ts";
import { forget } from "./progress.ts";
import { planOfRun } from "./plan-of-run.ts";
import { isEnded, isSent, newStep, noneYet, type Plain, type Run, type Step } from "./run.ts";
import type { Single } from "./single.ts";
import { relist } from "./slices.ts";
import {
  arm,
  countSlots,
  poolOf,
  wakeRun,
  watchRun,
  type Partition,
  type Session,
} from "./state.ts";
import { isSoundPauses, isSoundWorkers } from "./sound-stored.ts";
import { offer } from "./window.ts";
import { restoreLimitKeys, takeLimitKeys, takeTokens } from "./stored-limits.ts";
import type { StoredFanOut, StoredPlain, StoredRun, StoredStep } from "./stored.ts";

export type Stored = string | Uint8Array;
export type Put = readonly [key: string, value: Stored | undefined];

/** Pages of items per record of the directory. */
const directorySize = 256;

/** What changed since the last call, as pairs for the store; the state counts as written from then on. */
export function takeChanges(state: Partition): Put[] {
  const { changed } = state;
  const puts: Put[] = changed.removed.splice(0);
  const hasRemoved = puts.length > 0;
  for (const { step, run, from, keys } of changed.keys) {
    const index = step.index ?? keyIndex(storeKeys.index(run.id, step.name));
    puts.push(...index.add(from, keys));
    if (!isSent(run)) step.index = index; // Which has one key, and never another.
  }
  for (const run of changed.runs) {
    puts.push([storeKeys.run(run.id), JSON.stringify(storedRun(run))]);
    puts.push([storeKeys.live(run.id), isEnded(run) ? undefined : ""]);
  }
  for (const [step, run] of changed.steps) {
    puts.push([storeKeys.step(run.id, step.name), JSON.stringify(storedStep(step))]);
    if (step.kind === "step") continue;
    takePages(run, step, puts);
    takeLimitKeys(run, step, puts);
    takeEdits(run.id, step, puts);
  }
  if (changed.workers) puts.push([storeKeys.partition, JSON.stringify([...state.workers])]);
  for (const schedule of changed.schedules)
    puts.push([storeKeys.schedule(schedule.plan.name), JSON.stringify(storedSchedule(schedule))]);
  if (changed.pauses) puts.push([storeKeys.pauses, JSON.stringify(storedPauses(state.pauses))]);
  takeTokens(state, puts);
  changed.keys.length = 0;
  changed.runs.clear();
  changed.steps.clear();
  changed.workers = false;
  changed.schedules.clear();
  changed.pauses = false;
  return hasRemoved ? [...new Map(puts)] : puts; // A run of the same id may have begun since.
}

function takePages(run: Run, step: FanOut, puts: Put[]): void {
  for (const n of step.ledger.changed)
    puts.push([storeKeys.page(run.id, step.name, n), ledgers.pageBytes(step.ledger, n)]);
  step.ledger.changed.clear();
  const { pages } = step;
  for (
    let n = Math.floor(pages.changedFrom / directorySize);
    n * directorySize < pages.from.length;
    n += 1
  ) {
    const chunk: number[] = [];
    const end = Math.min(pages.from.length, (n + 1) * directorySize);
    for (let at = Math.max(n * directorySize, 0); at < end; at += 1)
      chunk.push(pages.from[at] ?? 0, pages.offset[at] ?? 0);
    if (end > pages.changedFrom)
      puts.push([storeKeys.directory(run.id, step.name, n), JSON.stringify(chunk)]);
  }
  pages.changedFrom = pages.from.length;
}

export function storedRun(run: Run): StoredRun {
  return {
    run: run.id,
    flow: run.flow,
    state: run.state,
    input: run.input,
    request: run.request,
    ...optional("customer", run.customer),
    priority: run.priority,
    ...optional("deadlineAt", run.deadlineAt),
    ...optional("tags", run.tags),
    ...optional("trace", run.trace),
    startedAt: run.startedAt,
    ...optional("endedAt", run.endedAt),
    steps: run.plan.steps.map((step) => step.name),
    at: run.at,
    results: run.results,
    ...optional("because", run.because),
    ...(run.halted ? { halted: true } : {}),
    ...optional("error", run.error),
    ...optional("lateAt", run.lateAt),
    ...optional("riskAt", run.riskAt),
    answers: run.answers,
  };
}

function storedStep(step: Step): StoredStep {
  forget(step.progress, (index) => isInFlight(step, index));
  const common = {
    name: step.name,
    state: step.state,
    generation: step.generation,
    ...optional("startedAt", step.startedAt),
    ...optional("endedAt", step.endedAt),
    single: step.main,
    ...optional("lateAt", step.lateAt),
    ...optional("riskAt", step.riskAt),
    late: step.late,
    stale: step.stale,
    ...(step.progress.length === 0 ? {} : { progress: step.progress }),
    ...optional("told", step.told),
  };
  if (step.kind === "step")
    return {
      kind: "step",
      ...common,
      ...(step.took.length === 0 ? {} : { took: step.took, tookUs: step.tookUs }),
    };
  const { ledger } = step;
  return {
    kind: "fan-out",
    ...common,
    ...optional("cursor", step.cursor),
    base: ledger.base,
    size: ledger.size,
    ...optional("total", ledger.total),
    counts: ledger.counts,
    next: step.next,
    pages: step.pages.from.length,
    ...optional("folds", step.folds),
    groups: step.groups,
    duplicate: step.duplicate,
    swept: step.swept,
    duplicateKeys: step.duplicateKeys,
    took: toSparse(step.took),
    tookUs: step.tookUs,
    ...optional("serviceMs", step.serviceMs),
    recent: step.recent,
    ...(step.retried.some((n) => n > 0) ? { retried: step.retried } : {}),
    ...optional("pace", step.pace),
    ...optional("issuedAt", step.issuedAt),
    ...(Object.keys(step.adjusted).length === 0 ? {} : { adjusted: step.adjusted }),
  };
}

function isInFlight(step: Step, index: number): boolean {
  if (index === -1) return step.main.state === "in-flight";
  return step.kind === "fan-out" && ledgers.stateOf(step.ledger, index) === ledgers.inFlight;
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V }); // oxlint-disable-line typescript/no-unsafe-type-assertion -- the key is K
}

// ---- back

/** What the store keeps of one run. */
export type RunRecords = {
  readonly run: StoredRun;
  readonly steps: ReadonlyMap<string, FanOutRecords>;
};

/** Of one step; the rows of a plain step are empty. */
export type FanOutRecords = {
  readonly step: StoredStep;
  /** Number and bytes. */
  readonly pages: readonly (readonly [n: number, bytes: Uint8Array])[];
  /** The directory, in order. */
  readonly directory: readonly (readonly number[])[];
  /** Number and bytes, of a step whose job is limited by key. */
  readonly limitKeys: readonly (readonly [n: number, bytes: Uint8Array])[];
  /** Corrected items: index, offset, issue, … */
  readonly edits: readonly number[];
  /** Where the key index stands, and those of its rows that its next merge needs. */
  readonly indexPrefix: string;
  readonly index: readonly (readonly [key: string, value: Uint8Array])[];
};

/**
 * Puts a stored run back into the state. Throws CorruptError where the program no longer has its flow or the step it is at:
 * it must not be guessed how to go on. `at` is when what is in flight counts as put into the queue, for the sweep.
 */
export function restoreRun(state: Partition, records: RunRecords, at: number): Run {
  const { run: stored, steps } = records;
  const plan = planOfRun(state.plans, stored, steps);
  const run: Run = {
    id: stored.run,
    flow: stored.flow,
    plan,
    input: stored.input,
    request: stored.request,
    customer: stored.customer,
    priority: stored.priority,
    deadlineAt: stored.deadlineAt,
    tags: stored.tags,
    trace: stored.trace,
    startedAt: stored.startedAt,
    state: stored.state,
    endedAt: stored.endedAt,
    at: stored.at,
    results: { ...stored.results },
    because: stored.because,
    halted: stored.halted === true,
    error: stored.error,
    lateAt: stored.lateAt,
    riskAt: stored.riskAt,
    answers: [...stored.answers],
    steps:
      stored.state === "waiting"
        ? []
        : plan.steps.map((step) => restoreStep(step, steps.get(step.name), at)),
    lanes: noneYet(plan),
    armedAt: noneYet(plan),
    watchAt: undefined,
  };
  // The program may have gained or lost steps since: the run stands at the same one, by name.
  const current = stored.steps[stored.at];
  if (run.state === "waiting") run.at = 0;
  else if (current !== undefined) run.at = plan.steps.findIndex((step) => step.name === current);
  else run.at = plan.steps.length;
  state.runs.set(run.id, run);
  if (run.state === "waiting") wakeRun(state, run, 0, run.startedAt);
  else if (!isEnded(run) && isSent(run)) state.sent.underWay.add(run.id);
  for (const [position, step] of run.steps.entries()) {
    if (isEnded(run)) break;
    if (step.kind === "fan-out") rejoinWindow(state, run, step, position);
    arm(state, run, position);
  }
  watchRun(state, run, at);
  return run;
}

/** The window counts what the fan-out has in flight, and gives it turns if it has work. */
function rejoinWindow(state: Partition, run: Run, step: FanOut, position: number): void {
  const lane = laneOf(state, run, position);
  const pool = poolOf(state, lane.queue);
  const flying = ledgers.count(step.ledger, ledgers.inFlight);
  pool.inFlight += flying;
  for (const throttle of lane.throttles) throttle.inFlight += flying;
  offer(pool, lane);
}

function restoreStep(plan: StepPlan, records: FanOutRecords | undefined, at: number): Step {
  if (records === undefined) return newStep(plan);
  const { step: stored } = records;
  if (plan.kind === "fan-out" && stored.kind === "fan-out")
    return restoreFanOut(plan, stored, records, at);
  assert(stored.kind === "step", `step "${plan.name}" is of the kind it was`);
  return restorePlain(stored);
}

function restorePlain(stored: StoredPlain): Plain {
  return {
    kind: "step",
    name: stored.name,
    state: stored.state,
    generation: stored.generation,
    startedAt: stored.startedAt,
    endedAt: stored.endedAt,
    main: copy(stored.single),
    lateAt: stored.lateAt,
    riskAt: stored.riskAt,
    late: stored.late,
    stale: stored.stale,
    progress: [...(stored.progress ?? [])],
    took: stored.took ?? [],
    tookUs: stored.tookUs ?? 0,
    told: stored.told,
  };
}

function copy(single: Single): Single {
  return { ...single, error: single.error, trace: single.trace };
}

function restoreFanOut(
  plan: FanOutPlan,
  stored: StoredFanOut,
  records: FanOutRecords,
  at: number,
): FanOut {
  const step = newFanOut(plan, stored.base);
  step.state = stored.state;
  step.generation = stored.generation;
  step.startedAt = stored.startedAt;
  step.endedAt = stored.endedAt;
  Object.assign(step.main, stored.single);
  step.cursor = stored.cursor;
  step.lateAt = stored.lateAt;
  step.riskAt = stored.riskAt;
  step.ledger.size = stored.size;
  step.ledger.total = stored.total;
  for (const [n, bytes] of records.pages) ledgers.restorePage(step.ledger, n, bytes);
  ledgers.recount(step.ledger);
  const isCounted = step.ledger.counts.every((count, state) => count === stored.counts[state]);
  assert(isCounted, `the sub-jobs of step "${step.name}" are those that were counted`);
  step.next = stored.next;
  for (const chunk of records.directory)
    for (let at = 0; at + 1 < chunk.length; at += 2) {
      step.pages.from.push(chunk[at] ?? 0);
      step.pages.offset.push(chunk[at + 1] ?? 0);
    }
  assert(
    step.pages.from.length === stored.pages,
    `the directory of step "${step.name}" is incomplete`,
  );
  step.pages.changedFrom = step.pages.from.length;
  if (ledgers.count(step.ledger, ledgers.ok) > 0) step.folds = stored.folds; // Else nothing is lost by beginning anew.
  step.groups.push(...stored.groups.map((group) => ({ ...group, keys: [...group.keys] })));
  step.late = stored.late;
  step.duplicate = stored.duplicate;
  step.stale = stored.stale;
  step.swept = stored.swept;
  step.duplicateKeys = stored.duplicateKeys;
  step.took = mergeHistogram(step.took, stored.took);
  step.tookUs = stored.tookUs;
  step.serviceMs = stored.serviceMs ?? step.serviceMs;
  step.recent = [...stored.recent];
  step.adjusted = stored.adjusted ?? {};
  if (records.index.length > 0 && plan.isSent !== true)
    step.index = keyIndex(records.indexPrefix, records.index);
  step.progress.push(...(stored.progress ?? []));
  for (const [cause, n] of (stored.retried ?? []).entries()) step.retried[cause] = n;
  step.pace =
    stored.pace === undefined ? undefined : { ...stored.pace, counts: [...stored.pace.counts] };
  step.told = stored.told;
  step.issuedAt = stored.issuedAt ?? at; // Not the time of the restart: else the sweep would never come where they are many.
  restoreLimitKeys(step, records.limitKeys);
  step.edits = restoreEdits(records.edits);
  relist(step, step.issuedAt);
  return step;
}

/** The workers that had been seen, by name. Throws CorruptError on what takeChanges did not write. */
export function sessionsIn(text: string): readonly (readonly [worker: string, Session])[] {
  const pairs = jsonOrNone(text);
  assert(
    isSoundWorkers(pairs),
    `the record ${storeKeys.partition} in the store is that of workers`,
  );
  return pairs;
}

function jsonOrNone(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Puts the workers back that had been seen. */
export function restoreWorkers(state: Partition, text: string): void {
  for (const [worker, session] of sessionsIn(text)) state.workers.set(worker, session);
  countSlots(state);
  state.changed.workers = false;
}

/** What people have paused. Throws CorruptError on what takeChanges did not write. */
export function pausesIn(text: string): Pauses {
  const stored = jsonOrNone(text);
  assert(isSoundPauses(stored), `the record ${storeKeys.pauses} in the store is what was paused`);
  return restoredPauses(stored);
}

/** Puts back what people have paused: before the runs, which ask for it. */
export function restorePauses(state: Partition, text: string): void {
  state.pauses = pausesIn(text);
}
