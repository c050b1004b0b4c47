/**
 * Tells every other partition what the first one has paused everywhere: customers, jobs, flows, queues.
 *
 * What the others know is read from their state, never remembered: an append that got lost, or a process that died between two of
 * them, is made up for by the next look.
 */
import { encode } from "../core/event.ts";
import { isEverywhere } from "../core/pauses.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import { loadPauses } from "./loading.ts";
import type { Role } from "./role.ts";

/** A hint may be lost: it looks for itself this often. */
const lookMs = 500;
/** What was appended and is not yet decided is appended again after this. */
const repeatMs = 1_000;

export function herald({
  engine,
  clock,
}: {
  readonly engine: Engine;
  readonly clock: Clock;
}): Role {
  const { store, log, partitions } = engine;
  /** Per partition: which version it was told, and when. */
  const told = new Map<number, { readonly version: number; readonly at: number }>();
  let said: number | undefined;
  return {
    name: "herald",
    hints: ["state"],
    partition: 0,
    wakeAt: () => clock.now() + lookMs,
    async tick() {
      const { version, all } = await loadPauses(store, 0);
      if (version === 0 || version === said) return 0;
      const pauses = [...all.values()].filter(isEverywhere);
      let behind = 0;
      for (let partition = 1; partition < partitions; partition += 1) {
        if ((await loadPauses(store, partition)).version >= version) continue;
        behind += 1;
        const before = told.get(partition);
        const now = clock.now();
        if (before?.version === version && now < before.at + repeatMs) continue;
        await log.append(partition, [encode({ type: "pauses.told", version, pauses })]);
        told.set(partition, { version, at: now });
      }
      if (behind === 0) said = version;
      return 0;
    },
  };
}
