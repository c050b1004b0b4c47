import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { keys } from "../core/ids.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import type { Claim } from "../ports/store.ts";
import { trimmer } from "./trimmer.ts";

const everyMs = 1_000;

/** A log of a hundred records that everybody has read, and fan-outs that begin at these offsets. */
async function given(bases: readonly number[]) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  await engine.log.append(
    0,
    Array.from({ length: 100 }, () => `{"type":"ticked"}`),
  );
  let claim: Claim | undefined = await engine.store.claim(0, "m", 1e9);
  assert.ok(claim !== undefined);
  const step = (base: number) =>
    JSON.stringify({ kind: "fan-out", name: "all", startedAt: 1, base });
  const commit = async (puts: readonly (readonly [string, string | undefined])[], to = 100) => {
    assert.ok(claim !== undefined);
    claim = await engine.store.commit(claim, {
      to,
      puts,
      events: [],
      tasks: [],
      wakeAt: undefined,
    });
  };
  await commit(bases.map((base) => [keys.step(`r${base}`, "all"), step(base)] as const));
  const past = await engine.log.past(0);
  await engine.views.apply(0, { from: 0, to: 100, past, rows: [] });
  const read = (reader: string, from: number | undefined, to: number) =>
    engine.store.keep(0, reader, { from, to, past, puts: [] });
  /** A hundred more records, which everybody reads and decides on. */
  const goOn = async (): Promise<void> => {
    await engine.log.append(0, Array<string>(100).fill(`{"type":"ticked"}`));
    await commit([], 200);
    await engine.views.apply(0, { from: 100, to: 200, past, rows: [] });
    await read("counts", 100, 200);
  };
  const role = trimmer({
    engine,
    clock,
    partition: 0,
    everyMs,
    mayTrim: () => true,
    readers: ["counts"],
    atLeast: 10,
  });
  /** Lets it look, and says where the log begins then. */
  const firstAfterLook = async (): Promise<number> => {
    clock.advance(everyMs);
    while ((await role.tick()) > 0);
    try {
      await engine.log.read(0, 0, { records: 1, bytes: 1 });
      return 0;
    } catch (error) {
      assert.ok(error instanceof NotFoundError);
      return Number(error.details["first"]);
    }
  };
  return { engine, commit, goOn, read, firstAfterLook };
}

test("C39 the log is kept from the first record on that a fan-out of any run stands on", async () => {
  const { read, commit, firstAfterLook } = await given([40, 70]);
  await read("counts", undefined, 100);
  assert.equal(await firstAfterLook(), 40);
  await commit([[keys.step("r40", "all"), undefined]]);
  assert.equal(await firstAfterLook(), 70);
  await commit([[keys.step("r70", "all"), undefined]]);
  assert.equal(await firstAfterLook(), 100);
});

test("nobody who reads the log misses a record, nor who is there and has kept nothing yet", async () => {
  const { read, firstAfterLook } = await given([]);
  assert.equal(await firstAfterLook(), 0);
  await read("counts", undefined, 100);
  await read("listener-slow", undefined, 30);
  assert.equal(await firstAfterLook(), 30);
  await read("listener-slow", 30, 35);
  assert.equal(await firstAfterLook(), 30); // Five records are not worth a transaction.
  await read("listener-slow", 35, 60);
  assert.equal(await firstAfterLook(), 60);
});

test("C63 of more fan-outs than are watched, none is forgotten", async () => {
  const bases = Array.from({ length: 1_200 }, (_, n) => 20 + n / 1_000);
  const { read, commit, firstAfterLook } = await given([...bases, 80]);
  await read("counts", undefined, 100);
  assert.equal(await firstAfterLook(), 20);
  await commit(bases.slice(0, 1_100).map((base) => [keys.step(`r${base}`, "all"), undefined]));
  assert.ok((await firstAfterLook()) < 22);
  assert.ok((await firstAfterLook()) < 22);
  await commit(bases.slice(1_100).map((base) => [keys.step(`r${base}`, "all"), undefined]));
  assert.equal(await firstAfterLook(), 80);
});

test("what was trimmed before, and what was watched then, holds nothing back that comes later", async () => {
  const bases = Array.from({ length: 600 }, (_, n) => 20 + n / 1_000);
  const { read, commit, goOn, firstAfterLook } = await given(bases);
  await read("counts", undefined, 100);
  assert.equal(await firstAfterLook(), 20);
  await goOn();
  await commit(
    bases.map((base) => [keys.step(`r${base}`, "all"), undefined]),
    200,
  );
  assert.equal(await firstAfterLook(), 100); // Nothing was known to begin after that.
  assert.equal(await firstAfterLook(), 200);
});

test("after a failover it trims what is left of the log, though what it watched was of the one before", async () => {
  const { engine, read, commit, firstAfterLook } = await given([40, 70]);
  await read("counts", undefined, 100);
  assert.equal(await firstAfterLook(), 40);
  engine.copy()();
  await commit([[keys.step("r40", "all"), undefined]]);
  await assert.rejects(firstAfterLook(), ConflictError);
  assert.equal(await firstAfterLook(), 70);
});
