import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { decode } from "../core/event.ts";
import { keyHash } from "../core/limit-keys.ts";
import type { SplitTask } from "../core/task.ts";
import type { Ctx } from "../define/ctx.ts";
import type { FanOutStep } from "../define/flow.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { split } from "./splitter.ts";

const task: SplitTask = {
  kind: "split",
  queue: "default",
  partition: 0,
  run: "r",
  flow: "f",
  step: "all",
  generation: 1,
  priority: "urgent",
  issue: 1,
  attempt: 1,
  size: 0,
};

/** A step over this source; its items are their own keys. */
function stepOver(over: () => Iterable<string> | AsyncIterable<string>): FanOutStep {
  const input = {
    "~standard": { version: 1 as const, vendor: "test", validate: (value: unknown) => ({ value }) },
  };
  const plan = {
    name: "work",
    queue: "default",
    timeoutMs: 1_000,
    retry: { attempts: 1, backoff: "fixed" as const, firstMs: 0, maxMs: 0 },
  };
  const job = { kind: "job" as const, name: "work", plan, input, run: () => undefined };
  return { kind: "fan-out", name: "all", job, over, key: String };
}

/** The split, and how many records each of its appends wrote. */
async function splitting(
  step: FanOutStep,
  alive = (): void => undefined,
): Promise<readonly number[]> {
  const { log, store } = memoryEngine({ clock: virtualClock() });
  const written: number[] = [];
  const append = (partition: number, texts: readonly string[]): Promise<number> => {
    written.push(texts.length);
    return log.append(partition, texts);
  };
  const engine = { store, log: { ...log, append } };
  const rest = () => new Promise<void>((resolve) => void setImmediate(resolve));
  const common = { engine, task, step, state: {}, ctx: {} as Ctx, rest, atMost: 5_000 };
  await split({ ...common, alive });
  assert.equal(
    await log.end(0),
    written.reduce((sum, records) => sum + records, 0),
  );
  return written;
}

function* count(): Generator<string> {
  for (let n = 0; ; n += 1) yield `k${n}`;
}

for (const [kind, source] of [
  ["generator", count],
  [
    "async generator",
    async function* late() {
      yield* count();
    },
  ],
] as const)
  test(`a ${kind} that never ends is stopped at the limit, and asked whether it ever ends`, async () => {
    let ended = false;
    const step = stepOver(() => {
      const items = source();
      const end = items.return.bind(items);
      items.return = (value: unknown) => {
        ended = true;
        return end(value) as never;
      };
      return items;
    });
    await assert.rejects(
      splitting(step),
      /^UsageError: item 5001 of step "all": a step may have 5000 items at most: does what over returns ever end\?$/,
    );
    assert.ok(ended);
  });

const array = (length: number) => stepOver(() => Array.from({ length }, (_, n) => `k${n}`));

test("as many items as the limit are fine; pages begin small and double, up to a thousand", async () => {
  const written = await splitting(array(5_000));
  const pages = [128, 128, 256, 512, 1_000, 1_000, 1_000, 976];
  assert.equal(
    written.reduce((sum, records) => sum + records, 0),
    pages.length + 1,
  );
});

test("the last page and the seal are one append: most fan-outs are small, and wait for one sync", async () => {
  assert.deepEqual(await splitting(array(100)), [2]);
  assert.deepEqual(await splitting(array(0)), [1]);
  assert.equal((await splitting(array(1_500))).at(-1), 2);
});

test("a source that repeats itself for ever is stopped, too, and lets others work until then", async () => {
  let turns = 0;
  const step = stepOver(function* () {
    for (;;) yield "always the same";
  });
  await assert.rejects(
    splitting(step, () => void (turns += 1)),
    /^UsageError: item 50002 of step "all": over has repeated keys that it had yielded before 50001 times: does it ever end\?$/,
  );
  assert.ok(turns > 100);
});

test("a source that is no longer wanted is left, wherever it is", async () => {
  for (const source of [count, () => Array<string>(10_000).fill("the same")])
    await assert.rejects(
      splitting(stepOver(source), () => {
        throw new Error("no longer wanted");
      }),
      /no longer wanted/,
    );
});

test("the keys of a limit go with their page as hashes; what is no key is refused, and the item is named", async () => {
  const { log, store } = memoryEngine({ clock: virtualClock() });
  const rest = (): Promise<void> => Promise.resolve();
  const by = (key: (item: string) => unknown): FanOutStep => {
    const step = stepOver(() => ["a1", "b1", "-", "a2"]);
    const limits = [{ name: "hosts", concurrency: 1, key: key as () => string }]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- one of them is to be refused
    return { ...step, job: { ...step.job, plan: { ...step.job.plan, limits } } };
  };
  const common = { engine: { log, store }, task, state: {}, ctx: {} as Ctx, rest };
  const alive = (): void => undefined;
  await split({ ...common, alive, step: by((item) => (item === "-" ? undefined : item[0])) });
  const [page] = await log.read(0, 0, { records: 1, bytes: 1 });
  assert.ok(page !== undefined);
  const event = decode(page);
  assert.ok(event.type === "fan-out.grown");
  const [a, b] = [keyHash("a"), keyHash("b")];
  assert.deepEqual(event.limitKeys, [a, b, 0, a]);
  await assert.rejects(split({ ...common, alive, step: by(() => 7) }), {
    name: "UsageError",
    message:
      'item 1 of step "all": the key of its limit must be a text, or undefined for none, got number',
  });
});

test("a split lets others have their turn in the middle of a page, where the page takes long", async () => {
  const { log, store } = memoryEngine({ clock: virtualClock() });
  const step = stepOver(() => Array.from({ length: 100 }, (_, n) => `k${n}`));
  let rests = 0;
  const rest = async (): Promise<void> => void (rests += 1);
  const given = { engine: { log, store }, task, step, state: {}, ctx: {} as Ctx, rest };
  await split({ ...given, alive: () => undefined, isTurnOver: () => true });
  assert.equal(rests, 3);
  await split({ ...given, alive: () => undefined, isTurnOver: () => false });
  assert.equal(rests, 3);
  assert.equal(await log.end(0), 4); // Twice a page, and the seal.
});
