import assert from "node:assert/strict";
import { test } from "node:test";
import { encode } from "../core/event.ts";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { CorruptError, RetryLaterError } from "../errors.ts";
import { pages, pageWith } from "./pages.ts";

/** A log with pages of two sub-jobs each, and the reads it has seen. */
async function logOf(count: number, body = "[1,2]", run = "r") {
  const { log } = memoryEngine({ clock: virtualClock() });
  for (let n = 0; n < count; n += 1) {
    const of = { run, step: "all", generation: 1, issue: 1, duplicates: 0 };
    const keys = [`k${2 * n}`, `k${2 * n + 1}`];
    await log.append(0, [encode({ type: "fan-out.grown", ...of, from: 2 * n, keys }, body)]);
  }
  return log;
}

const ofR = { run: "r", step: "all" };

test("a sub-job is found on its page", async () => {
  const read = pages(await logOf(3)).read;
  const all = [0, 1, 2].map((n) => read(0, { ...ofR, from: 2 * n, offset: n }, false));
  const page = pageWith(await Promise.all(all), 3);
  assert.deepEqual(page.keys, ["k2", "k3"]);
  assert.equal(page.from, 2);
});

test("a page is parsed when it is opened, once for all that need it now", async () => {
  const { read } = pages(await logOf(9));
  const first = await read(0, { ...ofR, from: 0, offset: 0 }, false);
  assert.equal(first.open(), (await read(0, { ...ofR, from: 0, offset: 0 }, false)).open());
  const opened = first.open();
  for (let n = 1; n < 9; n += 1) (await read(0, { ...ofR, from: 2 * n, offset: n }, false)).open();
  assert.notEqual(first.open(), opened, "pages whose sub-jobs have begun are not kept parsed");
  assert.deepEqual(first.open(), opened);
});

test("what was in the hands of user code is parsed anew", async () => {
  const { read } = pages(await logOf(1));
  const before = (await read(0, { ...ofR, from: 0, offset: 0 }, false)).open();
  assert.notEqual((await read(0, { ...ofR, from: 0, offset: 0 }, true)).open(), before);
});

test("a damaged page is damage and nothing worse", async () => {
  const { read } = pages(await logOf(1, "[1,"));
  const page = await read(0, { ...ofR, from: 0, offset: 0 }, false);
  assert.throws(() => pageWith([page], 0), CorruptError);
});

test("after a failover another page stands at the offset of one that is kept: it is read, and the old one is of its run only", async () => {
  let log = await logOf(1);
  const { read } = pages({ read: (...asked) => log.read(...asked) });
  const at = { step: "all", from: 0, offset: 0 };
  assert.deepEqual((await read(0, { ...at, run: "r" }, false)).open().items, [1, 2]);
  log = await logOf(1, "[3,4]", "s");
  assert.deepEqual((await read(0, { ...at, run: "s" }, false)).open().items, [3, 4]);
});

test("what a task names and a failover took away is tried later: no page of others is worked on, and nobody stumbles over it", async () => {
  const log = await logOf(1);
  const { read } = pages(log);
  const opened = async (place: object) =>
    (await read(0, { ...ofR, from: 0, offset: 0, ...place }, false)).open();
  for (const other of [{ run: "s" }, { step: "some" }, { from: 2 }, { offset: 1 }, { offset: 9 }])
    await assert.rejects(opened(other), RetryLaterError);
  const shorter = await read(0, { ...ofR, from: 0, offset: 0 }, false);
  assert.throws(() => pageWith([shorter], 2), RetryLaterError);
  const grown = { type: "fan-out.grown", generation: 1, issue: 1, duplicates: 0 } as const;
  await log.append(0, [encode({ ...grown, ...ofR, from: 2, keys: ["k2"] }, "[3]")]);
  assert.deepEqual((await opened({ from: 2, offset: 1 })).items, [3]);
});
