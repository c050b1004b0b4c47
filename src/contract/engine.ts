import assert from "node:assert/strict";
import type { Open, Test } from "./given.ts";
import { withBench } from "./given.ts";
import { logContract } from "./log.ts";
import { outboxContract } from "./outbox.ts";
import { queueContract } from "./queue.ts";
import { readersContract } from "./readers.ts";
import { sharesContract } from "./shares.ts";
import { storeContract } from "./store.ts";
import { viewsContract } from "./views.ts";

/** What every engine must pass, one test per promise and more. Runner-agnostic: hand it any `test(title, body)`. */
export function engineContract(test: Test, open: Open): void {
  logContract(test, open);
  queueContract(test, open);
  storeContract(test, open);
  readersContract(test, open);
  viewsContract(test, open);
  sharesContract(test, open);
  outboxContract(test, open);

  const promise = withBench(test, open);
  promise("close may be called twice and rejects nothing", async ({ engine }) => {
    await engine.log.append(0, ["a"]);
    await Promise.all([engine.close(), engine.close()]);
    await engine.close();
  });
  promise("a closed engine refuses every call", async ({ engine }) => {
    await engine.close();
    await assert.rejects(engine.log.append(0, ["a"]));
    await assert.rejects(engine.store.position(0));
    await assert.rejects(engine.queue.put([]));
    await assert.rejects(engine.views.checkpoint(0));
  });
}
