import assert from "node:assert/strict";
import { test } from "node:test";
import { plansOf, type At } from "../contract/decider.ts";
import {
  begin,
  done,
  fanOutPlan,
  flowPlan,
  ok,
  page,
  plainPlan,
  seal,
} from "../contract/events.ts";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { manager } from "./manager.ts";
import { projector } from "./projector.ts";
import { reader } from "./reader.ts";

const plans = plansOf([flowPlan([fanOutPlan("all"), plainPlan("last")])]);
const expired: At = {
  at: 0,
  event: { type: "run.expired", run: "r", flow: "f", retentionMs: 1_000 },
};

/** A partition with a run "r" that has ended, of some ten records; its managers remove two at once. */
async function given() {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const boot = () => manager({ engine, clock, partition: 0, holder: "m", plans, removeAtOnce: 2 });
  const append = (...events: readonly At[]) =>
    engine.log.append(
      0,
      events.map(({ event, body }) => encode(event, body)),
    );
  const ofRun = async () =>
    (await engine.store.scan(0, "", 1_000)).map(([key]) => key).filter((key) => /[/]r\b/.test(key));
  const role = boot();
  await append(begin(0), page(0, 0, 2), seal(0, 2), ok(0, 0), ok(0, 1), done(0, "last"));
  while ((await role.tick()) > 0);
  assert.ok((await ofRun()).length > 5);
  clock.advance(1_000);
  const list = projector({ engine, clock, partition: 0 });
  const read = reader({ engine, clock, plans });
  return { engine, clock, boot, append, ofRun, role, list, read };
}

test("C64 what is kept of a run goes in portions; from the first on, nobody finds it", async () => {
  const { append, ofRun, role, list, read, engine } = await given();
  await list.tick();
  assert.equal((await read.status("r"))?.state, "done");
  await append(expired);
  let before = await ofRun();
  while ((await role.tick()) > 0) {
    const now = await ofRun();
    assert.ok(before.length - now.length <= 3, `${before.length}, then ${now.length} records`);
    before = now;
    assert.equal(await read.status("r"), undefined);
  }
  assert.deepEqual(before, []);
  await list.tick();
  assert.equal(await engine.views.run("r"), undefined);
});

test("a manager that is replaced in the middle of a removal leaves the rest to the next one", async () => {
  const { append, ofRun, role, boot } = await given();
  await append(expired);
  await role.tick();
  assert.ok((await ofRun()).length > 2);
  const next = boot();
  while ((await next.tick()) > 0);
  assert.deepEqual(await ofRun(), []);
});

test("a run that starts under the id of one that is leaving begins when that one is gone", async () => {
  const { append, role, boot, read } = await given();
  await append(expired);
  await role.tick();
  await append(begin(0, { request: "again" }));
  const next = boot();
  await next.tick();
  assert.equal(await read.run("r"), undefined);
  while ((await next.tick()) > 0);
  assert.equal((await read.run("r"))?.request, "again");
  const status = await read.status("r");
  assert.equal(status?.state, "running");
  assert.equal(status?.steps[0]?.total, undefined);
});
