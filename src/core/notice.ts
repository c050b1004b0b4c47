/** One event on its way to one webhook: what is kept of it, and what an attempt's answer makes of it. Elsewhere called a delivery. */
import { chance } from "./chance.ts";
import { limits } from "./limits.ts";
import { backoffMs, type RetryPolicy } from "./retry.ts";
import type { RunEvent } from "./run-event.ts";

/** cancelled: the webhook wants no more, or nobody keeps it any longer. */
export type NoticeState = "waiting" | "ok" | "failed" | "cancelled";

/** What came of one attempt. */
export type Answer = {
  /** Epoch ms, when it was over. */
  readonly at: number;
  readonly ms: number;
  /** Of HTTP; none where nobody answered. */
  readonly status?: number;
  /** Why it counts as failed, where the status does not say it. */
  readonly error?: string;
  /** The beginning of what was answered. */
  readonly body?: string;
  /** What the answer asked for, in ms. */
  readonly retryAfterMs?: number;
};

/** An event on its way to a webhook, or there. */
export type Notice = {
  readonly webhook: string;
  readonly event: RunEvent;
  readonly state: NoticeState;
  /** Since it was put, or redriven. */
  readonly attempts: number;
  readonly since: number;
  /** When the next attempt is due; of one that is over, when that was. */
  readonly at: number;
  /** The last of them. */
  readonly answers: readonly Answer[];
  /** Why nothing more is tried. */
  readonly because?: string;
  /** Who asked for it once more. */
  readonly redriven?: { readonly at: number; readonly author?: string; readonly reason?: string };
};

/** About twenty attempts in three days, most of them in the first hours. */
const retry: RetryPolicy = {
  attempts: Infinity,
  backoff: "exponential",
  firstMs: 5_000,
  maxMs: 43_200_000,
};

export function newNotice(webhook: string, event: RunEvent, at: number): Notice {
  return { webhook, event, state: "waiting", attempts: 0, since: at, at, answers: [] };
}

export function isOk({ status = 0 }: Answer): boolean {
  return status >= 200 && status < 300;
}

/** The receiver says that it is gone for good. */
export function isGone({ status }: Answer): boolean {
  return status === 410;
}

/** False: nothing was sent, because its webhook is gone. */
export function isTried({ status, error }: Answer): boolean {
  return status !== undefined || error !== undefined;
}

/** After an attempt: over, or due again, later each time, with jitter that is its own. */
export function attempted(notice: Notice, answer: Answer, giveUpMs: number): Notice {
  const attempts = notice.attempts + 1;
  const answers = [...notice.answers, answer].slice(-limits.noticeAnswers);
  const next = { ...notice, attempts, answers };
  if (isOk(answer)) return { ...next, state: "ok", at: answer.at };
  if (isGone(answer)) return cancelled(next, "the webhook answered 410: it is gone", answer.at);
  const waitMs = backoffMs(attempts, retry, chance(notice.event.id, notice.webhook, attempts));
  const asked = Math.min(answer.retryAfterMs ?? 0, retry.maxMs);
  const at = Math.round(answer.at + Math.max(waitMs, asked));
  if (at <= notice.since + giveUpMs) return { ...next, at };
  const because = `not heard in ${attempts} attempts`;
  return { ...next, state: "failed", at: answer.at, because };
}

export function cancelled(notice: Notice, because: string, at: number): Notice {
  return { ...notice, state: "cancelled", at, because };
}

/** From the beginning, with all its attempts; what was answered before stays to be seen. */
export function redriven(
  notice: Notice,
  at: number,
  by: { readonly author?: string; readonly reason?: string },
): Notice {
  const { because: _, ...rest } = notice;
  return { ...rest, state: "waiting", attempts: 0, since: at, at, redriven: { at, ...by } };
}
