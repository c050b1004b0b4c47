import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf } from "../contract/decider.ts";
import { flowPlan, plainPlan } from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { RunRow } from "../ports/views.ts";
import { retention } from "./retention.ts";

const day = 86_400_000;
const plans = plansOf([
  flowPlan([plainPlan("one")], { name: "short", retentionMs: day }),
  flowPlan([plainPlan("one")], { name: "for-ever" }),
]);

/** Runs that ended at these times, and what was said to have expired. */
async function given(ended: Readonly<Record<string, number | undefined>>, flow = "short") {
  const clock = virtualClock(10 * day);
  const engine = memoryEngine({ clock });
  const rows = Object.entries(ended).map(([run, endedAt]): RunRow => {
    const common = { run, flow, priority: "normal", startedAt: 0 } as const;
    return endedAt === undefined
      ? { ...common, state: "held" }
      : { ...common, state: "done", endedAt };
  });
  const past = await engine.log.past(0);
  await engine.views.apply(0, { from: 0, to: 1, past, rows });
  let isHolder = true;
  const role = retention({ engine, clock, plans, mayLook: () => isHolder });
  const said = async () =>
    (await engine.log.read(0, 0, { records: 1_000, bytes: Infinity })).map(({ text }) => text);
  return { clock, engine, role, said, lose: () => (isHolder = false) };
}

test("what ended longer ago than its flow keeps is said to have expired, and nothing else", async () => {
  const { role, said } = await given({ old: 9 * day - 1, young: 9 * day + 1, held: undefined });
  await role.tick();
  assert.deepEqual(await said(), [
    `{"type":"run.expired","run":"old","flow":"short","retentionMs":${day}}`,
  ]);
});

test("a flow that says nothing keeps its runs for ever", async () => {
  const { role, said } = await given({ old: 1 }, "for-ever");
  await role.tick();
  assert.deepEqual(await said(), []);
});

test("what was said is not said again at every look, but some minutes later", async () => {
  const { clock, role, said } = await given({ old: 1 });
  for (const [ms, times] of [
    [0, 1],
    [15 * 60_000, 2],
    [1_000, 2],
  ] as const) {
    clock.advance(ms);
    await role.tick();
    assert.equal((await said()).length, times);
  }
});

test("C63 of many, a hundred at once; the others when those are gone", async () => {
  const runs = Array.from({ length: 250 }, (_, n) => [`r${n}`, n] as const);
  const { clock, engine, role, said } = await given(Object.fromEntries(runs));
  for (const times of [100, 200, 250]) {
    await role.tick();
    clock.advance(250);
    await role.tick(); // While they are there, nothing more is asked for.
    const all = await said();
    assert.equal(all.length, times);
    const gone = all.map((text) => String(Reflect.get(Object(JSON.parse(text)), "run")));
    const at = await engine.views.checkpoint(0);
    await engine.views.apply(0, {
      from: at,
      to: at + 1,
      past: await engine.log.past(0),
      rows: gone.map((run) => ({ run, state: "removed" })),
    });
    clock.advance(250);
  }
});

test("who does not hold the first partition leaves it to who does", async () => {
  const { role, said, lose } = await given({ old: 1 });
  lose();
  await role.tick();
  assert.deepEqual(await said(), []);
  assert.equal(role.wakeAt?.(), undefined);
});
