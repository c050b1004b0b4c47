/** A thread of simulateMany: simulates the seeds it is asked for. */
import { parentPort } from "node:worker_threads";
import type { Answer, Ask } from "./many.ts";
import { simulate, type Report } from "./world.ts";

parentPort?.on("message", ({ from, count }: Ask) => {
  void answer(from, count).then(
    (reports) => parentPort?.postMessage({ reports } satisfies Answer), // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread, not a window
  );
});

async function answer(from: number, count: number): Promise<readonly Report[]> {
  const reports: Report[] = [];
  for (let seed = from; seed < from + count; seed += 1) reports.push((await simulate(seed)).report);
  return reports;
}
