import assert from "node:assert/strict";
import { test } from "node:test";

import { FatalError } from "../../errors.ts";
import type { Ctx } from "../../define/ctx.ts";
import { world } from "./world.ts";
import type { Customer, World } from "./world.ts";

const items = 10_000;
const slept: number[] = [];
const clock = {
  now: () => 0,
  sleep: async (ms: number) => {
    slept.push(ms);
  },
};
const ctx = (attempt: number): Ctx =>
  ({
    attempt,
    fatal(reason: string) {
      throw new FatalError(reason);
    },
  }) as unknown as Ctx;

async function outcome(life: World, customer: Customer, attempt: number): Promise<string> {
  try {
    await life.print(customer, ctx(attempt));
    life.mail(customer, ctx(attempt));
    return "ok";
  } catch (error) {
    return error instanceof Error ? error.message : "thrown";
  }
}

async function tally(life: World, attempt: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const customer of life.customers()) {
    const what = await outcome(life, customer, attempt);
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

test("of 10,000 invoices exactly 83 fail for good, and 61 of them can pass later", async () => {
  const life = world({ items, speed: 1, failures: 83, clock });
  assert.deepEqual(await tally(life, 5), {
    ok: 9_917,
    "451 4.3.2 mailbox busy, try later": 61,
    "customer has no address": 18,
    "render exceeded 512 MB": 4,
  });
  life.repairMail();
  assert.equal((await tally(life, 5))["ok"], 9_978);
});

test("two in a hundred pass only the second time", async () => {
  const life = world({ items, speed: 1, failures: 83, clock });
  assert.equal((await tally(life, 1))["421 4.4.2 connection timed out"], 200);
});

test("an invoice takes a minute on average, and the speed divides it", async () => {
  const mean = async (speed: number): Promise<number> => {
    slept.length = 0;
    await tally(world({ items, speed, failures: 0, clock }), 1);
    return slept.reduce((sum, ms) => sum + ms, 0) / slept.length;
  };
  const minute = await mean(1);
  assert.ok(minute > 59_000 && minute < 61_000, String(minute));
  assert.ok(Math.abs((await mean(240)) * 240 - minute) < 1e-3);
});
