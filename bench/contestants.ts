/** Who takes part in a race of fan-outs: Fanfold, the plain loop, and the peers, as subjects of a bench. */
import type { Figure, Input, Subject } from "./harness.ts";
import { installPeers } from "./peers/install.ts";
import { startRedis, type AppendFsync } from "./peers/redis.ts";

export type Race = "fanOut" | "latency";

export const fanfold = (
  measure: Race,
  input: Input,
  figures: readonly Figure[],
  name = "Fanfold",
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("fanfold.ts", import.meta.url),
  measure,
  input,
  figures,
});

/** What Fanfold's child measures after its run: its records, appended again by the same store and nothing else. */
export const storeLimit: Figure = {
  key: "storePerSecond",
  unit: "sub-jobs/s",
  isLimit: { name: "raw appends, same bytes", key: "perSecond" },
};

/** A loop that awaits the same functions in as many slots, and remembers nothing. */
export const loopLimit = (input: Input, figures: readonly Figure[]): Subject => ({
  name: "plain loop",
  role: "limit",
  module: new URL("limits.ts", import.meta.url),
  measure: "loop",
  input,
  figures,
});

function plainjob(
  synchronous: "FULL" | "NORMAL",
  measure: Race,
  input: Input,
  figures: readonly Figure[],
): Subject {
  return {
    name: `plainjob, synchronous=${synchronous}`,
    role: "peer",
    module: new URL("peers/plainjob.ts", import.meta.url),
    measure,
    input: { ...input, synchronous },
    figures,
    async companion() {
      await installPeers();
      return { input: {}, close: async () => ({}) };
    },
  };
}

function bullmq(
  appendFsync: AppendFsync,
  measure: Race,
  input: Input,
  figures: readonly Figure[],
): Subject {
  return {
    name: `BullMQ, appendfsync ${appendFsync}`,
    role: "peer",
    module: new URL("peers/bullmq.ts", import.meta.url),
    measure,
    input: { ...input, appendFsync },
    figures,
    async companion(folder) {
      await installPeers();
      return startRedis(folder, appendFsync);
    },
  };
}

/**
 * Each peer on its durable settings, and as it comes.
 *
 * fewer: for plainjob with FULL, which syncs twice a job and would take most of the time of a bench.
 */
export const peers = (
  measure: Race,
  input: Input,
  figures: readonly Figure[],
  fewer: Input = {},
): readonly Subject[] => [
  plainjob("FULL", measure, { ...input, ...fewer }, figures),
  plainjob("NORMAL", measure, input, figures),
  bullmq("always", measure, input, figures),
  bullmq("everysec", measure, input, figures),
];
