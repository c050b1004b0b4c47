/**
 * Who takes part in a race on PostgreSQL: Fanfold, graphile-worker, pg-boss; each on a new server of its own with fsync and
 * synchronous_commit on, which with all processes is on this machine.
 */
import { chmodSync } from "node:fs";
import { Client } from "pg";
import { NoServerError, startPostgres } from "../test/servers/postgres.ts";
import type { Race } from "./contestants.ts";
import { SkippedError, type Companion, type Figure, type Input, type Subject } from "./harness.ts";
import { installPeers } from "./peers/install.ts";

/** What a commit that was answered survives; the server is asked before each measurement. */
export const durable = { fsync: "on", synchronous_commit: "on", full_page_writes: "on" } as const;

async function server(folder: string): Promise<Companion> {
  chmodSync(folder, 0o711); // The server may be another user's.
  try {
    const { url, stop } = await startPostgres([], folder);
    await check(url);
    return {
      input: { url },
      async close() {
        await stop();
        return {};
      },
    };
  } catch (error) {
    if (error instanceof NoServerError) throw new SkippedError(error.message, { cause: error });
    throw error;
  }
}

async function check(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (const [name, expected] of Object.entries(durable)) {
    const { rows } = await client.query<Record<string, string>>(`show ${name}`); // oxlint-disable-line no-await-in-loop -- three of them
    const got = rows[0]?.[name];
    if (got !== expected) throw new Error(`the server has ${name}=${got}, expected ${expected}`);
  }
  await client.end();
}

async function serverForPeers(folder: string): Promise<Companion> {
  await installPeers();
  return server(folder);
}

const workersOf = ({ workers = 0 }: Input): string =>
  workers === 0 ? "in one process" : `${workers} ${workers === 1 ? "worker" : "workers"}`;

/** Another question about Fanfold, of a module of its own. */
export const onPostgres = (
  name: string,
  module: URL,
  measure: string,
  input: Input,
  figures: readonly Figure[],
): Subject => ({ name, role: "fanfold", module, measure, input, figures, companion: server });

export const fanfoldOnPostgres = (
  race: Race,
  input: Input,
  figures: readonly Figure[],
  name = `Fanfold, ${workersOf(input)}`,
): Subject => ({
  name,
  role: "fanfold",
  module: new URL("fanfold.ts", import.meta.url),
  measure: race === "fanOut" ? "fanOutOnPostgres" : "latencyOnPostgres",
  input,
  figures,
  companion: server,
});

/** Both, on the settings that their manuals recommend for throughput. */
export const peersOnPostgres = (
  race: Race,
  input: Input,
  figures: readonly Figure[],
): readonly Subject[] =>
  (["graphile-worker", "pg-boss"] as const).map((name) => ({
    name: `${name}, ${workersOf(input)}`,
    role: "peer",
    module: new URL(`peers/${name}.ts`, import.meta.url),
    measure: race,
    input,
    figures,
    companion: serverForPeers,
  }));
