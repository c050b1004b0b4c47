/** What a fan-out comes to when it is sealed and settled: within its tolerance or not, and the result that later steps get. */
import type { Json } from "./event.ts";
import type { FanOut } from "./fan-out.ts";
import type { FailureGroup } from "./failures.ts";
import { foldsValue } from "./fold.ts";
import * as ledgers from "./ledger.ts";
import type { FanOutPlan, Tolerance } from "./plan.ts";

/** What later steps see of a fan-out. */
export type Joined<V = unknown> = {
  readonly total: number;
  readonly ok: number;
  /** Given up on: failed, timed out and poison together. */
  readonly failed: number;
  readonly skipped: number;
  /** Still open when a person closed the step. */
  readonly cancelled: number;
  /** Of work, all attempts together. */
  readonly seconds: number;
  readonly failures: readonly FailureGroup[];
  /** What the folds say. */
  readonly value: V;
};

/** As it is stored: a value of undefined is not there. */
type StoredJoined = Omit<Joined, "value"> & { readonly value?: Json };

/** What it tolerates now. */
export function toleranceOf({ adjusted }: FanOut, plan: FanOutPlan): Tolerance {
  return adjusted.tolerate ?? plan.tolerate;
}

/** Why the failures are too many, in words; undefined where they are tolerated. */
export function beyondTolerance(step: FanOut, tolerate: Tolerance): string | undefined {
  const failed = ledgers.failures(step.ledger);
  const { size } = step.ledger;
  if ("count" in tolerate) {
    if (failed <= tolerate.count) return undefined;
    return `${number(failed)} of ${number(size)} failed, ${number(tolerate.count)} tolerated`;
  }
  if (isWithin(failed, size, tolerate.percent)) return undefined;
  const share = shareText((failed * 100) / size, tolerate.percent);
  return `${share} % failed (${number(failed)} of ${number(size)}), ${tolerate.percent} % tolerated`;
}

/** Why a job by itself has failed, in its own words. */
export function failureOf({ name, groups }: FanOut): string {
  return `${name} failed: ${groups.find(({ count }) => count > 0)?.message ?? "without an error"}`;
}

/** Exact: 57 of 10,000 are 0.57 %, which as floating-point numbers they are not. Shares have at most nine decimals. */
function isWithin(failed: number, size: number, percent: number): boolean {
  return BigInt(failed) * 100n * 10n ** 9n <= BigInt(Math.round(percent * 1e9)) * BigInt(size);
}

/** As few digits as say it, and so many that it does not read as tolerated. */
function shareText(share: number, tolerated: number): string {
  let digits = share >= 10 ? 3 : 2;
  while (digits < 15 && Number(share.toPrecision(digits)) <= tolerated) digits += 1;
  return share.toPrecision(digits);
}

function number(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** The result of the step. */
export function joined(step: FanOut, plan: FanOutPlan): StoredJoined {
  const { ledger } = step;
  const value =
    plan.folds === undefined || step.folds === undefined
      ? undefined
      : foldsValue(plan.folds, step.folds);
  return {
    total: ledger.size,
    ok: ledgers.count(ledger, ledgers.ok),
    failed: ledgers.failures(ledger),
    skipped: ledgers.count(ledger, ledgers.skipped),
    cancelled: ledgers.count(ledger, ledgers.cancelled),
    seconds: Math.round(step.tookUs / 1_000) / 1_000,
    failures: step.groups
      .filter((group) => group.count > 0)
      .map(({ signature, message, count, keys }) => ({
        signature,
        message,
        count,
        keys: [...keys],
      })),
    ...(value === undefined ? {} : { value }),
  };
}
