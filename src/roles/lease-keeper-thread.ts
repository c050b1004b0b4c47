/** The thread of lease-keeper.ts: a sign of life every third of a lease, for as long as the worker's own is due. */
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

import type { Extend } from "../ports/engine.ts";
import { type KeeperOrder, leftMs, nothing, times } from "./lease-keeper.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- leaseKeeper, which starts this thread, gives nothing else
const { signs, worker, leaseMs, graceMs, said } = workerData as KeeperOrder;

const roundMs = Math.floor(leaseMs / 3);
const words = new Int32Array(said);

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Signs says so
const module = (await import(signs.module)) as { readonly signs: (given: unknown) => Extend };
const extend = module.signs(signs.given);

function tell(word: "running" | "lost"): void {
  parentPort?.postMessage(word); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread's port, not a window
}

let heard = -1;
let left = Infinity;
let wasAlive = false;
tell("running");
for (;;) {
  const count = Atomics.load(words, times);
  if (count === heard) left -= roundMs;
  else {
    heard = count;
    const told = Atomics.load(words, leftMs);
    left = told === nothing ? Infinity : told + graceMs;
  }
  if (left > 0) {
    const isAlive = await extend(worker, leaseMs, roundMs); // Two such rounds still fit into a lease.
    if (wasAlive && isAlive === false) tell("lost");
    wasAlive = isAlive ?? wasAlive;
  }
  await sleep(roundMs);
}
