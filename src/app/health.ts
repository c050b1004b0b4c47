/** What a process says of itself while it works. */
import type { HealthServer } from "../api/health.ts";
import type { RunState } from "../core/event.ts";
import { knownStatistics } from "../roles/statistics.ts";
import { metricsText } from "../views/metrics.ts";
import type { Webhooks } from "../webhooks/ledger.ts";
import type { Node } from "./node.ts";

export type HealthOptions = {
  readonly port: number;
  /** Default 127.0.0.1. Where probes come from other machines: 0.0.0.0 */
  readonly host?: string;
};

const underWay: readonly RunState[] = ["waiting", "running", "held"];
/** Runs under way that are counted by state; beyond, the count is no longer exact. */
const countedRuns = 10_000;

export async function serveHealth(
  node: Node,
  webhooks: Webhooks,
  isStopping: () => boolean,
  { port, host = "127.0.0.1" }: HealthOptions,
): Promise<HealthServer> {
  const { engine, standing } = node;
  const { healthServer } = await import("../api/health.ts");

  async function metrics(): Promise<string> {
    const rows = await engine.views.runs({ states: underWay, limit: countedRuns });
    const runs = Object.fromEntries(
      underWay.map((state) => [state, rows.filter((row) => row.state === state).length]),
    );
    const { statistics } = await knownStatistics(engine, {});
    return metricsText({
      runs,
      statistics,
      workers: (await standing.workers()).length,
      queues: await standing.queues(),
      partitions: await standing.log(),
      webhooks: await webhooks.list(),
      writes: node.writes(),
    });
  }

  return healthServer(
    {
      async whyNotReady() {
        if (isStopping()) return "it drains";
        for (let partition = 0; partition < engine.partitions; partition += 1)
          await engine.store.position(partition);
        return undefined;
      },
      metrics,
    },
    port,
    host,
  );
}
