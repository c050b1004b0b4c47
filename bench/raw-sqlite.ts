/**
 * How fast the SQLite engine appends and commits, without managers and workers: events of 300 bytes as JSON, durable.
 *
 *   node bench/raw-sqlite.ts [folder]     a folder on the disk in question; default: the system's for temporary files
 */
import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile } from "../src/engines/sqlite/file.ts";
import { sqliteEngine } from "../src/engines/sqlite/engine.ts";
import { systemClock } from "../src/engines/system.ts";
import { assert } from "../src/errors.ts";
import type { Engine } from "../src/ports/engine.ts";

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "fanfold-bench-"));
const clock = systemClock();
const turnMs = 1_500;
const events = Array.from({ length: 1_000 }, (_, index) => ({
  index,
  customer: `customer-${index}`,
  filler: "x".repeat(300 - 49 - 2 * `${index}`.length),
}));

type Line = { readonly what: string; readonly events: number; readonly once: () => Promise<void> };

/** Runs one thing over and over, and says how many events a second that is. */
async function perSecond({ events: each, once }: Line): Promise<number> {
  await once();
  const start = clock.now();
  let times = 0;
  for (; clock.now() - start < turnMs; times += 1) await once();
  return (times * each * 1_000) / (clock.now() - start);
}

function pageOf(count: number): string {
  return JSON.stringify(events.slice(0, count));
}

async function lines({ log, store }: Engine): Promise<readonly Line[]> {
  let claim = await store.claim(0, "bench", 60_000);
  const raw = openSync(join(folder, "raw"), "a");
  const value = "v".repeat(10_000);
  return [
    {
      what: "raw file: write + fdatasync, 300 B",
      events: 1,
      async once() {
        writeSync(raw, pageOf(1));
        fdatasyncSync(raw);
      },
    },
    {
      what: "raw file: write + fdatasync, page of 1,000",
      events: 1_000,
      async once() {
        writeSync(raw, pageOf(1_000));
        fdatasyncSync(raw);
      },
    },
    ...[1, 10, 100, 333, 1_000].map((count) => ({
      what: `append, one page of ${count} per turn`,
      events: count,
      once: async () => void (await log.append(0, [pageOf(count)])),
    })),
    ...[10, 100, 1_000].map((count) => ({
      what: `append, ${count} records in one call`,
      events: count,
      once: async () =>
        void (await log.append(
          0,
          events.slice(0, count).map((event) => JSON.stringify(event)),
        )),
    })),
    {
      what: "append, 1,000 calls in one turn",
      events: 1_000,
      async once() {
        await Promise.all(events.map((event) => log.append(0, [JSON.stringify(event)])));
      },
    },
    {
      what: "commit: 1 page of 1,000 in, 1 value of 10 kB, 2 events out",
      events: 1_000,
      async once() {
        assert(claim, "the bench has the claim");
        const to = (await log.append(0, [pageOf(1_000)])) + 1;
        const out = [pageOf(1), pageOf(1)];
        const puts = [["run/1/ledger", value]] as const;
        claim = await store.commit(claim, { to, puts, events: out, tasks: [], wakeAt: undefined });
      },
    },
  ];
}

const file = openFile(join(folder, "bench.db"), { name: "bench", since: clock.now() });
const engine = sqliteEngine(file, {
  clock,
  onFatal: (error) => {
    throw error;
  },
});
const report: string[] = [];
for (const line of await lines(engine)) {
  const rate = await perSecond(line);
  const shown = Math.round(rate).toLocaleString("en").padStart(10);
  const ms = ((line.events * 1_000) / rate).toFixed(2).padStart(6);
  report.push(`${shown} events/s ${ms} ms each   ${line.what}`);
}
await engine.close();
rmSync(folder, { recursive: true });
process.stdout.write(`${report.join("\n")}\n`);
