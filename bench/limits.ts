/** What a figure is measured against: the loop without any durability, and the store without any loop. */
import { join } from "node:path";
import { openFile, openFileToRead } from "../src/engines/sqlite/file.ts";
import { numberOf, throughput, work, type Contestant, type Lap, type Setup } from "./fan-out.ts";
import type { Measure } from "./harness.ts";
import { median } from "./statistics.ts";

async function plainLoop({ slots, sleepMs }: Setup): Promise<Contestant> {
  return {
    async run(_id, items): Promise<Lap> {
      const firstStepAt = performance.now();
      let next = 0;
      let count = 0;
      let sum = 0;
      async function slot(): Promise<void> {
        while (next < items) {
          const n = next;
          next += 1;
          const result = await work(n, sleepMs); // oxlint-disable-line no-await-in-loop -- a slot does one thing at a time
          sum += result;
          count += 1;
        }
      }
      await Promise.all(Array.from({ length: Math.min(slots, items) }, slot));
      const lastOutcomeAt = performance.now();
      return { count, sum, firstStepAt, lastOutcomeAt, joinedAt: performance.now() };
    },
    close: async () => undefined,
  };
}

/** A loop that awaits the same functions in as many slots, and remembers nothing. */
export const loop: Measure = throughput(plainLoop);

/**
 * Writes the records of a finished file into a fresh one, a commit each, with the engine's own settings: what is left when
 * everything but the store is taken away. Returns the seconds it took; the bytes are in memory before the clock starts.
 */
export function secondsToAppendAgain(source: string, target: string): number {
  const from = openFileToRead(source);
  const rows = from.db.prepare("select id, at, text from log order by id").all();
  from.close();
  const records = rows.map(({ id, at, text }) => [Number(id), Number(at), String(text)] as const);
  const to = openFile(target, { name: "bench", since: 0 });
  const insert = to.db.prepare("insert into log values (?, ?, ?)");
  const start = performance.now();
  for (const record of records) insert.run(...record);
  const seconds = (performance.now() - start) / 1_000;
  to.close();
  return seconds;
}

/** What nobody who answers after a commit can go below: one small row, durable, alone. */
export const oneCommit: Measure = async (input, folder) => {
  const file = openFile(join(folder, "limit.db"), { name: "bench", since: 0 });
  const insert = file.db.prepare("insert into log values (?, 0, ?)");
  const took: number[] = [];
  for (let id = 0; id < numberOf(input, "repeats", 200); id += 1) {
    const from = performance.now();
    insert.run(id, '{"type":"run.started","run":"run-0","flow":"race","input":{"items":10}}');
    took.push(performance.now() - from);
  }
  file.close();
  return { startMs: median(took), nextMs: median(took) };
};
