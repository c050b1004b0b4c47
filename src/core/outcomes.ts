/** What comes back from workers: the first success of each sub-job, failures of the issues that count, and how long it took. */
import { chance } from "./chance.ts";
import { isOutdated } from "./edits.ts";
import type { Failure, Json, Recorded, Unsettled } from "./event.ts";
import { giveUp, type FanOut } from "./fan-out.ts";
import { addToFolds } from "./fold.ts";
import * as heaps from "./heap.ts";
import { mergeHistogram } from "./histogram.ts";
import * as ledgers from "./ledger.ts";
import { limits } from "./limits.ts";
import { addPace } from "./pace.ts";
import type { FanOutPlan } from "./plan.ts";
import { backoffMs } from "./retry.ts";

type Settled = Recorded & { readonly type: "sub-jobs.settled" };

/**
 * Takes in a batch of outcomes: the first success of each sub-job that is open, the failures of those issues that count.
 *
 * False: the batch does not hold together, so it changes nothing; what it was about is issued again by the sweep.
 */
export function settleWith(step: FanOut, plan: FanOutPlan, run: string, event: Settled): boolean {
  const { ledger } = step;
  if (!isInside(event, ledger.size)) return false;
  const settledBefore = ledger.size - ledgers.open(ledger);
  if (plan.folds === undefined && ledger.left === undefined && step.edits === undefined) {
    const reject = (_: number, state: number): void => countRejected(step, state);
    for (let t = 0; t + 2 < event.ok.length; t += 3)
      ledgers.settleRange(ledger, event.ok[t] ?? 0, event.ok[t + 1] ?? 0, event.offset, reject);
  } else {
    const hasNone = event.body === undefined || plan.folds === undefined;
    const results = hasNone ? noResults : resultsOf(event);
    if (results === undefined) return false;
    let position = 0;
    for (let t = 0; t + 2 < event.ok.length; t += 3) {
      const from = event.ok[t] ?? 0;
      const end = from + (event.ok[t + 1] ?? 0);
      // A job that returned nothing has null, in a batch with results and in one without any.
      for (let index = from; index < end; index += 1, position += 1)
        if (isOutdated(step.edits, index, event.ok[t + 2] ?? 0)) step.stale += 1;
        else succeed(step, plan, index, results[position] ?? null, event);
    }
  }
  for (const bad of event.bad ?? []) fail(step, plan, run, bad, event);
  observe(step, event, ledger.size - ledgers.open(ledger) - settledBefore);
  return true;
}

/** All it speaks of are sub-jobs of this step. */
function isInside({ ok, bad }: Settled, size: number): boolean {
  for (let t = 0; t + 2 < ok.length; t += 3)
    if ((ok[t] ?? 0) + (ok[t + 1] ?? 0) > size) return false;
  return bad === undefined || bad.every(({ index }) => index < size);
}

const noResults: readonly Json[] = [];

/** The results in the order of `ok`; undefined where the body is not that. */
function resultsOf({ ok, body = "" }: Settled): readonly Json[] | undefined {
  let count = 0;
  for (let t = 1; t < ok.length; t += 3) count += ok[t] ?? 0;
  let results: unknown;
  try {
    results = JSON.parse(body);
  } catch {
    return undefined;
  }
  return Array.isArray(results) && results.length === count
    ? (results as readonly Json[]) // oxlint-disable-line typescript/no-unsafe-type-assertion -- JSON.parse returns nothing else
    : undefined;
}

function succeed(
  step: FanOut,
  plan: FanOutPlan,
  index: number,
  result: Json | undefined,
  event: Recorded,
): void {
  const state = ledgers.stateOf(step.ledger, index);
  if (!ledgers.isOpen(state)) {
    countRejected(step, state);
    return;
  }
  if (plan.folds !== undefined && step.folds !== undefined) {
    try {
      addToFolds(plan.folds, step.folds, result, index);
    } catch (thrown) {
      // A result that cannot be folded is no success: it is shown, and can be redriven once the fold is mended.
      const attempts = ledgers.attemptsOf(step.ledger, index) + 1;
      const how = { error: foldFailure(thrown), key: `#${index}`, attempts };
      giveUp(step, index, ledgers.failed, how, event);
      return;
    }
  }
  ledgers.settle(step.ledger, index, ledgers.ok, event.offset);
}

function foldFailure(thrown: unknown): Failure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { name: "FoldError", message: message.slice(0, limits.errorLength) };
}

function countRejected(step: FanOut, state: number): void {
  if (state === ledgers.ok) step.duplicate += 1;
  else step.late += 1;
}

function fail(step: FanOut, plan: FanOutPlan, run: string, bad: Unsettled, event: Recorded): void {
  const { ledger } = step;
  const { index } = bad;
  const state = ledgers.stateOf(ledger, index);
  if (!ledgers.isOpen(state)) {
    step.late += 1;
    return;
  }
  // Of the issue that counts, it counts where the sub-job waits, too: a failover took back that it was put, and it is done all the same.
  if (bad.issue !== ledgers.issueOf(ledger, index)) {
    step.stale += 1; // Another issue may only succeed.
    return;
  }
  if (bad.outcome === "skipped") {
    ledgers.settle(ledger, index, ledgers.skipped, event.offset);
    return;
  }
  const attempts = ledgers.attemptsOf(ledger, index) + (bad.outcome === "retry-later" ? 0 : 1);
  const final =
    bad.outcome !== "retry-later" && (bad.fatal === true || attempts >= plan.job.retry.attempts);
  const error = bad.error ?? { name: "Error", message: "failed without an error" };
  if (final) {
    const outcome = bad.outcome === "timed-out" ? ledgers.timedOut : ledgers.failed;
    giveUp(step, index, outcome, { error, key: bad.key, attempts }, event);
    return;
  }
  const random = chance(run, step.name, index, ledgers.issueOf(ledger, index), event.offset);
  const delayMs =
    bad.outcome === "retry-later"
      ? (bad.delayMs ?? 0)
      : backoffMs(attempts, plan.job.retry, random);
  const dueAt = event.at + delayMs;
  ledgers.settle(ledger, index, ledgers.retrying, event.offset);
  ledgers.reissue(ledger, index, { attempts, dueAt });
  heaps.push(step.retries, dueAt, index);
  const cause = bad.outcome === "failed" ? 0 : bad.outcome === "timed-out" ? 1 : 2;
  step.retried[cause] = (step.retried[cause] ?? 0) + 1;
}

/** Durations, and how many were settled in which second. */
function observe(
  step: FanOut,
  event: Recorded & { type: "sub-jobs.settled" },
  settled: number,
): void {
  step.took = mergeHistogram(step.took, event.took.histogram);
  step.tookUs += event.took.us;
  let n = 0;
  for (let at = 1; at < event.took.histogram.length; at += 2) n += event.took.histogram[at] ?? 0;
  if (n > 0) {
    const mean = event.took.us / n / 1_000;
    step.serviceMs = step.serviceMs === undefined ? mean : step.serviceMs * 0.8 + mean * 0.2;
  }
  if (settled <= 0) return;
  step.pace = addPace(step.pace, event.at, settled);
  const second = Math.floor(event.at / 1_000);
  const last = step.recent.length - 2;
  if (last >= 0 && step.recent[last] === second)
    step.recent[last + 1] = (step.recent[last + 1] ?? 0) + settled;
  else step.recent.push(second, settled);
  if (step.recent.length > 24) step.recent.splice(0, step.recent.length - 24);
}
