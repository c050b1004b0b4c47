/** What readers of the log keep in every engine's store passes this: S7 and S8 of ports/store.ts. */
import assert from "node:assert/strict";
import { keys } from "../core/ids.ts";
import { ConflictError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import type { Kept } from "../ports/store.ts";
import { type Open, type Test, withBench } from "./given.ts";

export function readersContract(test: Test, open: Open): void {
  const promise = withBench(test, open);

  promise("S7 keep stores checkpoint and puts, and removes", async ({ engine }) => {
    const { store } = engine;
    const [checkpoint, a, b] = [
      keys.reader("tell"),
      keys.reader("tell", "a"),
      keys.reader("tell", "b"),
    ];
    assert.deepEqual(await store.load(0, [checkpoint]), [undefined]);
    await keep(engine, "tell", {
      from: undefined,
      to: 3,
      puts: [
        ["a", "1"],
        ["b", "2"],
      ],
    });
    assert.deepEqual(await store.load(0, [checkpoint, a, b]), ["3", "1", "2"]);
    await keep(engine, "tell", { from: 3, to: 3, puts: [["a", undefined]] });
    assert.deepEqual(await store.load(0, [checkpoint, a, b]), ["3", undefined, "2"]);
    assert.deepEqual(await store.scan(0, keys.reader("tell", ""), 9), [[b, "2"]]);
  });

  promise("S7 from another checkpoint it changes nothing", async ({ engine }) => {
    const { store } = engine;
    const first = { to: 3, puts: [["a", "1"]] } as const;
    await assert.rejects(keep(engine, "tell", { ...first, from: 0 }), ConflictError);
    await keep(engine, "tell", { ...first, from: undefined });
    for (const from of [undefined, 0, 2, 4])
      await assert.rejects(
        keep(engine, "tell", { from, to: 9, puts: [["a", "2"]] }),
        ConflictError,
      );
    assert.deepEqual(await store.load(0, [keys.reader("tell"), keys.reader("tell", "a")]), [
      "3",
      "1",
    ]);
  });

  promise("S7 of two at the same time from one checkpoint, one conflicts", async (bench) => {
    const { engine } = bench;
    const ends = await Promise.allSettled(
      [1, 2].map((to) => keep(engine, "tell", { from: undefined, to, puts: [] })),
    );
    assert.deepEqual(ends.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  });

  promise("S7 readers and the manager leave each other alone", async ({ engine }) => {
    const { store, partitions } = engine;
    const mine = await store.claim(0, "ann", 5_000);
    assert.ok(mine);
    await keep(engine, "tell", { from: undefined, to: 1, puts: [["a", "1"]] });
    await keep(engine, "teller", { from: undefined, to: 2, puts: [["a", "2"]] });
    await store.commit(mine, {
      to: 0,
      puts: [["a", "3"]],
      events: [],
      tasks: [],
      wakeAt: undefined,
    });
    assert.deepEqual(
      await store.load(0, [keys.reader("tell", "a"), keys.reader("teller", "a"), "a"]),
      ["1", "2", "3"],
    );
    if (partitions > 1) assert.deepEqual(await store.load(1, [keys.reader("tell")]), [undefined]);
  });

  promise("S7 what a reader kept is there after reopening", async (bench) => {
    if (bench.reopen === undefined) return;
    await keep(bench.engine, "tell", { from: undefined, to: 3, puts: [["a", "1"]] });
    const { engine } = await bench.reopen();
    const { store } = engine;
    await assert.rejects(keep(engine, "tell", { from: undefined, to: 4, puts: [] }), ConflictError);
    await keep(engine, "tell", { from: 3, to: 4, puts: [] });
    assert.deepEqual(await store.load(0, [keys.reader("tell"), keys.reader("tell", "a")]), [
      "4",
      "1",
    ]);
    await engine.close();
  });

  promise("S8 what was read of another past of the log is refused", async ({ engine }) => {
    const { store } = engine;
    const another = { past: "another", puts: [["a", "2"]] } as const;
    const first = store.keep(0, "tell", { ...another, from: undefined, to: 1 });
    await assert.rejects(first, ConflictError);
    await keep(engine, "tell", { from: undefined, to: 1, puts: [["a", "1"]] });
    await assert.rejects(store.keep(0, "tell", { ...another, from: 1, to: 2 }), ConflictError);
    assert.deepEqual(await store.load(0, [keys.reader("tell"), keys.reader("tell", "a")]), [
      "1",
      "1",
    ]);
    await keep(engine, "tell", { from: 1, to: 2, puts: [] });
  });
}

async function keep(
  { log, store }: Engine,
  reader: string,
  kept: Omit<Kept, "past">,
): Promise<void> {
  await store.keep(0, reader, { ...kept, past: await log.past(0) });
}
