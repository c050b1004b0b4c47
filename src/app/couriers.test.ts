import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { webhook } from "../define/webhook.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { aboutRuns } from "../roles/about.ts";
import { host as hostOf } from "../roles/host.ts";
import { news as newsOf } from "../roles/news.ts";
import { send } from "./couriers.ts";

test("webhooks that stand in line when the work ends keep nothing waiting for their turn", async () => {
  const clock = virtualClock();
  const engine = memoryEngine({ clock, partitions: 1 });
  let sleeping = 0;
  const sleep: typeof clock.sleep = async (...args) => {
    sleeping += 1;
    await clock.sleep(...args);
    sleeping -= 1;
  };
  const place = { engine, clock: { ...clock, sleep }, news: newsOf(engine) };
  const host = hostOf(engine, place.clock, (role, error) =>
    assert.fail(`${role}: ${String(error)}`),
  );
  for (const role of place.news.roles) host.add(role);
  const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
  const webhooks = Array.from({ length: 50 }, (_, n) =>
    webhook(`ops-${n}`, { url: "https://ops.example/", secrets }),
  );
  let told = 0;
  const sent = send(
    { ...place, host, about: aboutRuns(engine), isHolder: () => true },
    "test",
    new Map(webhooks.map((one) => [one.name, one])),
    () => undefined,
    async () => {
      told += 1;
      return { at: clock.now(), ms: 0, status: 500 };
    },
  );
  await sent.begun;
  await engine.log.append(0, [encode({ type: "run.ended", run: "r", state: "done" })]);
  for (let ms = 0; told === 0 && ms < 10_000; ms += 50) {
    clock.advance(50);
    for (let turn = 0; turn < 20; turn += 1) await clock.sleep(0);
  }
  assert.ok(told > 0 && told < webhooks.length);
  await sent.end();
  await host.stop();
  await clock.sleep(0);
  assert.equal(sleeping, 0);
});
