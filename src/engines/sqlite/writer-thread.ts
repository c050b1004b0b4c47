/** The thread of thread.ts: a connection of its own to the file, and a transaction for every message. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { openToWrite } from "./file.ts";
import { problemOf } from "./problems.ts";
import { end, type Order, type Reply } from "./thread.ts";
import { transactionOn } from "./transaction.ts";

assert(parentPort, "the writer runs on a thread");
const port = parentPort;
const db = openToWrite(String(workerData));
const transact = transactionOn(db);

function reply(message: Reply): void {
  port.postMessage(message); // oxlint-disable-line unicorn/require-post-message-target-origin -- a thread's port, not a window
}

function stop(): void {
  db.close();
  port.close();
}

port.on("message", (order: Order) => {
  if (order === end) {
    stop();
    return;
  }
  try {
    transact(order);
  } catch (error) {
    reply(problemOf(error));
    stop(); // What was begun is rolled back, and nothing is tried again.
    return;
  }
  reply("durable");
});
reply("ready");
