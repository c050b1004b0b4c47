/**
 * Loads that are asked for in the same moment travel together: who works looks at every partition's pauses before it begins
 * anything, and a connection and a round trip for each of them is what its slots would wait for.
 */
import type { Value } from "../../ports/store.ts";
import { numberIn, type Row, textIn } from "../rows.ts";
import { decodeKey, encodeKey } from "../keys.ts";
import { numberArray, textArray } from "./arrays.ts";
import type { Database } from "./database.ts";
import { statements } from "./statements.ts";

/** Keys of one statement, unless a single load has more: bounds its answer, as a page of the ledger is up to 18 KB. */
const keysAtOnce = 500;

type Load = {
  readonly partition: number;
  readonly keys: readonly string[];
  readonly resolve: (values: readonly (Value | undefined)[]) => void;
  readonly reject: (error: unknown) => void;
};

/** The values of these keys, in their order. */
export function postgresLoads(
  database: Database,
): (partition: number, keys: readonly string[]) => Promise<readonly (Value | undefined)[]> {
  let waiting: Load[] = [];

  function flush(): void {
    let batch: Load[] = [];
    let keys = 0;
    const all = waiting;
    waiting = [];
    for (const load of all) {
      if (batch.length > 0 && keys + load.keys.length > keysAtOnce) {
        void answer(batch);
        batch = [];
        keys = 0;
      }
      batch.push(load);
      keys += load.keys.length;
    }
    void answer(batch);
  }

  async function answer(batch: readonly Load[]): Promise<void> {
    try {
      const partitions = batch.flatMap(({ partition, keys }) => keys.map(() => partition));
      const keys = batch.flatMap((load) => load.keys.map(encodeKey));
      const { rows } = await database.query(statements.load, [
        numberArray(partitions),
        textArray(keys),
      ]);
      const values = new Map(rows.map((row) => [nameOf(row), valueIn(row)]));
      for (const load of batch)
        load.resolve(load.keys.map((key) => values.get(`${load.partition}/${key}`)));
    } catch (error) {
      for (const load of batch) load.reject(error);
    }
  }

  return async (partition, keys) =>
    new Promise((resolve, reject) => {
      waiting.push({ partition, keys, resolve, reject });
      if (waiting.length === 1) queueMicrotask(flush);
    });
}

function nameOf(row: Row): string {
  return `${numberIn(row, "partition")}/${decodeKey(textIn(row, "key"))}`;
}

export function valueIn(row: Row): Value {
  const { bytes } = row;
  return bytes instanceof Uint8Array ? bytes : textIn(row, "body");
}
