/** What is left of a world, read by the independent checker as if it were a file. */
import { checkRaw } from "../check/check.ts";
import { isOfLostLog } from "../check/failover.ts";
import type { Raw } from "../check/store.ts";
import type { Engine } from "../ports/engine.ts";
import type { People } from "./people.ts";
import type { Witness } from "./witness.ts";

/** What the checker finds, in words. */
export async function checkLeft(
  engine: Engine,
  { acknowledged: started, over: ended }: Pick<People, "acknowledged" | "over">,
  { ran }: Pick<Witness, "ran">,
  hasFailedOver: boolean,
): Promise<readonly string[]> {
  const seen = { started, ended, cancelled: new Set<string>(), ran };
  const { violations } = checkRaw(await rawOf(engine), "the world", seen);
  return violations
    .filter((one) => !hasFailedOver || !isOfLostLog(one))
    .map(
      ({ guarantee, where, expected, got }) =>
        `the checker, ${guarantee}: ${where}: expected ${expected}, got ${got}`,
    );
}

async function rawOf({ log, store, views, partitions }: Engine): Promise<Raw> {
  const rows = await views.runs({ limit: Number.MAX_SAFE_INTEGER });
  const numbers = Array.from({ length: partitions }, (_, number) => number);
  return {
    partitions: await Promise.all(
      numbers.map(async (number) => {
        const entries = await log.read(number, 0, { records: Infinity, bytes: Infinity });
        const { offset } = await store.position(number);
        const all = await store.scan(number, "", Number.MAX_SAFE_INTEGER);
        return {
          number,
          consumed: offset,
          viewed: await views.checkpoint(number),
          trimmed: 0,
          log: () => entries,
          state: new Map(all.filter(([key]) => !key.startsWith("index/"))),
        };
      }),
    ),
    rows: new Map(rows.map((row) => [row.run, JSON.stringify(row)])),
    damage: [],
    isEmpty: false,
    close: () => undefined,
  };
}
