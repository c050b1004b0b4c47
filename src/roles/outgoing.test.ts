import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { UnavailableError } from "../errors.ts";
import { outgoing } from "./outgoing.ts";

const lease = { id: "lease-1", delivery: 1 } as const;

/** An engine that notes what is called, and whose log fails as often as it is told. */
function noting(failures: number) {
  const { log, queue } = memoryEngine({ clock: virtualClock() });
  const calls: string[] = [];
  let left = failures;
  return {
    calls,
    log: {
      ...log,
      async append(partition: number, texts: readonly string[]) {
        left -= 1;
        calls.push(`append ${texts.join(" ")}`);
        if (left >= 0) throw new UnavailableError("the disk is busy");
        return log.append(partition, texts);
      },
    },
    queue: {
      ...queue,
      async ack() {
        calls.push("ack");
        return 1;
      },
    },
  };
}

test("C18 a lease is over when what it led to is durable, and not before", async () => {
  const { calls, ...engine } = noting(0);
  const out = outgoing(engine, "w");
  out.record({ partition: 0, text: "{}" });
  out.over({ ...lease, task: splitTask });
  await out.flush();
  assert.deepEqual(calls, ["append {}", "ack"]);
  assert.ok(out.isEmpty());
});

test("C20 an outcome that could not be recorded is not lost, and its lease not over", async () => {
  const { calls, ...engine } = noting(2);
  const out = outgoing(engine, "w");
  out.record({ partition: 0, text: "1" });
  out.over({ ...lease, task: splitTask });
  await assert.rejects(out.flush(), UnavailableError);
  out.record({ partition: 0, text: "2" });
  await assert.rejects(out.flush(), UnavailableError);
  assert.ok(!out.isEmpty());
  await out.flush();
  assert.deepEqual(calls, ["append 1", "append 1 2", "append 1 2", "ack"]);
});

const splitTask = {
  kind: "split",
  queue: "default",
  partition: 0,
  run: "r",
  flow: "f",
  step: "all",
  generation: 1,
  priority: "normal",
  issue: 1,
  attempt: 1,
  size: 0,
} as const;
