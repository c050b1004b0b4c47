/**
 * Whether an event is what its type says, so far as decisions rest on it. All else in core may take that for granted.
 *
 * The log keeps what it was given, for ever: one record that nobody can decide on would stop its partition at every restart. So
 * what is not sound is counted and passed over. What it was about is not lost: the sweep issues it again.
 */
import type { Edited } from "./edits.ts";
import type { Adjustment, InputEvent, Recorded, Selection } from "./event.ts";
import { buckets } from "./histogram.ts";
import { limits } from "./limits.ts";
import { everywhere, type Pause } from "./pauses.ts";
import type { Tolerance } from "./plan.ts";
import type { Rate } from "./throttle.ts";

/** Beyond any duration that can be written in a flow. */
const longestDelayMs = 10 * 366 * 86_400_000;
const mostSlots = 1_000_000;

const priorities: readonly unknown[] = ["low", "normal", "high", "urgent"];
const mainOutcomes: readonly unknown[] = ["ok", "failed", "timed-out", "retry-later"];
/** In every partition. */
const pausable: readonly unknown[] = everywhere;
const badOutcomes: readonly unknown[] = ["failed", "timed-out", "skipped", "retry-later"];

/** Types say what an event should be; these ask what it is. */
type Of<T extends InputEvent["type"]> = Recorded<InputEvent> & { readonly type: T };

export function isSound(event: Recorded<InputEvent>): boolean {
  switch (event.type) {
    case "run.started":
      return isStart(event);
    case "step.settled":
      return (
        mainOutcomes.includes(event.outcome) &&
        isNatural(event.issue) &&
        isDelay(event.delayMs) &&
        isFailure(event.error)
      );
    case "fan-out.grown":
      return (
        isNatural(event.issue) &&
        isNatural(event.from) &&
        isNatural(event.duplicates) &&
        isList(event.keys, isText) &&
        (event.limitKeys === undefined ||
          (isTuples(event.limitKeys, 1) && event.limitKeys.length === event.keys.length))
      );
    case "fan-out.sealed":
      return isNatural(event.issue) && isNatural(event.total) && isNatural(event.duplicates);
    case "sub-jobs.settled":
      return isBatch(event);
    case "task.lost":
      if (event.subJobs !== undefined) return isTuples(event.subJobs, 3);
      return isNatural(event.issue);
    case "worker.seen":
      return (
        isText(event.worker) &&
        isNatural(event.slots) &&
        event.slots <= mostSlots &&
        isList(event.queues, isText) &&
        Number.isFinite(event.until)
      );
    case "redrive.asked":
      return isAsked(event) && isSelection(event) && isRateOrNone(event.rate) && isEdited(event);
    case "skip.asked":
      return isAsked(event) && isSelection(event);
    case "release.asked":
    case "close.asked":
    case "cancel.asked":
    case "reopen.asked":
    case "pause.asked":
    case "resume.asked":
      return isAsked(event);
    case "adjust.asked":
      return isAsked(event) && isAdjustment(event.to);
    case "pause-all.asked":
    case "resume-all.asked":
      return isAsked(event) && isText(event.name) && pausable.includes(event.of);
    case "pauses.told":
      return isNatural(event.version) && isList(event.pauses, isPause);
    case "sub-jobs.progressed":
      return (
        Number.isSafeInteger(event.index) &&
        event.index >= -1 &&
        Number.isFinite(event.done) &&
        (event.of === undefined || Number.isFinite(event.of))
      );
    case "schedule.asked":
      return (
        ["fire", "pause", "resume"].includes(event.what) &&
        [event.schedule, event.request, event.author ?? "", event.reason ?? ""].every(isText)
      );
    case "run.expired":
      return isText(event.run) && isText(event.flow) && isNatural(event.retentionMs);
    case "worker.gone":
    case "queue.lost":
    case "ticked":
      return true;
  }
}

function isStart(event: Of<"run.started">): boolean {
  const { run, flow, priority, customer, deadlineAt, beginAt } = event;
  return (
    isText(run) &&
    isText(flow) &&
    (priority === undefined || priorities.includes(priority)) &&
    (customer === undefined || isText(customer)) &&
    (deadlineAt === undefined || Number.isFinite(deadlineAt)) &&
    (beginAt === undefined || Number.isFinite(beginAt))
  );
}

function isBatch({ ok, bad, took }: Of<"sub-jobs.settled">): boolean {
  return (
    isTuples(ok, 3) &&
    isObject(took) &&
    Number.isFinite(took.us) &&
    took.us >= 0 &&
    isHistogram(took.histogram) &&
    (bad === undefined ||
      isList(
        bad,
        (one) =>
          isObject(one) &&
          isNatural(one.index) &&
          isNatural(one.issue) &&
          isText(one.key) &&
          badOutcomes.includes(one.outcome) &&
          isDelay(one.delayMs) &&
          (one.of === undefined || one.of === "job" || one.of === "key") &&
          isFailure(one.error),
      ))
  );
}

function isHistogram(sparse: readonly number[]): boolean {
  if (!isTuples(sparse, 2)) return false;
  for (let at = 0; at < sparse.length; at += 2)
    if ((sparse[at] ?? 0) >= buckets || sparse[at + 1] === 0) return false;
  return true;
}

function isAsked(event: Of<Extract<InputEvent["type"], `${string}.asked`>>): boolean {
  const { request, author, reason } = event;
  const step = "step" in event ? event.step : undefined;
  const texts = [request, author ?? "", reason ?? "", step ?? ""];
  return texts.every(isText);
}

function isSelection({ indices }: Selection): boolean {
  return indices === undefined || isTuples(indices, 2);
}

function isEdited({ edits, limitKeys }: Edited): boolean {
  if (edits !== undefined && (!isTuples(edits, 1) || edits.length > limits.edits)) return false;
  return limitKeys === undefined || (isTuples(limitKeys, 1) && limitKeys.length === edits?.length);
}

function isAdjustment(to: Adjustment): boolean {
  if (!isObject(to)) return false;
  const { concurrency, rate, tolerate, priority, deadlineAt } = to;
  return (
    (rate === null || isRateOrNone(rate)) &&
    (concurrency === undefined || concurrency === null || isPositive(concurrency)) &&
    (tolerate === undefined || isTolerance(tolerate)) &&
    (priority === undefined || priorities.includes(priority)) &&
    (deadlineAt === undefined || deadlineAt === null || Number.isFinite(deadlineAt))
  );
}

function isRateOrNone(rate: Rate | undefined): boolean {
  return (
    rate === undefined ||
    (isObject(rate) && [rate.count, rate.perMs].every((one) => Number.isFinite(one) && one > 0))
  );
}

function isTolerance(tolerate: Tolerance): boolean {
  if (!isObject(tolerate)) return false;
  if ("count" in tolerate) return isNatural(tolerate.count);
  return "percent" in tolerate && tolerate.percent >= 0 && tolerate.percent <= 100;
}

function isPause(pause: Pause): boolean {
  return isObject(pause) && pausable.includes(pause.of) && isText(pause.name);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isPositive(value: unknown): boolean {
  return isNatural(value) && value !== 0;
}

function isNatural(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isDelay(value: unknown): boolean {
  return (
    value === undefined || (typeof value === "number" && value >= 0 && value <= longestDelayMs)
  );
}

function isFailure(error: unknown): boolean {
  if (error === undefined) return true;
  return (
    isObject(error) &&
    "name" in error &&
    isText(error.name) &&
    "message" in error &&
    isText(error.message)
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isList<T>(values: readonly T[], each: (value: T) => boolean): boolean {
  return Array.isArray(values) && values.every(each);
}

/** Natural numbers, so many at a time. */
function isTuples(values: readonly number[], size: number): boolean {
  if (!Array.isArray(values) || values.length % size !== 0) return false;
  for (const value of values) if (!isNatural(value)) return false;
  return true;
}
