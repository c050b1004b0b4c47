/** A worker's signs of life, shown from a thread of its own: see roles/lease-keeper.ts. */
import { Client } from "pg";
import type { Extend } from "../../ports/engine.ts";
import { statements } from "./statements.ts";

export type PostgresSigns = { readonly url: string };

/** Over a connection of its own, made anew when it broke. */
export function signs({ url }: PostgresSigns): Extend {
  let client: Client | undefined;

  async function connected(withinMs: number): Promise<Client> {
    if (client !== undefined) return client;
    const made = new Client({
      connectionString: url,
      application_name: "fanfold lease keeper",
      connectionTimeoutMillis: withinMs,
      query_timeout: withinMs,
      keepAlive: true,
    });
    made.on("error", () => {
      client = undefined;
    });
    await made.connect();
    client = made;
    return made;
  }

  return async (worker, leaseMs, withinMs) => {
    try {
      const { rowCount } = await (
        await connected(withinMs)
      ).query(statements.extend.text, [worker, leaseMs]);
      return rowCount === 1;
    } catch {
      client?.end().catch(() => undefined);
      client = undefined;
      return undefined;
    }
  };
}
