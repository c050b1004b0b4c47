/** Processes that share a database: two that manage and start runs, four that manage and work. Who is killed is replaced. */
import { setTimeout as sleep } from "node:timers/promises";
import { begin, type Order, type Owner } from "../processes.ts";

export type Part = NonNullable<Order["shared"]>["part"];

export type Member = {
  readonly part: Part;
  readonly process: Owner;
  readonly isUp: () => boolean;
};

export type Crew = {
  /** Those that are ready, and that nobody has killed. */
  readonly members: () => readonly Member[];
  /** Resolves when so many are ready. */
  readonly ready: (count: number, withinMs: number) => Promise<boolean>;
  /** Ends it at once; another takes its place. */
  readonly kill: (member: Member) => void;
  /** Ends these for good, at once. */
  readonly dismiss: (which: (part: Part) => boolean) => Promise<void>;
  /** Tells the others to stop; those that did not end well within the time are said, and killed. */
  readonly stop: (withinMs: number) => Promise<readonly string[]>;
};

export type CrewOptions = {
  readonly parts: readonly Part[];
  readonly orderOf: (part: Part, place: number) => Order;
  /** A process that was ready ended, and nobody had asked it to. */
  readonly onEnd: (what: string) => void;
  readonly onReplaced: (process: Owner) => void;
};

/** A process that cannot even begin while its server is away is begun again after this. */
const againMs = 300;

export function crew({ parts, orderOf, onEnd, onReplaced }: CrewOptions): Crew {
  const living = new Map<number, Member>();
  const asked = new Set<Owner>();
  const over = new Set<number>();

  function place(at: number, isNew: boolean): void {
    const part = parts[at] ?? "works";
    const process = begin(orderOf(part, at));
    let isUp = false;
    process.up.then(
      () => (isUp = true),
      () => undefined,
    );
    living.set(at, { part, process, isUp: () => isUp });
    if (!isNew) onReplaced(process);
    void process.ended.then(async (exit) => {
      if (!asked.has(process) && !over.has(at) && isUp)
        onEnd(`${JSON.stringify(exit)}: ${process.said()}`);
      if (over.has(at)) return;
      if (!isUp) await sleep(againMs);
      if (!over.has(at)) place(at, false);
    });
  }

  for (const at of parts.keys()) place(at, true);

  const members = (): readonly Member[] =>
    [...living.values()].filter(({ process, isUp }) => isUp() && !asked.has(process));

  return {
    members,
    async ready(count, withinMs) {
      const until = performance.now() + withinMs;
      while (members().length < count) {
        if (performance.now() > until) return false;
        await sleep(10);
      }
      return true;
    },
    kill({ process }) {
      asked.add(process);
      process.signal("SIGKILL");
    },
    async dismiss(which) {
      const chosen = [...living].filter(([, { part }]) => which(part));
      for (const [at] of chosen) over.add(at);
      await Promise.all(chosen.map(([, { process }]) => process.killAll()));
      for (const [at] of chosen) living.delete(at);
    },
    async stop(withinMs) {
      const ill: string[] = [];
      for (const at of living.keys()) over.add(at);
      await Promise.all(
        [...living.values()].map(async ({ process, isUp }) => {
          const wasUp = isUp();
          process.signal("SIGTERM");
          const exit = await Promise.race([
            process.ended,
            sleep(withinMs, undefined, { ref: false }),
          ]);
          if (wasUp && exit?.code !== 0) ill.push(`${JSON.stringify(exit)}: ${process.said()}`);
          await process.killAll();
        }),
      );
      return ill;
    },
  };
}
