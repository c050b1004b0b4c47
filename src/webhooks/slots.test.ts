import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../core/limits.ts";
import { slots as newSlots } from "./slots.ts";

/** Turns that end when they are told to. */
function given() {
  const slots = newSlots();
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
          },
        };
        running.push(one);
      });
    });
  return { slots, ask, running, begun };
}

test("one webhook gets a few at once, and the next when one is over", async () => {
  const { ask, running, begun } = given();
  for (let n = 0; n < 20; n += 1) ask("ops");
  assert.equal(running.length, limits.noticesPerWebhook);
  await running[0]?.end(true);
  assert.deepEqual(
    [running.length, begun.length],
    [limits.noticesPerWebhook, limits.noticesPerWebhook + 1],
  );
});

test("after a failure it gets one at a time, until one goes well", async () => {
  const { ask, running } = given();
  for (let n = 0; n < 20; n += 1) ask("ops");
  while (running.length > 1) await running[0]?.end(false);
  assert.equal(running.length, 1);
  await running[0]?.end(false);
  assert.equal(running.length, 1);
  await running[0]?.end(true);
  assert.equal(running.length, limits.noticesPerWebhook);
});

test("a thousand that hang leave room for one that answers, once each has failed", async () => {
  const { slots, ask, running, begun } = given();
  for (let n = 0; n < 1_000; n += 1) ask(`down-${n}`);
  assert.equal(slots.busy(), limits.noticesAtOnce - limits.noticesAiling);
  while (running.length > 0) await running[0]?.end(false); // Each had its time, and failed.
  assert.equal(begun.length, 1_000);
  for (let n = 0; n < 1_000; n += 1) ask(`down-${n}`); // And again, now known to be ill.
  assert.equal(slots.busy(), limits.noticesAiling);
  ask("up");
  assert.equal(begun.at(-1), "up");
});

test("webhooks take turns, however much one has to say", async () => {
  const { ask, running, begun } = given();
  for (let n = 0; n < limits.noticesAtOnce - limits.noticesAiling; n += 1) ask(`busy-${n}`);
  const before = begun.length;
  for (let n = 0; n < 50; n += 1) ask("much");
  ask("little");
  for (let n = 0; n < 3; n += 1) await running[0]?.end(true);
  assert.deepEqual(begun.slice(before), ["much", "little", "much"]);
});
