import type { Entry } from "../core/event.ts";
import type { MemoryEngine } from "../engines/memory/engine.ts";
import type { Engine } from "../ports/engine.ts";
import type { Accepted } from "./checkers.ts";

export type Recording = Engine & {
  /** Copies the engine and what was noted. The function puts both in their place again: what came since was never there. */
  readonly copy: () => () => void;
};

/** The engine as all processes share it, with every commit that it accepts noted down. */
export function recording(
  memory: MemoryEngine,
  queueSurvives: boolean,
  commits: readonly Accepted[][],
  begunAt: Map<string, number>,
  trimmed: Entry[][],
): Recording {
  return {
    ...memory,
    queueSurvives,
    copy() {
      const takeBack = memory.copy();
      const noted = commits.map((accepted, n) => [[...accepted], [...(trimmed[n] ?? [])]] as const);
      const begun = [...begunAt];
      return () => {
        takeBack();
        for (const [n, [accepted, gone]] of noted.entries()) {
          commits[n]?.splice(0, Infinity, ...accepted);
          trimmed[n]?.splice(0, Infinity, ...gone);
        }
        begunAt.clear();
        for (const [reader, offset] of begun) begunAt.set(reader, offset);
      };
    },
    log: {
      ...memory.log,
      async trim(partition, before, past) {
        const from = trimmed[partition]?.length ?? 0;
        const max = { records: Math.max(0, before - from), bytes: Infinity };
        const gone = before > from ? await memory.log.read(partition, from, max) : [];
        await memory.log.trim(partition, before, past);
        trimmed[partition]?.push(...gone);
      },
    },
    store: {
      ...memory.store,
      async commit(claim, commit) {
        const next = await memory.store.commit(claim, commit);
        commits[claim.partition]?.push({ from: claim.offset, epoch: claim.epoch, commit });
        return next;
      },
      async keep(partition, reader, kept) {
        await memory.store.keep(partition, reader, kept);
        if (kept.from === undefined) begunAt.set(`${reader} ${partition}`, kept.to);
      },
    },
  };
}
