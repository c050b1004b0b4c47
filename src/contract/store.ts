/** Every engine's store passes this: S1–S6 and S9 of ports/store.ts. */
import assert from "node:assert/strict";
import { ConflictError } from "../errors.ts";
import type { Claim, Commit, Store } from "../ports/store.ts";
import { givenTask, type Open, type Test, withBench } from "./given.ts";

const claimMs = 5_000;
const plenty = { records: 1_000, bytes: 1_000_000 };

export function storeContract(test: Test, open: Open): void {
  const promise = withBench(test, open);

  promise("S1 a partition is claimed by one holder at a time", async (bench) => {
    const { store } = bench.engine;
    await claim(store, "ann");
    await bench.advance(claimMs - 1);
    assert.equal(await store.claim(0, "bob", claimMs), undefined);
  });

  promise("S1 an expired claim may be taken over, with a higher epoch", async (bench) => {
    const { store } = bench.engine;
    const ann = await claim(store, "ann");
    await bench.advance(claimMs);
    const bob = await claim(store, "bob");
    assert.ok(bob.epoch > ann.epoch, `${bob.epoch} is above ${ann.epoch}`);
  });

  promise("S1 claiming again as the same holder is the same right", async (bench) => {
    const { store } = bench.engine;
    const first = await claim(store, "ann");
    await bench.advance(claimMs - 1);
    assert.deepEqual(await claim(store, "ann"), first);
    await bench.advance(claimMs - 1);
    assert.equal(await store.claim(0, "bob", claimMs), undefined);
  });

  promise("S1 the epoch rises across reopening", async (bench) => {
    if (bench.reopen === undefined) return;
    const first = await claim(bench.engine.store, "ann");
    const later = await bench.reopen();
    await later.advance(claimMs);
    const next = await claim(later.engine.store, "bob");
    assert.ok(next.epoch > first.epoch, `${next.epoch} is above ${first.epoch}`);
    await later.engine.close();
  });

  promise("S1 a claim given up need not be waited for (C67)", async ({ engine: { store } }) => {
    const ann = await claim(store, "ann");
    await store.resign(ann, "ann");
    const bob = await claim(store, "bob");
    assert.ok(bob.epoch > ann.epoch, `${bob.epoch} is above ${ann.epoch}`);
    await store.resign(ann, "ann"); // It is not hers any more.
    assert.equal(await store.claim(0, "cid", claimMs), undefined);
  });

  promise("S1 each partition is claimed for itself", async ({ engine }) => {
    for (let partition = 0; partition < engine.partitions; partition += 1)
      assert.ok(await engine.store.claim(partition, `holder of ${partition}`, claimMs));
  });

  promise(
    "S2 a commit stores offset, puts and wakeAt, and appends its events (C13)",
    async (bench) => {
      const { log, store } = bench.engine;
      await log.append(0, ["in"]);
      const before = await claim(store, "ann");
      const bytes = new Uint8Array([0, 255, 7]);
      const after = await store.commit(
        before,
        step(1, {
          puts: [
            ["text", '{"a":"é🎈"}'],
            ["bytes", bytes],
            ["empty", ""],
          ],
          events: ["out 1", "out 2"],
          wakeAt: 77.5,
        }),
      );
      assert.deepEqual(after, { ...before, offset: 1, written: after.written });
      assert.deepEqual(await store.load(0, ["text", "bytes", "none", "empty"]), [
        '{"a":"é🎈"}',
        bytes,
        undefined,
        "",
      ]);
      assert.deepEqual(await store.position(0), { offset: 1, wakeAt: 77.5 });
      const texts = (await log.read(0, 0, plenty)).map(({ text }) => text);
      assert.deepEqual(texts, ["in", "out 1", "out 2"]);
    },
  );

  promise("S9 a commit says where its events stand, and when", async ({ engine, advance }) => {
    const { log, store } = engine;
    await log.append(0, ["in 0", "in 1"]);
    const nothing = await store.commit(await claim(store, "ann"), step(1, {}));
    assert.equal(nothing.written, undefined);
    await log.append(0, ["in 2"]);
    await advance(5);
    const { written } = await store.commit(nothing, step(2, { events: ["out 0", "out 1"] }));
    assert.equal(written?.first, 3);
    assert.deepEqual(await log.read(0, written.first, plenty), [
      { offset: 3, at: written.at, text: "out 0" },
      { offset: 4, at: written.at, text: "out 1" },
    ]);
  });

  promise("S2 what was committed is there after reopening", async (bench) => {
    if (bench.reopen === undefined) return;
    await bench.engine.log.append(0, ["in"]);
    const before = await claim(bench.engine.store, "ann");
    const puts = [
      ["a", "1"],
      ["b", new Uint8Array([1])],
    ] as const;
    await bench.engine.store.commit(before, step(1, { puts, events: ["out"], wakeAt: 9 }));
    const { engine } = await bench.reopen();
    assert.deepEqual(await engine.store.load(0, ["a", "b"]), ["1", new Uint8Array([1])]);
    assert.deepEqual(await engine.store.position(0), { offset: 1, wakeAt: 9 });
    assert.equal(await engine.log.end(0), 2);
    await engine.close();
  });

  promise("S2 undefined removes, a later put replaces", async ({ engine: { store } }) => {
    let mine = await claim(store, "ann");
    const puts = ["a", "b"].map((key) => [key, "old"] as const);
    mine = await store.commit(mine, step(0, { puts }));
    await store.commit(
      mine,
      step(0, {
        puts: [
          ["a", undefined],
          ["b", "new"],
          ["c", undefined],
        ],
      }),
    );
    assert.deepEqual(await store.load(0, ["a", "b", "c"]), [undefined, "new", undefined]);
  });

  const refused = (title: string, spoil: (bench: Spoil) => Promise<Claim>): void =>
    promise(title, async ({ engine, advance }) => {
      const { log, store, queue } = engine;
      await log.append(0, ["in", "in"]);
      const stale = await spoil({ store, mine: await claim(store, "ann"), advance });
      const position = await store.position(0);
      const end = await log.end(0);
      const commit = step(2, {
        puts: [["key", "wrong"]],
        events: ["wrong"],
        tasks: [givenTask("wrong")],
        wakeAt: 1,
      });
      await assert.rejects(store.commit(stale, commit), ConflictError);
      assert.deepEqual(await store.position(0), position);
      assert.equal(await log.end(0), end);
      assert.deepEqual(await store.load(0, ["key"]), [undefined]);
      assert.deepEqual(await queue.take("w", ["default"], 10, 1_000), []);
    });

  refused(
    "S3 a commit after a takeover conflicts and changes nothing (C34, C69)",
    async (spoil) => {
      await spoil.advance(claimMs);
      await claim(spoil.store, "bob");
      return spoil.mine;
    },
  );

  refused("S3 a commit after resigning conflicts and changes nothing", async (spoil) => {
    await spoil.store.resign(spoil.mine, "ann");
    return spoil.mine;
  });

  refused("S3 a commit from a passed offset conflicts and changes nothing (C68)", async (spoil) => {
    await spoil.store.commit(spoil.mine, step(1, {}));
    return spoil.mine;
  });

  promise("S3 of two commits at the same time from one offset, one conflicts", async (bench) => {
    const { log, store } = bench.engine;
    await log.append(0, ["in"]);
    const mine = await claim(store, "ann");
    const ends = await Promise.allSettled([
      store.commit(mine, step(1, { events: ["first"] })),
      store.commit(mine, step(1, { events: ["second"] })),
    ]);
    assert.deepEqual(ends.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    assert.equal(await log.end(0), 2);
  });

  promise("S3 a committing holder keeps its claim", async ({ engine: { store }, advance }) => {
    let mine = await claim(store, "ann");
    for (let time = 0; time < 3; time += 1) {
      await advance(claimMs - 1);
      mine = await store.commit(mine, step(0, {}));
      assert.equal(await store.claim(0, "bob", claimMs), undefined);
    }
  });

  promise("S4 when a commit resolves its tasks can be taken", async ({ engine }) => {
    const mine = await claim(engine.store, "ann");
    await engine.store.commit(mine, step(0, { tasks: [givenTask("r"), givenTask("s")] }));
    const taken = await engine.queue.take("w", ["default"], 10, 1_000);
    assert.deepEqual(taken.map(({ task }) => task.run).toSorted(), ["r", "s"]);
  });

  promise("S5 scan returns a prefix in order of keys", async ({ engine: { store } }) => {
    const keys = ["r/1", "r/10", "r/2", "r", "r0", "s/1", "q/9", ""];
    await put(store, keys);
    assert.deepEqual(await scan(store, "r/"), ["r/1", "r/10", "r/2"]);
    assert.deepEqual(await scan(store, ""), keys.toSorted());
    assert.deepEqual(await store.scan(0, "s", 10), [["s/1", "value of s/1"]]);
    assert.deepEqual(await scan(store, "none"), []);
  });

  promise("S5 scan goes on after a key, at most max", async ({ engine: { store } }) => {
    await put(store, ["p/a", "p/b", "p/c", "p/d", "o", "q"]);
    assert.deepEqual(await scan(store, "p/", 2), ["p/a", "p/b"]);
    assert.deepEqual(await scan(store, "p/", 2, "p/b"), ["p/c", "p/d"]);
    assert.deepEqual(await scan(store, "p/", 2, "p/d"), []);
    assert.deepEqual(await scan(store, "p/", 9, "p/bb"), ["p/c", "p/d"]);
    assert.deepEqual(await scan(store, "p/", 9, "a"), ["p/a", "p/b", "p/c", "p/d"]);
    assert.deepEqual(await scan(store, "p/", 9, "z"), []);
  });

  promise("S5 scan sees what came and went since the last scan", async ({ engine: { store } }) => {
    await put(store, ["b", "c"]);
    assert.deepEqual(await scan(store, ""), ["b", "c"]);
    await put(store, ["a"]);
    assert.deepEqual(await scan(store, ""), ["a", "b", "c"]);
    await store.commit(await claim(store, "ann"), step(0, { puts: [["b", undefined]] }));
    assert.deepEqual(await scan(store, ""), ["a", "c"]);
  });

  promise("S5 the order of keys is by code unit, for any text", async ({ engine: { store } }) => {
    const keys = [
      "é",
      "z",
      "Z",
      "\uE000",
      "\uFFFF",
      "🎈",
      "🎈x",
      "\uD83C",
      "a\u0000b",
      "a",
      "\uE000\u0001",
    ];
    await put(store, keys);
    assert.deepEqual(await scan(store, ""), keys.toSorted());
    assert.deepEqual(await scan(store, "🎈"), ["🎈", "🎈x"]);
    assert.deepEqual(await scan(store, "\uD83C"), ["\uD83C", "🎈", "🎈x"]);
    assert.deepEqual(await scan(store, "", 99, "🎈x"), ["\uE000", "\uE000\u0001", "\uFFFF"]);
    assert.deepEqual(await store.load(0, ["🎈", "\uE000"]), ["value of 🎈", "value of \uE000"]);
  });

  promise("S5 the keys of a partition are its own", async ({ engine: { store, partitions } }) => {
    for (let partition = 0; partition < partitions; partition += 1)
      await put(store, ["key"], partition);
    for (let partition = 0; partition < partitions; partition += 1)
      assert.equal((await store.scan(partition, "", 10)).length, 1);
  });

  promise("S5 loads at once get each what they asked for", async ({ engine }) => {
    const { store, partitions } = engine;
    const own = Array.from({ length: partitions }, (_, partition) => `only ${partition}`);
    for (const [partition, key] of own.entries()) await put(store, ["key", key], partition);
    const many = Array.from({ length: 700 }, (_, n) => `none ${n}`);
    const loaded = await Promise.all(
      own.flatMap((key, partition) => [
        store.load(partition, [key, "key", key]),
        store.load(partition, [`only ${partition + 1}`, ...many]),
        store.load(partition, []),
      ]),
    );
    for (const [partition, key] of own.entries()) {
      const [mine, others, nothing] = loaded.slice(3 * partition);
      assert.deepEqual(mine, [`value of ${key}`, "value of key", `value of ${key}`]);
      assert.deepEqual(new Set(others), new Set([undefined]));
      assert.deepEqual(nothing, []);
    }
  });

  promise("S6 position says what the last commit said", async ({ engine: { store } }) => {
    assert.deepEqual(await store.position(0), { offset: 0, wakeAt: undefined });
    let mine = await claim(store, "ann");
    mine = await store.commit(mine, step(0, { wakeAt: 5 }));
    assert.equal((await store.position(0)).wakeAt, 5);
    await store.commit(mine, step(0, {}));
    assert.equal((await store.position(0)).wakeAt, undefined);
  });
}

type Spoil = {
  readonly store: Store;
  readonly mine: Claim;
  readonly advance: (ms: number) => Promise<void> | void;
};

function step(to: number, more: Partial<Commit>): Commit {
  return { to, puts: [], events: [], tasks: [], wakeAt: undefined, ...more };
}

async function claim(store: Store, holder: string, partition = 0): Promise<Claim> {
  const mine = await store.claim(partition, holder, claimMs);
  assert.ok(mine, `${holder} gets the claim`);
  return mine;
}

async function put(store: Store, keys: readonly string[], partition = 0): Promise<void> {
  const puts = keys.map((key) => [key, `value of ${key.toWellFormed()}`] as const);
  await store.commit(await claim(store, "ann", partition), step(0, { puts }));
}

async function scan(
  store: Store,
  prefix: string,
  max = 99,
  after?: string,
): Promise<readonly string[]> {
  const pairs = await store.scan(0, prefix, max, after);
  return pairs.map(([key]) => key);
}
