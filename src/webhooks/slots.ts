/**
 * Who may send now, of all couriers of a process: fair between webhooks, and those that are ill apart from those that are well.
 *
 * A webhook whose last attempt failed is ailing: it gets one request at a time, out of few. So a thousand that hang wait for
 * each other, and whoever answers is told at once. And each request costs the processor something that sub-jobs want: so many are
 * begun in a second, and no more.
 */
import { limits } from "../core/limits.ts";
import type { Clock } from "../ports/clock.ts";

/** An attempt; resolves to whether it went well. Never rejects. */
export type Turn = () => Promise<boolean>;

export type Slots = {
  /** Has the turn taken when it is this webhook's. */
  readonly ask: (webhook: string, turn: Turn) => void;
  /** Turns that are being taken. */
  readonly busy: () => number;
  /** Has no further turn taken, and waits for none: whoever asked is over. */
  readonly end: () => void;
};

type Health = "well" | "ailing";
type Line = { readonly turns: Turn[]; running: number; health: Health };

const atOnce: Readonly<Record<Health, number>> = {
  well: limits.noticesAtOnce - limits.noticesAiling,
  ailing: limits.noticesAiling,
};
const perWebhook: Readonly<Record<Health, number>> = { well: limits.noticesPerWebhook, ailing: 1 };

/** Requests that may begin at once, and how soon the next may: 200 in a second, 10 of those that are ill; half a ms to one each. */
const burst: Readonly<Record<Health, number>> = { well: 4, ailing: 1 };
const everyMs: Readonly<Record<Health, number>> = { well: 5, ailing: 100 };

/** And so much later, for each that failed though its webhook was well: where a thousand go down at once, 20 in a second find out. */
const failedMs = 45;

export function slots({ now, sleep }: Clock): Slots {
  const lines = new Map<string, Line>();
  /** Webhooks with a turn that waits and room for it, who came first first. */
  const ready: Readonly<Record<Health, Set<string>>> = { well: new Set(), ailing: new Set() };
  const running: Record<Health, number> = { well: 0, ailing: 0 };
  /** The instant up to which what began so far is paid for. */
  const paidUntil: Record<Health, number> = { well: 0, ailing: 0 };
  const isResting: Record<Health, boolean> = { well: false, ailing: false };
  const over = new AbortController();

  /** False: not yet. It pumps again when it is time. */
  function mayBegin(health: Health): boolean {
    const from = Math.max(paidUntil[health], now() - burst[health] * everyMs[health]);
    const restMs = from + everyMs[health] - now();
    if (restMs <= 0) {
      paidUntil[health] = from + everyMs[health];
      return true;
    }
    if (!isResting[health]) void rest(health, restMs);
    return false;
  }

  async function rest(health: Health, ms: number): Promise<void> {
    isResting[health] = true;
    await sleep(Math.max(1, ms), over.signal);
    isResting[health] = false;
    pump();
  }

  /** Last of those who are ready, if it is. */
  function lineUp(name: string, line: Line): void {
    ready.well.delete(name);
    ready.ailing.delete(name);
    if (line.turns.length > 0 && line.running < perWebhook[line.health])
      ready[line.health].add(name);
    else if (line.turns.length === 0 && line.running === 0 && line.health === "well")
      lines.delete(name);
  }

  async function take(name: string, line: Line, turn: Turn): Promise<void> {
    const { health } = line;
    line.running += 1;
    running[health] += 1;
    lineUp(name, line);
    const isOk = await turn();
    line.running -= 1;
    running[health] -= 1;
    line.health = isOk ? "well" : "ailing";
    if (!isOk && health === "well") paidUntil.well += failedMs;
    lineUp(name, line);
    pump();
  }

  function pump(): void {
    if (over.signal.aborted) return;
    for (const health of ["well", "ailing"] as const)
      for (const name of ready[health]) {
        if (running[health] >= atOnce[health] || !mayBegin(health)) break;
        const line = lines.get(name);
        const turn = line?.turns.shift();
        if (line !== undefined && turn !== undefined) void take(name, line, turn);
      }
  }

  return {
    ask(webhook, turn) {
      const line = lines.get(webhook) ?? { turns: [], running: 0, health: "well" };
      lines.set(webhook, line);
      line.turns.push(turn);
      if (line.turns.length === 1) lineUp(webhook, line);
      pump();
    },
    busy: () => running.well + running.ailing,
    end: () => over.abort(),
  };
}
