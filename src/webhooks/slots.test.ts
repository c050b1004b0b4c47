import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../core/limits.ts";
import { virtualClock } from "../contract/given.ts";
import { slots as newSlots } from "./slots.ts";

/** Turns that end when they are told to. */
function given() {
  const clock = virtualClock();
  const slots = newSlots(clock);
  /** So much time passes that as many may begin as there is room for. */
  const pass = async (): Promise<void> => {
    for (let n = 0; n < 200; n += 1) {
      clock.advance(10);
      await new Promise((next) => setImmediate(next));
    }
  };
  const running: { name: string; end: (isOk: boolean) => Promise<void> }[] = [];
  const begun: string[] = [];
  const ask = (name: string): void =>
    slots.ask(name, () => {
      begun.push(name);
      return new Promise<boolean>((resolve) => {
        const one = {
          name,
          async end(isOk: boolean) {
            running.splice(running.indexOf(one), 1);
            resolve(isOk);
            await new Promise((next) => setImmediate(next));
            clock.advance(10);
            await new Promise((next) => setImmediate(next));
          },
        };
        running.push(one);
      });
    });
  return { slots, ask, running, begun, pass, clock };
}

test("one webhook gets a few at once, and the next when one is over", async () => {
  const { ask, running, begun, pass } = given();
  for (let n = 0; n < 20; n += 1) ask("ops");
  await pass();
  assert.equal(running.length, limits.noticesPerWebhook);
  await running[0]?.end(true);
  assert.deepEqual(
    [running.length, begun.length],
    [limits.noticesPerWebhook, limits.noticesPerWebhook + 1],
  );
});

test("after a failure it gets one at a time, until one goes well", async () => {
  const { ask, running, pass } = given();
  for (let n = 0; n < 20; n += 1) ask("ops");
  while (running.length > 1) await running[0]?.end(false);
  await pass();
  assert.equal(running.length, 1);
  await running[0]?.end(false);
  await pass();
  assert.equal(running.length, 1);
  await running[0]?.end(true);
  await pass();
  assert.equal(running.length, limits.noticesPerWebhook);
});

test("a thousand that hang leave room for one that answers, once each has failed", async () => {
  const { slots, ask, running, begun, pass } = given();
  for (let n = 0; n < 1_000; n += 1) ask(`down-${n}`);
  await pass();
  assert.equal(slots.busy(), limits.noticesAtOnce - limits.noticesAiling);
  while (begun.length < 1_000) {
    while (running.length > 0) await running[0]?.end(false); // Each had its time, and failed.
    await pass();
  }
  while (running.length > 0) await running[0]?.end(false);
  assert.equal(begun.length, 1_000);
  for (let n = 0; n < 1_000; n += 1) ask(`down-${n}`); // And again, now known to be ill.
  await pass();
  assert.equal(slots.busy(), limits.noticesAiling);
  ask("up");
  assert.equal(begun.at(-1), "up");
});

test("webhooks take turns, however much one has to say", async () => {
  const { ask, running, begun, pass } = given();
  for (let n = 0; n < limits.noticesAtOnce - limits.noticesAiling; n += 1) ask(`busy-${n}`);
  await pass();
  const before = begun.length;
  for (let n = 0; n < 50; n += 1) ask("much");
  ask("little");
  for (let n = 0; n < 3; n += 1) await running[0]?.end(true);
  assert.deepEqual(begun.slice(before), ["much", "little", "much"]);
});

/** How many of a thousand webhooks are told in the first second, where each answers at once. */
async function toldInASecond(isOk: boolean): Promise<number> {
  const clock = virtualClock();
  const slots = newSlots(clock);
  let begun = 0;
  for (let n = 0; n < 1_000; n += 1)
    slots.ask(`hook-${n}`, async () => {
      begun += 1;
      return isOk;
    });
  for (let ms = 0; ms < 1_000; ms += 10) {
    clock.advance(10);
    await new Promise((next) => setImmediate(next));
  }
  return begun;
}

test("however quickly a thousand answer, so many are begun in a second; far fewer, if all refuse", async () => {
  const answered = await toldInASecond(true);
  assert.ok(answered >= 150 && answered <= 270, `${answered} in a second`);
  const refused = await toldInASecond(false);
  assert.ok(refused >= 15 && refused <= 40, `${refused} in a second`);
});

test("after the end no turn begins, and nothing is waited for: a thousand that stood in line keep no process alive", async () => {
  const clock = virtualClock();
  let resting = 0;
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    resting += 1;
    await clock.sleep(ms, signal);
    resting -= 1;
  };
  const { ask, busy, end } = newSlots({ now: clock.now, sleep });
  let begun = 0;
  for (let n = 0; n < 1_000; n += 1)
    ask(`hook-${n}`, async () => {
      begun += 1;
      return false;
    });
  const turn = () => new Promise((next) => setImmediate(next));
  await turn();
  assert.ok(resting > 0);
  end();
  await turn();
  assert.equal(resting, 0);
  const before = begun;
  ask("late", async () => (begun += 1) > 0);
  clock.advance(60_000);
  await turn();
  assert.deepEqual([busy(), begun - before], [0, 0]);
});
