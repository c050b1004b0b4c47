/** Every clock passes this: T1 to T3 of ports/clock.ts. */
import assert from "node:assert/strict";
import type { Clock } from "../ports/clock.ts";
import type { Test } from "./given.ts";

/** advance lets this much time pass: at once on a virtual clock, by waiting on a real one. */
export type ClockBench = {
  readonly clock: Clock;
  readonly advance: (ms: number) => Promise<void> | void;
};

export function clockContract(test: Test, open: () => Promise<ClockBench>): void {
  void test("T1 now never goes backwards", async () => {
    const { clock, advance } = await open();
    let last = clock.now();
    assert.ok(last > 0);
    for (let time = 0; time < 1_000; time += 1) {
      if (time % 250 === 0) await advance(1);
      const now = clock.now();
      assert.ok(now >= last, `${now} after ${last}`);
      last = now;
    }
  });

  void test("T2 sleep resolves after at least ms", async () => {
    const { clock, advance } = await open();
    const start = clock.now();
    const slept = clock.sleep(5);
    await advance(6);
    await slept;
    assert.ok(clock.now() - start >= 5, `slept ${clock.now() - start} ms`);
  });

  void test("T2 sleep resolves early, without throwing, when the signal aborts", async () => {
    const { clock } = await open();
    const stop = new AbortController();
    const start = clock.now();
    const slept = [clock.sleep(60_000, stop.signal), clock.sleep(2 ** 40, stop.signal)];
    stop.abort();
    await Promise.all([...slept, clock.sleep(60_000, stop.signal)]);
    assert.ok(clock.now() - start < 60_000);
  });

  void test("T3 sleep(0) lets what is ready have its turn", async () => {
    const { clock } = await open();
    const order: string[] = [];
    const slept = clock.sleep(0).then(() => order.push("slept"));
    await Promise.resolve().then(() => order.push("ready"));
    await slept;
    assert.deepEqual(order, ["ready", "slept"]);
  });
}
