/** Every engine's queue passes this: Q1–Q6 of ports/queue.ts. */
import assert from "node:assert/strict";
import type { Lease, Queue } from "../ports/queue.ts";
import { givenTask, type Open, type Test, withBench } from "./given.ts";

const leaseMs = 1_000;
const queues = ["default"];

export function queueContract(test: Test, open: Open): void {
  const promise = withBench(test, open);

  promise(
    "Q1 a leased task is handed to nobody else (C25)",
    async ({ engine: { queue }, advance }) => {
      await queue.put([givenTask("r")]);
      assert.deepEqual(runs(await take(queue, "ann")), ["r"]);
      await advance(leaseMs - 1);
      assert.deepEqual(await take(queue, "bob"), []);
      assert.deepEqual(await take(queue, "ann"), []);
    },
  );

  promise("Q1 a task comes back as it was put", async ({ engine: { queue } }) => {
    const task = { ...givenTask("r"), deadlineAt: 5, queue: "odd name / é" };
    await queue.put([task]);
    const [lease] = await queue.take("ann", [task.queue], 1, leaseMs);
    assert.deepEqual(lease?.task, task);
    assert.equal(lease?.delivery, 1);
  });

  promise("Q1 take hands out at most max, each once", async ({ engine: { queue } }) => {
    await queue.put(["a", "b", "c", "d", "e"].map((run) => givenTask(run)));
    const first = await queue.take("ann", queues, 2, leaseMs);
    const rest = await queue.take("bob", queues, 10, leaseMs);
    assert.equal(first.length, 2);
    assert.deepEqual([...runs(first), ...runs(rest)].toSorted(), ["a", "b", "c", "d", "e"]);
    assert.equal(new Set([...first, ...rest].map(({ id }) => id)).size, 5);
  });

  promise(
    "Q2 a session without a sign of life loses its tasks to others (C30, C31)",
    async (bench) => {
      const { queue } = bench.engine;
      await queue.put([givenTask("r"), givenTask("s")]);
      await take(queue, "ann");
      await bench.advance(leaseMs);
      const again = await take(queue, "bob");
      assert.deepEqual(runs(again).toSorted(), ["r", "s"]);
      assert.deepEqual(
        again.map(({ delivery }) => delivery),
        [2, 2],
      );
    },
  );

  for (const sign of ["extend", "take"] as const)
    promise(`Q2 ${sign} is a sign of life for all a worker holds`, async (bench) => {
      const { queue } = bench.engine;
      await queue.put([givenTask("r"), givenTask("s")]);
      const held = [
        ...(await queue.take("ann", queues, 1, leaseMs)),
        ...(await queue.take("ann", queues, 1, leaseMs)),
      ];
      for (let time = 0; time < 5; time += 1) {
        await bench.advance(leaseMs - 1);
        if (sign === "extend") assert.equal(await queue.extend("ann", leaseMs), true);
        else assert.deepEqual(await take(queue, "ann"), []);
      }
      assert.deepEqual(await take(queue, "bob"), []);
      assert.equal(await queue.ack("ann", held), 2);
    });

  promise("Q2 extend says false when the session had ended", async (bench) => {
    const { queue } = bench.engine;
    assert.equal(await queue.extend("nobody", leaseMs), false);
    await queue.put([givenTask("r")]);
    await take(queue, "ann");
    await bench.advance(leaseMs);
    assert.equal(await queue.extend("ann", leaseMs), false);
    assert.deepEqual(runs(await take(queue, "bob")), ["r"]);
  });

  promise("Q2 one session ends, the other goes on", async ({ engine: { queue }, advance }) => {
    await queue.put([givenTask("r"), givenTask("s")]);
    const [ann] = await queue.take("ann", queues, 1, leaseMs);
    const [bob] = await queue.take("bob", queues, 1, leaseMs * 10);
    await advance(leaseMs);
    assert.deepEqual(runs(await take(queue, "cid")), [ann?.task.run]);
    assert.equal(await queue.ack("bob", bob === undefined ? [] : [bob]), 1);
  });

  promise("Q2 sessions that end one after the other are each noticed", async (bench) => {
    const { queue } = bench.engine;
    await queue.put([givenTask("r"), givenTask("s")]);
    await queue.take("ann", queues, 1, leaseMs);
    await queue.take("bob", queues, 1, leaseMs * 2);
    await bench.advance(leaseMs);
    assert.equal(await queue.extend("ann", leaseMs), false);
    await bench.advance(leaseMs);
    assert.equal(await queue.extend("bob", leaseMs), false);
    assert.equal((await take(queue, "cid")).length, 2);
  });

  for (const act of ["ack", "release"] as const) {
    promise(`Q3 ${act} of a lost lease changes nothing and counts 0`, async (bench) => {
      const { queue } = bench.engine;
      await queue.put([givenTask("r")]);
      const lost = await take(queue, "ann");
      await bench.advance(leaseMs);
      assert.equal(await queue[act]("ann", lost), 0);
      const held = await take(queue, "bob");
      assert.deepEqual(runs(held), ["r"]);
      assert.equal(await queue[act]("ann", lost), 0);
      assert.deepEqual(await take(queue, "cid"), []);
      assert.equal(await queue.ack("bob", held), 1);
    });

    promise(`Q3 ${act} of a lease of an earlier session counts 0`, async (bench) => {
      const { queue } = bench.engine;
      await queue.put([givenTask("r")]);
      const lost = await take(queue, "ann");
      await bench.advance(leaseMs);
      const held = await take(queue, "ann");
      assert.deepEqual(runs(held), ["r"]);
      assert.equal(await queue[act]("ann", lost), 0);
      assert.equal(await queue.ack("ann", held), 1);
    });

    promise(`Q3 ${act} counts only what was still held`, async ({ engine: { queue } }) => {
      await queue.put([givenTask("r"), givenTask("s")]);
      const held = await take(queue, "ann");
      assert.equal(await queue.ack("ann", held.slice(0, 1)), 1);
      assert.equal(await queue[act]("ann", held), 1);
      assert.equal(await queue[act]("ann", held), 0);
    });

    promise(`Q3 ${act} by another worker counts 0`, async ({ engine: { queue } }) => {
      await queue.put([givenTask("r")]);
      const held = await take(queue, "ann");
      await take(queue, "bob");
      assert.equal(await queue[act]("bob", held), 0);
      assert.equal(await queue.ack("ann", held), 1);
    });
  }

  promise("Q4 a released task may be taken at once, same delivery", async (bench) => {
    const { queue } = bench.engine;
    await queue.put([givenTask("r")]);
    assert.equal(await queue.release("ann", await take(queue, "ann")), 1);
    const [again] = await take(queue, "bob");
    assert.equal(again?.task.run, "r");
    assert.equal(again?.delivery, 1);
  });

  promise("Q4 a released task keeps the delivery it had lost before", async (bench) => {
    const { queue } = bench.engine;
    await queue.put([givenTask("r")]);
    await take(queue, "ann");
    await bench.advance(leaseMs);
    assert.equal(await queue.release("bob", await take(queue, "bob")), 1);
    const [again] = await take(queue, "cid");
    assert.equal(again?.delivery, 2);
  });

  promise("Q5 an acked task is never handed out again", async ({ engine: { queue }, advance }) => {
    await queue.put([givenTask("r")]);
    const held = await take(queue, "ann");
    assert.equal(await queue.ack("ann", held), 1);
    await advance(leaseMs * 10);
    assert.deepEqual(await take(queue, "bob"), []);
    assert.deepEqual(await take(queue, "ann"), []);
  });

  promise("Q6 take returns tasks of the named queues only", async ({ engine: { queue } }) => {
    await queue.put([givenTask("m", { queue: "mail" }), givenTask("p", { queue: "print" })]);
    assert.deepEqual(await queue.take("ann", ["fax"], 10, leaseMs), []);
    assert.deepEqual(await queue.take("ann", [], 10, leaseMs), []);
    assert.deepEqual(runs(await queue.take("ann", ["print"], 10, leaseMs)), ["p"]);
    assert.deepEqual(runs(await queue.take("ann", ["print", "mail"], 10, leaseMs)), ["m"]);
  });

  promise("Q6 of one queue, urgent before high before normal before low", async (bench) => {
    const { queue } = bench.engine;
    for (const priority of ["normal", "low", "urgent", "high"] as const)
      await queue.put([givenTask(priority, { priority })]);
    const taken: string[] = [];
    for (let time = 0; time < 4; time += 1)
      taken.push(...runs(await queue.take("ann", queues, 1, leaseMs)));
    assert.deepEqual(taken, ["urgent", "high", "normal", "low"]);
  });
}

async function take(queue: Queue, worker: string): Promise<readonly Lease[]> {
  return queue.take(worker, queues, 10, leaseMs);
}

function runs(leases: readonly Lease[]): readonly string[] {
  return leases.map(({ task }) => task.run);
}
