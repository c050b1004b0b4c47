/** Every engine with an outbox passes this: O1–O2 of ports/outbox.ts. */
import assert from "node:assert/strict";
import type { Outbox } from "../ports/outbox.ts";
import { type Bench, type Open, type Test, type Transaction, withBench } from "./given.ts";

const plenty = { records: 1_000, bytes: 1_000_000 };

export function outboxContract(test: Test, open: Open): void {
  const withAny = withBench(test, open);
  const promise = (
    title: string,
    body: (bench: Bench, outbox: Outbox, begin: () => Promise<Transaction>) => Promise<void>,
  ): void =>
    withAny(title, async (bench) => {
      const { outbox } = bench.engine;
      if (outbox === undefined) return;
      assert.ok(bench.begin, "a bench of an engine with an outbox begins transactions");
      await body(bench, outbox, bench.begin);
    });

  const put = async ({ query }: Transaction, outbox: Outbox, record: string): Promise<void> => {
    const { text, values } = outbox.put(0, record);
    await query(text, values);
  };

  promise(
    "O1 what was put is appended once, after its transaction",
    async (bench, outbox, begin) => {
      const { log } = bench.engine;
      await log.append(0, ["before"]);
      const mine = await begin();
      await put(mine, outbox, '{"a":"é🎈"}');
      assert.equal(await outbox.relay(0), 0);
      await mine.commit();
      const relayed = await Promise.all([outbox.relay(0), outbox.relay(0)]);
      assert.deepEqual(relayed.toSorted(), [0, 1]);
      assert.equal(await outbox.relay(0), 0);
      await log.append(0, ["after"]);
      const texts = (await log.read(0, 0, plenty)).map(({ text }) => text);
      assert.deepEqual(texts, ["before", '{"a":"é🎈"}', "after"]);
    },
  );

  promise("O1 what was rolled back is never appended", async (bench, outbox, begin) => {
    const mine = await begin();
    await put(mine, outbox, "no");
    await mine.rollback();
    assert.equal(await outbox.relay(0), 0);
    assert.equal(await bench.engine.log.end(0), 0);
  });

  promise("O2 an open transaction holds nobody up", async (bench, outbox, begin) => {
    const { log, store } = bench.engine;
    const [mine, other] = [await begin(), await begin()];
    await put(mine, outbox, "a");
    await put(other, outbox, "b");
    await log.append(0, ["meanwhile"]);
    assert.ok(await store.claim(0, "ann", 1_000));
    await other.commit();
    assert.equal(await outbox.relay(0), 1);
    await mine.commit();
    assert.equal(await outbox.relay(0), 1);
    const texts = (await log.read(0, 0, plenty)).map(({ text }) => text);
    assert.deepEqual(texts, ["meanwhile", "b", "a"]);
  });
}
