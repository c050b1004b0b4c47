/**
 * Looks for runs whose retention is over, and says so to the managers, who remove them: the list of runs knows which have ended
 * when, and costs one question per flow.
 *
 * It goes by the clock of its process, and only to ask: what it says too early, a manager passes over.
 */
import { encode } from "../core/event.ts";
import { partitionOf } from "../core/ids.ts";
import type { Plans } from "../core/plan.ts";
import { keptMs } from "../core/removal.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Role } from "./role.ts";

export type RetentionOptions = {
  readonly engine: Pick<Engine, "log" | "views" | "partitions">;
  readonly clock: Clock;
  readonly plans: Plans;
  /** Whether this process is the one to look: where several could, one does. */
  readonly mayLook: () => boolean;
};

/** Runs of a flow that are asked for at once; the next when these are gone. So removals never fill the log. */
const atOnce = 100;
/** While there are more than were asked for. */
const soonMs = 250;
/** A run may stay longer than it is to be kept by this share, within these bounds. */
const lateShare = 1 / 100;
const leastMs = 10_000;
const mostMs = 3_600_000;
/** What was asked for and is there all the same, is asked for again after this: a clock was off, or a manager was not there. */
const repeatMs = 600_000;

/** One flow whose runs are not kept for ever. */
type Kept = { readonly flow: string; readonly ms: number; lookAt: number };

/** How often one looks for what was to be kept so long. */
export function lookEveryMs(keptMs: number): number {
  return Math.min(mostMs, Math.max(leastMs, keptMs * lateShare));
}

/** The flows whose runs are not kept for ever. */
export function keptFlows(plans: Plans): readonly { readonly flow: string; readonly ms: number }[] {
  return [...plans.values()].flatMap((plan) => {
    const ms = keptMs(plan);
    return ms === undefined ? [] : [{ flow: plan.name, ms }];
  });
}

export function retention({ engine, clock, plans, mayLook }: RetentionOptions): Role {
  const kept = keptFlows(plans).map((one): Kept => ({ ...one, lookAt: 0 }));
  /** By flow: when each was asked for. */
  const asked = new Map<string, ReadonlyMap<string, number>>();

  async function look(one: Kept): Promise<void> {
    const { flow, ms } = one;
    const now = clock.now();
    const rows = await engine.views.runs({ flow, endedBefore: now - ms, limit: atOnce });
    const before = asked.get(flow) ?? new Map<string, number>();
    const isNew = (run: string): boolean => (before.get(run) ?? -Infinity) + repeatMs <= now;
    const fresh = rows.map(({ run }) => run).filter(isNew);
    const texts = new Map<number, string[]>();
    for (const run of fresh) {
      const partition = partitionOf(run, engine.partitions);
      const text = encode({ type: "run.expired", run, flow, retentionMs: ms });
      texts.set(partition, [...(texts.get(partition) ?? []), text]);
    }
    for (const [partition, some] of texts) await engine.log.append(partition, some);
    asked.set(
      flow,
      new Map(rows.map(({ run }) => [run, isNew(run) ? now : (before.get(run) ?? now)])),
    );
    if (rows.length === atOnce) one.lookAt = now + soonMs;
  }

  return {
    name: "retention",
    hints: [],
    wakeAt: () => (mayLook() ? Math.min(...kept.map(({ lookAt }) => lookAt)) : undefined),
    async tick() {
      for (const one of kept) {
        if (!mayLook()) return 0;
        if (clock.now() < one.lookAt) continue;
        one.lookAt = clock.now() + lookEveryMs(one.ms);
        await look(one);
      }
      return 0;
    },
  };
}
