/** A failover takes events back that webhooks are being told of, and others come to stand where they were. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { virtualClock, type VirtualClock } from "../contract/given.ts";
import { encode } from "../core/event.ts";
import { webhook } from "../define/webhook.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { aboutRuns } from "../roles/about.ts";
import { news as newsOf } from "../roles/news.ts";
import { courier } from "./courier.ts";
import { webhookLedger } from "./ledger.ts";
import type { Post } from "./post.ts";
import { slots } from "./slots.ts";

const ended = (run: string) => encode({ type: "run.ended", run, state: "done" });
const secrets = [`whsec_${Buffer.alloc(32, 7).toString("base64")}`];
const runIn = (body: string): string =>
  (JSON.parse(body) as { readonly data: { readonly run: string } }).data.run; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a CloudEvent of ours

/** A courier; `post` says what its webhooks answer, by run. They get their turns as time passes on `pace`, where there is one. */
async function given(
  post: (run: string) => Promise<number>,
  { names = ["ops"], pace }: { names?: readonly string[]; pace?: VirtualClock } = {},
) {
  const clock = virtualClock();
  const engine = memoryEngine({ clock });
  const news = newsOf(engine);
  const url = "https://ops.example/";
  const webhooks = new Map(names.map((name) => [name, webhook(name, { url, secrets })]));
  const told: string[] = [];
  const send: Post = async (_, { body }) => {
    const run = runIn(body);
    told.push(run);
    return { at: Math.round(clock.now()), ms: 0, status: await post(run) };
  };
  const role = courier({
    app: "test",
    engine,
    clock,
    news,
    about: aboutRuns(engine),
    partition: 0,
    webhooks,
    slots: slots(pace ?? clock),
    post: send,
    mayTell: () => true,
    onTrouble: () => undefined,
  });
  role.onWake?.(() => undefined);
  await role.begin();
  /** As the host: whatever is thrown, until nothing is left to do. */
  async function settle(): Promise<void> {
    for (let idle = 0; idle < 5;) {
      clock.advance(1_000);
      let handled = 0;
      for (const { tick } of [...news.roles, role])
        handled += await tick().catch((error: unknown) => {
          assert.match(String(error), /another past|went back/);
          return 1;
        });
      await new Promise((resolve) => setImmediate(resolve));
      idle = handled > 0 ? 0 : idle + 1;
    }
  }
  const ledger = webhookLedger(
    async () => ({ engine, clock }),
    webhooks,
    () => "asked",
  );
  const notices = async () =>
    (await ledger.notices())
      .map(({ event: { run, offset }, state }) => `${offset} ${run} ${state}`)
      .toSorted();
  const add = (...texts: readonly string[]) => engine.log.append(0, texts);
  return { engine, add, told, settle, notices };
}

test("C79 a webhook that was told of what is lost is told of what stands there now", async () => {
  let instead: () => Promise<unknown> = async () => undefined;
  const { engine, add, told, settle, notices } = await given(async (run) => {
    if (run === "lost") await instead();
    return 204;
  });
  await add(ended("a"));
  await settle();
  const takeBack = engine.copy();
  instead = async () => {
    takeBack();
    await add(ended("b"), ended("c"));
  };
  await add(ended("lost"));
  await settle();
  assert.deepEqual(told, ["a", "lost", "b", "c"]);
  assert.deepEqual(await notices(), ["0 a ok", "1 b ok", "2 c ok"]);
});

test("an answer that comes after the failover is none to the event that stands there now", async () => {
  let answer: (status: number) => void = () => undefined;
  const { engine, add, told, settle, notices } = await given(async (run) =>
    run === "lost" ? new Promise((resolve) => (answer = resolve)) : 204,
  );
  const takeBack = engine.copy();
  await add(ended("lost"));
  await settle();
  assert.deepEqual(told, ["lost"]);
  takeBack();
  await add(ended("b"));
  await settle();
  answer(410);
  await settle();
  assert.deepEqual(told, ["lost", "b"]);
  assert.deepEqual(await notices(), ["0 b ok"]);
});

test("what waits for its turn while it is lost is not sent any more", async () => {
  const pace = virtualClock();
  const names = Array.from({ length: 20 }, (_, n) => `ops-${n}`);
  const { engine, add, told, settle } = await given(async () => 204, { names, pace });
  const takeBack = engine.copy();
  await add(ended("lost"));
  await settle();
  const before = told.length;
  assert.ok(before > 0 && before < names.length);
  takeBack();
  await add(ended("b"));
  await settle();
  for (let n = 0; n < 100; n += 1) {
    pace.advance(1_000);
    await settle();
  }
  const [lost, others] = [told.filter((run) => run === "lost"), told.filter((run) => run === "b")];
  assert.deepEqual([lost.length, others.length], [before, names.length]);
});
