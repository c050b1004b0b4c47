/** The thread of lease-keeper.ts: a sign of life every third of a lease, for as long as the worker's own is due. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

import { type KeeperOrder, leftMs, nothing, times } from "./lease-keeper.ts";

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- leaseKeeper, which starts this thread, gives nothing else
const { url, token, worker, leaseMs, graceMs, said } = workerData as KeeperOrder;

const roundMs = Math.floor(leaseMs / 3);
const words = new Int32Array(said);

const agent = new Agent({ keepAlive: true });
const body = JSON.stringify({ worker, leaseMs: Math.ceil(leaseMs) });
const headers = {
  "content-type": "application/json",
  "content-length": Buffer.byteLength(body),
  ...(token !== undefined && { authorization: `Bearer ${token}` }),
};

/**
 * False: the session had ended. Undefined: nobody answered, so it is tried again next round.
 *
 * node:http and not fetch, which would cost every worker process 12 MB more (Node 24.21, 21 Nov 2026).
 */
function extend(): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(roundMs); // Two such rounds still fit into a lease.
    const sent = request(new URL("/v1/queue/extend", url), {
      agent,
      method: "POST",
      headers,
      signal,
    });
    sent.once("response", (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (answer += chunk));
      response.once("error", () => undefined); // "close" follows.
      response.once("close", () =>
        resolve(answer === "true" ? true : answer === "false" ? false : undefined),
      );
    });
    sent.once("error", () => resolve(undefined));
    sent.end(body);
  });
}

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
    const isAlive = await extend();
    if (wasAlive && isAlive === false) tell("lost");
    wasAlive = isAlive ?? wasAlive;
  }
  await sleep(roundMs);
}
