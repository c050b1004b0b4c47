/** Lets many wait for what is committed without each of them looking at every commit. */
import { toldOf } from "../core/run-event.ts";
import { UnavailableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { News } from "../roles/news.ts";
import type { Role } from "../roles/role.ts";

export type Changes = {
  /**
   * Resolves when the managers have consumed what stands at this offset. Rejects with UnavailableError where nothing stands there
   * any more: the store came back without its last commits.
   */
  readonly consumed: (partition: number, offset: number) => Promise<void>;
  /** Calls back when this run begins or ends a step, is held, resumed or over; until the returned function is called. */
  readonly onRun: (run: string, listener: () => void) => () => void;
  readonly roles: readonly Role[];
};

/** A hint may be lost: those who wait look for themselves after this. */
const lookMs = 50;
/** Who has waited for so long looks whether what they wait for is there at all. */
const doubtMs = 1_000;

type Waiter = {
  readonly offset: number;
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
};

export function changes(engine: Engine, clock: Clock, news: News): Changes {
  const partitions = Array.from({ length: engine.partitions }, (_, partition) => partition);
  const waiters = partitions.map((): Waiter[] => []);
  const listeners = new Map<string, Set<() => void>>();

  /** Listens only while somebody waits for something: then the log need not be followed. */
  let forget: (() => void) | undefined;

  const pass: Parameters<News["onNews"]>[0] = (_, events) => {
    for (const event of events)
      for (const listener of listeners.get(toldOf(event).run) ?? []) listener();
  };

  async function release(partition: number): Promise<number> {
    const waiting = waiters[partition] ?? [];
    if (waiting.length === 0) return 0;
    const { offset } = await engine.store.position(partition);
    const left = waiting.filter((waiter) => waiter.offset >= offset);
    const over = waiting.filter((waiter) => waiter.offset < offset);
    waiters[partition] = left;
    for (const { resolve } of over) resolve();
    if (left.some(({ since }) => clock.now() > since + doubtMs)) await doubt(partition);
    return over.length;
  }

  async function doubt(partition: number): Promise<void> {
    const end = await engine.log.end(partition);
    const waiting = waiters[partition] ?? [];
    waiters[partition] = waiting.filter(({ offset }) => offset < end);
    for (const { offset, reject } of waiting.filter((waiter) => waiter.offset >= end))
      reject(
        new UnavailableError(
          `what was written at offset ${offset} of partition ${partition} is gone, the log ends at ${end}: the store came back without its last commits; ask again`,
        ),
      );
  }

  /** Resolves those whose offset is consumed. */
  function gate(partition: number): Role & { ask: () => void } {
    let wake: () => void = () => undefined;
    return {
      name: `gate ${partition}`,
      hints: ["state"],
      partition,
      onWake(ask) {
        wake = ask;
      },
      ask: () => wake(),
      wakeAt: () => ((waiters[partition]?.length ?? 0) > 0 ? clock.now() + lookMs : undefined),
      tick: () => release(partition),
    };
  }

  const gates = partitions.map(gate);
  return {
    roles: gates,
    async consumed(partition, offset) {
      await new Promise<void>((resolve, reject) => {
        waiters[partition]?.push({ offset, since: clock.now(), resolve, reject });
        gates[partition]?.ask();
      });
    },
    onRun(run, listener) {
      forget ??= news.onNews(pass);
      const mine = listeners.get(run) ?? new Set();
      mine.add(listener);
      listeners.set(run, mine);
      return () => {
        mine.delete(listener);
        if (mine.size === 0) listeners.delete(run);
        if (listeners.size > 0) return;
        forget?.();
        forget = undefined;
      };
    },
  };
}
