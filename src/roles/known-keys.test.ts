/** What it costs to know which keys came before, in a first try and in one that starts over, and that nothing is counted for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decode, encode } from "../core/event.ts";
import { keys } from "../core/ids.ts";
import type { SplitTask } from "../core/task.ts";
import type { Ctx } from "../define/ctx.ts";
import { flow } from "../define/flow.ts";
import { job } from "../define/job.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Store } from "../ports/store.ts";
import { manager } from "./manager.ts";
import { split } from "./splitter.ts";

const written = 20_024; // Whole pages: what is not one yet is lost with the try.

const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

type Item = number | string;

function* upTo(count: number, from = 0): Generator<number> {
  for (let n = from; n < count; n++) yield n;
}

/** A run whose split has begun. Runs it on such a source, and says what came of it, and how often it looked into the index. */
async function begun() {
  let source: () => Iterable<Item> = () => [];
  const one = job("one", { input: anything, run: () => null });
  const numbers = flow("numbers", { input: anything }).fanOut("all", one, {
    over: () => source(),
    key: (n) => `k${String(n)}`,
  });
  const clock = { now: () => 1_000, sleep: async () => undefined };
  const engine = memoryEngine({ clock });
  const plans = new Map([[numbers.name, numbers.plan]]);
  const { tick } = manager({ engine, clock, partition: 0, holder: "m", plans });
  const manage = async (): Promise<void> => {
    while ((await tick()) > 0);
  };
  await engine.log.append(0, [
    encode({ type: "run.started", run: "r", flow: "numbers", input: null, request: "q" }),
  ]);
  await manage();
  const [lease] = await engine.queue.take("w", ["default"], 1, 10_000);
  assert.ok(lease?.task.kind === "split");
  const [step] = numbers.steps;
  assert.ok(step?.kind === "fan-out");

  let scans = 0;
  const index = keys.index("r", "all");
  const store: Store = {
    ...engine.store,
    scan(partition, prefix, max, after) {
      // The index as a whole is read once for each try; what is below it, for each key that is looked up.
      if (prefix.startsWith(index) && prefix !== index) scans += 1;
      return engine.store.scan(partition, prefix, max, after);
    },
  };

  const { task } = lease;
  return async (again: Partial<SplitTask>, items: () => Iterable<Item>) => {
    scans = 0;
    source = items;
    const from = await engine.log.end(0);
    const ctx = {} as Ctx; // oxlint-disable-line typescript/no-unsafe-type-assertion -- this `over` asks nothing of it
    const alive = () => undefined;
    assert.ok(step?.kind === "fan-out");
    const splitting = { task: { ...task, ...again }, step, state: {}, ctx, alive, rest: manage };
    try {
      await split({ engine: { ...engine, store }, ...splitting });
    } finally {
      await manage();
    }
    const max = { records: 1_000, bytes: 100_000_000 };
    const events = (await engine.log.read(0, from, max)).map(decode);
    const seal = events.find(({ type }) => type === "fan-out.sealed");
    assert.ok(seal?.type === "fan-out.sealed");
    const added = events.flatMap((event) => (event.type === "fan-out.grown" ? event.keys : []));
    const duplicates = events.reduce(
      (sum, event) => sum + ("duplicates" in event ? event.duplicates : 0),
      0,
    );
    return { scans, added, total: seal.total, duplicates };
  };
}

/** The same, of a split that wrote 20,000 items down and then threw; the index knows them. */
async function given() {
  const attempt = await begun();
  await assert.rejects(
    attempt({}, function* () {
      yield* upTo(written);
      throw new Error("the source broke off");
    }),
    /broke off/,
  );
  return (items: () => Iterable<Item>) => attempt({ attempt: 2, size: written }, items);
}

test("a source that starts over after 20,000 items costs no scan of the index for any of them", async () => {
  const again = await given();
  assert.deepEqual(await again(() => upTo(written + 3)), {
    scans: 0,
    added: [0, 1, 2].map((n) => `k${written + n}`),
    total: written + 3,
    duplicates: 0,
  });
});

test("in another order known keys are still known, each by a look, and none counts as repeated", async () => {
  const again = await given();
  const known = [...upTo(written)].slice(-200).toReversed();
  const { scans, ...rest } = await again(() => [...known, written, ...known, written, -1]);
  assert.deepEqual(rest, { added: [`k${written}`, "k-1"], total: written + 2, duplicates: 1 });
  assert.ok(scans >= known.length * 2, `${scans} scans`);
});

test("a source that starts over elsewhere is gone through beside what was written, once they agree again", async () => {
  const again = await given();
  const { scans, ...rest } = await again(() => [-1, ...upTo(written), -1]);
  assert.deepEqual(rest, { added: ["k-1"], total: written + 1, duplicates: 1 });
  assert.equal(scans, 0);
});

test("a source in order is never looked up, however long it is", async () => {
  const attempt = await begun();
  const { scans, total } = await attempt({}, () => upTo(70_000));
  assert.deepEqual({ scans, total }, { scans: 0, total: 70_000 });
});

test("a source that loses its order late has a filter from then on, which knows all that came before", async () => {
  const attempt = await begun();
  const { scans, total, duplicates } = await attempt({}, function* () {
    yield* upTo(70_000); // The last of these are in no page yet.
    for (const n of upTo(3_000, 1_000)) yield `-${n}`; // New, and below those of their length.
    yield* upTo(140_000, 70_000); // Until all before is forgotten, but by the index.
  });
  assert.deepEqual({ total, duplicates }, { total: 142_000, duplicates: 0 });
  assert.ok(scans > 0 && scans < 40, `${scans} scans`);
});

test("keys that repeat after the order was lost are known, whether they were in the index by then or not", async () => {
  const attempt = await begun();
  const { total, duplicates } = await attempt({}, function* () {
    yield* upTo(70_000);
    for (const n of upTo(1_020, 1_000)) yield `-${n}`;
    yield* upTo(140_000, 70_000);
    yield* upTo(70_000, 69_950);
    yield* upTo(50);
    for (const n of upTo(1_020, 1_000)) yield `-${n}`;
  });
  assert.deepEqual({ total, duplicates }, { total: 140_020, duplicates: 120 });
});
