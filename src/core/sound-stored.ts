/**
 * Whether a stored record is what it was, so far as going on with it rests on that: what is not, is damage, and nothing is decided
 * from it (G20). Its JSON came back, so nothing says that its fields did.
 */
import type { ToldBefore } from "./counted.ts";
import { buckets } from "./histogram.ts";
import * as ledgers from "./ledger.ts";
import { limits } from "./limits.ts";
import { isSoundPace } from "./pace.ts";
import { everywhere, type StoredPauses } from "./pauses.ts";
import type { Progress } from "./progress.ts";
import type { StoredSchedule } from "./schedule.ts";
import type { Single } from "./single.ts";
import type { Session } from "./state.ts";
import type { StoredFanOut, StoredRun, StoredStep } from "./stored.ts";
import { isTraceOrNone } from "./trace.ts";

const runStates: readonly unknown[] = ["waiting", "running", "held", "done", "failed", "cancelled"];
const singleStates: readonly unknown[] = ["waiting", "in-flight", "retrying", "ok", "failed"];
const paused: readonly unknown[] = ["run", "step", ...everywhere];
const priorities: readonly unknown[] = ["low", "normal", "high", "urgent"];

export function isSoundRun(run: StoredRun, id: string): boolean {
  return (
    isObject(run) &&
    run.run === id &&
    isText(run.flow) &&
    isText(run.request) &&
    runStates.includes(run.state) &&
    priorities.includes(run.priority) &&
    isTime(run.startedAt) &&
    isTimeOrNone(run.endedAt) &&
    [run.deadlineAt, run.lateAt, run.riskAt].every(isTimeOrNone) &&
    (run.customer === undefined || isText(run.customer)) &&
    isTraceOrNone(run.trace) &&
    isList(run.steps, isText) &&
    isNatural(run.at) &&
    run.at <= run.steps.length &&
    isObject(run.results) &&
    isList(run.answers, (answer) => isObject(answer) && isText(answer.request))
  );
}

export function isSoundStep(step: StoredStep, name: string): boolean {
  return (
    isObject(step) &&
    step.name === name &&
    runStates.includes(step.state) &&
    [step.generation, step.late, step.stale].every(isNatural) &&
    isTimeOrNone(step.startedAt) &&
    [step.endedAt, step.lateAt, step.riskAt].every(isTimeOrNone) &&
    isSoundSingle(step.single) &&
    isListOrNone(step.progress, isSoundProgress) &&
    isSoundTold(step.told) &&
    (step.kind === "fan-out" ||
      (isListOrNone(step.took, isNatural) && isTimeOrNone(step.tookUs))) &&
    (step.kind === "step" || (step.kind === "fan-out" && isSoundFanOut(step)))
  );
}

function isSoundSingle(single: Single): boolean {
  return (
    isObject(single) &&
    singleStates.includes(single.state) &&
    [single.issue, single.attempts, single.crashes].every(isNatural) &&
    isTime(single.at) &&
    isTraceOrNone(single.trace)
  );
}

function isSoundFanOut(step: StoredFanOut): boolean {
  const { size, total, counts, folds } = step;
  const numbers = [size, step.base, step.next, step.pages, step.duplicate, step.swept];
  return (
    [...numbers, step.duplicateKeys].every(isNatural) &&
    size <= limits.subJobs &&
    step.next <= size &&
    (total === undefined || total === size) &&
    isList(counts, isNatural) &&
    counts.length === ledgers.states.length &&
    counts.reduce((sum, count) => sum + count, 0) === size &&
    isList(
      step.groups,
      (group) =>
        isObject(group) &&
        isText(group.signature) &&
        isText(group.message) &&
        isNatural(group.count) &&
        isList(group.keys, isText),
    ) &&
    isList(step.took, isNatural) &&
    step.took.every((number, at) => at % 2 === 1 || number < buckets) &&
    isTime(step.tookUs) &&
    isList(step.recent, isNatural) &&
    isTimeOrNone(step.serviceMs) &&
    isTimeOrNone(step.issuedAt) &&
    isListOrNone(step.retried, isNatural) &&
    (step.pace === undefined || (isObject(step.pace) && isSoundPace(step.pace))) &&
    (step.adjusted === undefined || isObject(step.adjusted)) &&
    (folds === undefined || (isObject(folds) && isText(folds.shape) && Array.isArray(folds.accs)))
  );
}

function isSoundProgress(progress: Progress): boolean {
  return (
    isObject(progress) &&
    Number.isSafeInteger(progress.index) &&
    isTime(progress.done) &&
    isTimeOrNone(progress.of) &&
    isTime(progress.at)
  );
}

function isSoundTold(told: ToldBefore | undefined): boolean {
  if (told === undefined) return true;
  return (
    isObject(told) &&
    isTime(told.at) &&
    isTime(told.us) &&
    [told.outcomes, told.took, told.retries].every((list) => isList(list, isNatural)) &&
    isList(told.failures, (pair) => Array.isArray(pair) && isText(pair[0]) && isNatural(pair[1]))
  );
}

/** Of the schedule that its key names. */
export function isSoundSchedule(stored: StoredSchedule, name: string): boolean {
  return (
    isObject(stored) &&
    stored.schedule === name &&
    isText(stored.rule) &&
    isTime(stored.from) &&
    isTimeOrNone(stored.nextAt) &&
    (stored.paused === undefined || (isObject(stored.paused) && isTime(stored.paused.at))) &&
    isList(stored.open, isText) &&
    isList(stored.queue, isTime) &&
    (stored.last === undefined || (isObject(stored.last) && isTime(stored.last.tick))) &&
    isNatural(stored.skipped) &&
    isList(stored.answers, (answer) => isObject(answer) && isText(answer.request))
  );
}

/** The workers that had been seen. */
export function isSoundWorkers(pairs: unknown): pairs is readonly (readonly [string, Session])[] {
  return (
    Array.isArray(pairs) &&
    pairs.every(
      (pair: unknown) =>
        Array.isArray(pair) && pair.length === 2 && isText(pair[0]) && isSoundSession(pair[1]),
    )
  );
}

/** What people have paused. */
export function isSoundPauses(stored: unknown): stored is StoredPauses {
  return (
    isObject(stored) &&
    "version" in stored &&
    isNatural(stored.version) &&
    "pauses" in stored &&
    Array.isArray(stored.pauses) &&
    stored.pauses.every(isSoundPause) &&
    "answers" in stored &&
    Array.isArray(stored.answers) &&
    stored.answers.every((answer) => isObject(answer) && "request" in answer)
  );
}

function isSoundPause(pause: unknown): boolean {
  return (
    isObject(pause) &&
    "of" in pause &&
    paused.includes(pause.of) &&
    "name" in pause &&
    isText(pause.name) &&
    "at" in pause &&
    isTime(pause.at)
  );
}

function isSoundSession(session: unknown): boolean {
  return (
    isObject(session) &&
    "slots" in session &&
    isNatural(session.slots) &&
    "queues" in session &&
    Array.isArray(session.queues) &&
    session.queues.every(isText) &&
    "until" in session &&
    isTime(session.until)
  );
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isNatural(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function isTimeOrNone(value: unknown): boolean {
  return value === undefined || isTime(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isListOrNone<T>(values: readonly T[] | undefined, each: (value: T) => boolean): boolean {
  return values === undefined || isList(values, each);
}

function isList<T>(values: readonly T[], each: (value: T) => boolean): boolean {
  return Array.isArray(values) && values.every((value) => each(value));
}
