/** What a worker knows of what people have paused: it begins nothing of it, and gives back what it has not begun. */
import { pausesAt, type Pauses } from "../core/pauses.ts";
import type { Task } from "../core/task.ts";
import type { Store } from "../ports/store.ts";
import { loadPauses } from "./loading.ts";

export type KnownPauses = {
  /** Reads them anew where they are older than a moment. */
  readonly refresh: (now: number) => Promise<void>;
  /** As far as it is known. */
  readonly isPaused: (task: Task) => boolean;
  /** Certainly: a pause that is known is read once more, because it may have been resumed a moment ago. */
  readonly isStillPaused: (task: Task) => Promise<boolean>;
};

/** With the time a command takes to be decided and told, and a worker to look, a pause is heard within a second. */
const refreshMs = 250;

export function knownPauses(store: Pick<Store, "load">, partitions: number): KnownPauses {
  const known: Pauses[] = [];
  let nextAt = 0;

  function isPaused(task: Task): boolean {
    const pauses = known[task.partition];
    if (pauses === undefined || pauses.all.size === 0) return false;
    return pausesAt(pauses.all, task).length > 0;
  }

  return {
    async refresh(now) {
      if (now < nextAt) return;
      await Promise.all(
        Array.from({ length: partitions }, async (_, n) => {
          known[n] = await loadPauses(store, n);
        }),
      );
      nextAt = now + refreshMs;
    },
    isPaused,
    async isStillPaused(task) {
      if (!isPaused(task)) return false;
      known[task.partition] = await loadPauses(store, task.partition);
      return isPaused(task);
    },
  };
}
