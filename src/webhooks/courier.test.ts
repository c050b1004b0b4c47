import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock } from "../contract/given.ts";
import { encode, type Event } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import type { Answer } from "../core/notice.ts";
import { webhook, type Webhook } from "../define/webhook.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import type { Engine } from "../ports/engine.ts";
import type { Kept } from "../ports/store.ts";
import { aboutRuns } from "../roles/about.ts";
import { news as newsOf } from "../roles/news.ts";
import { courier } from "./courier.ts";
import { webhookLedger } from "./ledger.ts";
import { slots } from "./slots.ts";

const ended = (run: string): Event => ({ type: "run.ended", run, state: "done" });
const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
const to = (name: string, events: readonly "run.ended"[] = ["run.ended"]): Webhook =>
  webhook(name, { url: `https://${name}.example/`, secrets, events });

/** The same engine; `before` hears of what is to be kept, and may throw. */
function keeping(engine: Engine, before: (kept: Kept) => void): Engine {
  const keep: Engine["store"]["keep"] = async (partition, reader, kept) => {
    before(kept);
    await engine.store.keep(partition, reader, kept);
  };
  return { ...engine, store: { ...engine.store, keep } };
}

type Sent = { readonly url: string; readonly id: string; readonly at: string };

/** An engine with couriers of processes that come and go; `answer` says what the world answers. */
function given(hooks: readonly Webhook[] = [to("ops")]) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const sent: Sent[] = [];
  const troubles: string[] = [];
  let answer: (url: string) => Partial<Answer> | Promise<Partial<Answer>> = () => ({ status: 204 });
  const webhooks = new Map(hooks.map((one) => [one.name, one]));

  function started({
    on = engine,
    parts = webhooks,
  }: { on?: Engine; parts?: typeof webhooks } = {}) {
    const news = newsOf(on);
    const role = courier({
      app: "test",
      engine: on,
      clock,
      news,
      about: aboutRuns(on),
      partition: 0,
      webhooks: parts,
      slots: slots(clock),
      mayTell: () => true,
      onTrouble: (what) => troubles.push(what),
      async post({ url }, { headers }) {
        sent.push({ url, id: headers["webhook-id"] ?? "", at: headers["webhook-timestamp"] ?? "" });
        const said = await answer(url);
        return { at: Math.round(clock.now()), ms: 0, ...said };
      },
    });
    /** Until it is idle at this instant. */
    async function settle(): Promise<void> {
      for (let idle = 0; idle < 3;) {
        for (const { tick } of news.roles) while ((await tick()) > 0);
        clock.advance(Math.max(0, (role.restsUntil?.() ?? 0) - clock.now()));
        const did = await role.tick();
        await new Promise((resolve) => setImmediate(resolve));
        idle = did > 0 ? 0 : idle + 1;
      }
    }
    async function pass(ms: number, step: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += step) {
        await settle();
        clock.advance(step);
      }
      await settle();
    }
    return { ...role, settle, pass };
  }

  const add = (...events: readonly Event[]) =>
    engine.log.append(
      0,
      events.map((event) => encode(event)),
    );
  let requests = 0;
  const ledger = webhookLedger(
    async () => ({ engine, clock }),
    webhooks,
    () => `${(requests += 1)}`,
  );
  return {
    clock,
    engine,
    sent,
    troubles,
    started,
    add,
    ledger,
    answers: (how: typeof answer) => {
      answer = how;
    },
  };
}

test("an event is sent once it is durable, to those who want it, and kept as heard", async () => {
  const { started, add, sent, ledger } = given([to("ops"), to("dev", [])]);
  const role = started();
  await role.begin();
  await add({ type: "step.began", run: "r", step: "s", generation: 1 }, ended("r"));
  await role.settle();
  assert.deepEqual(
    sent.map(({ url }) => url),
    ["https://ops.example/"],
  );
  const [notice, ...more] = await ledger.notices();
  assert.deepEqual(
    [more.length, notice?.state, notice?.attempts, notice?.event.id],
    [0, "ok", 1, sent[0]?.id],
  );
  assert.deepEqual(
    (await ledger.list()).map(({ name, waiting, ok }) => [name, waiting, ok]),
    [
      ["ops", 0, 1],
      ["dev", 0, 0],
    ],
  );
});

test("what is not heard is tried again and again under one id, with a timestamp of each attempt, until it is", async () => {
  const { started, add, sent, answers, clock, ledger } = given();
  const role = started();
  await role.begin();
  answers(() => ({ error: "connect ECONNREFUSED" }));
  await add(ended("r"));
  await role.settle();
  await role.pass(5 * 3_600_000, 3_600_000);
  answers(() => ({ status: 200 }));
  clock.advance(43_200_000);
  await role.settle();
  assert.ok(sent.length >= 4, `${sent.length} attempts`);
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  assert.equal(new Set(sent.map(({ at }) => at)).size, sent.length);
  const [notice] = await ledger.notices();
  assert.deepEqual([notice?.state, notice?.attempts], ["ok", sent.length]);
});

test("a restart goes on: what waits is sent at its time, what was heard is not sent again", async () => {
  const { started, add, sent, answers, clock, ledger } = given();
  const first = started();
  await first.begin();
  await add(ended("heard"));
  await first.settle();
  answers(() => ({ status: 503 }));
  await add(ended("unheard"));
  await first.settle();
  await add(ended("meanwhile"));
  answers(() => ({ status: 200 }));
  clock.advance(60_000);
  const second = started();
  await second.settle();
  const states = (await ledger.notices()).map(({ event, state }) => [event.run, state]);
  assert.deepEqual(states, [
    ["meanwhile", "ok"],
    ["unheard", "ok"],
    ["heard", "ok"],
  ]);
  assert.equal(sent.length, 4);
});

test("a crash between the answer and its keeping sends once more, under the same id", async () => {
  const { started, add, sent, answers, engine, ledger } = given();
  let broken = false;
  answers(() => {
    broken = true;
    return { status: 204 };
  });
  const crashing = keeping(engine, () => {
    if (broken) throw new Error("crash");
  });
  const first = started({ on: crashing });
  await first.begin();
  await add(ended("r"));
  await assert.rejects(first.settle(), /crash/);
  assert.equal(sent.length, 1);
  const second = started();
  await second.settle();
  assert.deepEqual(new Set(sent.map(({ id }) => id)).size, 1);
  assert.equal(sent.length, 2);
  assert.equal((await ledger.notices())[0]?.state, "ok");
});

test("410 ends what waits and what comes; enabled, it is told from then on; a redrive sends what was missed", async () => {
  const { started, add, sent, answers, clock, ledger, troubles } = given();
  const role = started();
  await role.begin();
  answers(() => ({ status: 410 }));
  await add(ended("a"));
  await role.settle();
  await add(ended("b"));
  await role.settle();
  assert.equal(sent.length, 1);
  assert.deepEqual(
    (await ledger.list()).map(({ state, cancelled }) => [state, cancelled]),
    [["gone", 1]],
  );
  assert.match(troubles.join(), /webhook "ops" answered 410/);
  const third = started(); // It is remembered.
  await add(ended("c"));
  await third.settle();
  assert.equal(sent.length, 1);
  answers(() => ({ status: 200 }));
  await ledger.enable("ops");
  clock.advance(2_000);
  await third.settle();
  await add(ended("d"));
  await third.settle();
  assert.equal(sent.length, 2);
  assert.deepEqual(
    await ledger.redrive({ webhook: "ops" }, { author: "ann", reason: "it is back" }),
    { matched: 1 },
  );
  clock.advance(2_000);
  await third.settle();
  const notices = await ledger.notices();
  assert.deepEqual(
    notices.map(({ event, state }) => [event.run, state]),
    [
      ["d", "ok"],
      ["a", "ok"],
    ],
  );
  assert.deepEqual(notices[1]?.redriven?.author, "ann");
});

test("given up after its time, with its answers; redriven by id it is sent again", async () => {
  const { started, add, answers, clock, ledger, troubles } = given();
  const role = started();
  await role.begin();
  answers(() => ({ status: 500, body: "oh" }));
  await add(ended("a"), ended("b"));
  await role.pass(60 * 7_200_000, 7_200_000);
  const failed = await ledger.notices({ states: ["failed"] });
  assert.deepEqual(failed.map(({ event }) => event.run).toSorted(), ["a", "b"]);
  assert.deepEqual(failed[0]?.answers.at(-1)?.body, "oh");
  assert.equal(troubles.length, 2);
  answers(() => ({ status: 200 }));
  const [one] = failed;
  assert.deepEqual(await ledger.redrive({ webhook: "ops", ids: [one?.event.id ?? ""] }), {
    matched: 1,
  });
  clock.advance(2_000);
  await role.settle();
  assert.deepEqual(
    (await ledger.notices({ states: ["ok"] })).map(({ event }) => event.run),
    [one?.event.run],
  );
  await assert.rejects(
    ledger.redrive({ webhook: "opps" }),
    /there is no webhook "opps": this app has "ops"/,
  );
});

test("what is kept is bounded: the newest of what is over", async () => {
  const { started, add, ledger } = given();
  const role = started();
  await role.begin();
  for (let n = 0; n < 3; n += 1) {
    await add(...Array.from({ length: limits.noticesKept }, (_, each) => ended(`r${n}-${each}`)));
    await role.pass(3_000, 20);
  }
  const notices = await ledger.notices({ limit: 1_000 });
  assert.equal(notices.length, limits.noticesKept);
  assert.ok(notices.every(({ event }) => event.run.startsWith("r2-")));
});

test("a webhook that is no part any more is sent nothing", async () => {
  const { started, add, sent, answers, clock, ledger } = given();
  const first = started();
  await first.begin();
  answers(() => ({ status: 500 }));
  await add(ended("r"));
  await first.settle();
  const second = started({ parts: new Map() });
  clock.advance(60_000);
  await second.settle();
  assert.equal(sent.length, 1);
  assert.deepEqual(
    (await ledger.notices()).map(({ state, because }) => [state, because]),
    [["cancelled", "there is no such webhook any more"]],
  );
});

test("events of which a thousand webhooks hear nothing, because they are down, are written down once", async () => {
  const hooks = Array.from({ length: 1_000 }, (_, n) => to(`down-${n}`));
  const { started, add, answers, engine, ledger } = given(hooks);
  const puts: string[] = [];
  const on = keeping(engine, (kept) => puts.push(...kept.puts.map(([key]) => key)));
  const count = (prefix: string) => puts.filter((key) => key.startsWith(prefix)).length;
  const role = started({ on });
  await role.begin();
  answers(() => ({ error: "connect ECONNREFUSED" }));
  await add(...Array.from({ length: 150 }, (_, n) => ended(`r${n}`)));
  await role.settle();
  assert.equal(count("page/"), 1);
  assert.ok(count("notice/") <= 20, `${count("notice/")} notices`);
  const [first, last] = [(await ledger.list())[0], (await ledger.list())[999]];
  assert.deepEqual([first?.waiting, last?.waiting], [150, 150]);
  const newest = await ledger.notices({ webhook: "down-999", limit: 2 });
  assert.deepEqual(
    newest.map(({ event, state, attempts }) => [event.run, state, attempts]),
    [
      ["r149", "waiting", 0],
      ["r148", "waiting", 0],
    ],
  );
});

test("a webhook that was down is told of everything when it is back, each event once, also after a restart; another heard of it at once", async () => {
  const { started, add, sent, answers, ledger, engine } = given([to("ops"), to("dev")]);
  const first = started();
  await first.begin();
  answers((url) => ({ status: url.includes("ops") ? 503 : 204 }));
  for (let n = 0; n < 50; n += 1) {
    await add(ended(`r${n}`));
    await first.pass(1_000, 1_000);
  }
  const waiting = (await ledger.list()).map((one) => [one.name, one.waiting, one.ok]);
  assert.deepEqual(waiting, [
    ["ops", 50, 0],
    ["dev", 0, 50],
  ]);
  const tries = sent.filter(({ url }) => url.includes("ops")).length;
  assert.ok(tries >= 5 && tries < 60, `${tries} tries in 50 s`);
  answers(() => ({ status: 204 }));
  const before = sent.length;
  const second = started();
  await second.pass(360_000, 1_000);
  const heard = sent.slice(before).map(({ url, id }) => `${url} ${id}`);
  assert.equal(heard.length, 50);
  assert.equal(new Set(heard).size, 50);
  assert.ok(heard.every((one) => one.includes("ops")));
  assert.equal((await ledger.list())[0]?.ok, 50);
  assert.deepEqual(await engine.store.scan(0, "reader/webhooks/page/", 10), []);
});

test("a webhook that was never well is told of the newest 10,000 when it is; of the others, that they are given up", async () => {
  const { started, add, answers, ledger, troubles } = given();
  const role = started();
  await role.begin();
  answers(() => ({ status: 500 }));
  for (let n = 0; n < 52; n += 1) {
    await add(...Array.from({ length: 200 }, (_, each) => ended(`r${n * 200 + each}`)));
    await role.pass(1_000, 1_000);
  }
  const [ops] = await ledger.list();
  const failed = await ledger.notices({ states: ["failed"] });
  const lost = failed.map(({ because }) => Number(/: (\d+) are given up/.exec(because ?? "")?.[1]));
  assert.equal((ops?.waiting ?? 0) + lost.reduce((sum, count) => sum + count, 0), 10_400);
  assert.ok((ops?.waiting ?? 0) >= 9_800 && (ops?.waiting ?? 0) <= 10_200, `${ops?.waiting}`);
  assert.match(troubles.at(-1) ?? "", /more than 10000 wait for this webhook: \d+ are given up/);
});

test("what waits for a webhook that answers 410 is cancelled, as far as it is kept, and can be redriven", async () => {
  const { started, add, answers, ledger, sent } = given();
  const role = started();
  await role.begin();
  answers(() => ({ status: 410 }));
  await add(...Array.from({ length: 150 }, (_, n) => ended(`r${n}`)));
  await role.settle();
  const [ops] = await ledger.list();
  assert.deepEqual([ops?.state, ops?.waiting, ops?.cancelled], ["gone", 0, limits.noticesKept]);
  assert.equal(sent.length, 1);
  answers(() => ({ status: 200 }));
  assert.deepEqual(await ledger.redrive({ webhook: "ops" }), { matched: limits.noticesKept });
  await role.pass(3_000, 20);
  assert.equal((await ledger.list())[0]?.ok, limits.noticesKept);
});

test("a webhook that is new is told from now on, and not of what waits for others", async () => {
  const { started, add, sent, answers, clock } = given([to("ops"), to("new")]);
  const first = started({ parts: new Map([["ops", to("ops")]]) });
  await first.begin();
  answers(() => ({ status: 500 }));
  await add(ended("before"), ended("also before"));
  await first.settle();
  const second = started();
  await second.begin();
  answers(() => ({ status: 204 }));
  await add(ended("after"));
  clock.advance(60_000);
  await second.settle();
  assert.equal(sent.filter(({ url }) => url.includes("new")).length, 1);
});
