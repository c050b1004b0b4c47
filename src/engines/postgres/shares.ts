import type { Shares } from "../../ports/shares.ts";
import type { Database } from "./database.ts";
import { numberIn } from "../rows.ts";
import { statements } from "./statements.ts";

export function postgresShares(database: Database, partitions: number, hint: () => void): Shares {
  /** Of those that attended from here: others hear of the first time and of the last. */
  const attending = new Set<string>();
  return {
    async attend(holder, forMs) {
      const { rows } = await database.query(statements.attend, [holder, forMs]);
      const isNew = forMs > 0 && !attending.has(holder);
      if (forMs > 0) attending.add(holder);
      if (isNew || (forMs <= 0 && attending.delete(holder))) hint();
      const candidates = forMs > 0 ? [holder] : [];
      const holders = Array.from({ length: partitions }, (): string | undefined => undefined);
      let changesInMs = Infinity;
      for (const row of rows) {
        const name = typeof row["holder"] === "string" ? row["holder"] : undefined;
        if (name === undefined) continue;
        if (row["partition"] === null) candidates.push(name);
        else holders[numberIn(row, "partition")] = name;
        if (name !== holder) changesInMs = Math.min(changesInMs, numberIn(row, "left"));
      }
      return { candidates: candidates.toSorted(), holders, changesInMs };
    },
  };
}
