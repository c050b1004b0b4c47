import type { Outbox } from "../../ports/outbox.ts";
import { checkPartition, checkText } from "../memory/checks.ts";
import { encodeText } from "../text.ts";
import type { Database } from "./database.ts";
import { numberIn } from "../rows.ts";
import { statements } from "./statements.ts";

/** Records that one statement brings onto the log. */
const relayAtOnce = 1_000;

export function postgresOutbox(
  database: Database,
  partitions: number,
  hint: (partition: number) => void,
): Outbox {
  return {
    put(partition, text) {
      checkPartition(partition, partitions);
      checkText(text);
      return { text: statements.outbox.text, values: [partition, encodeText(text)] };
    },
    async relay(partition) {
      checkPartition(partition, partitions);
      const { rows } = await database.query(statements.relay, [partition, relayAtOnce]);
      const count = numberIn(rows[0], "count");
      if (count > 0) hint(partition);
      return count;
    },
  };
}
