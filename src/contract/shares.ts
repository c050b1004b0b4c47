/** Every engine that several processes manage passes this: P1–P2 of ports/shares.ts. */
import assert from "node:assert/strict";
import type { Shares } from "../ports/shares.ts";
import { type Bench, type Open, type Test, withBench } from "./given.ts";

const forMs = 5_000;

export function sharesContract(test: Test, open: Open): void {
  const withAny = withBench(test, open);
  const promise = (title: string, body: (bench: Bench, shares: Shares) => Promise<void>): void =>
    withAny(title, async (bench) => {
      const { shares } = bench.engine;
      if (shares !== undefined) await body(bench, shares);
    });

  promise("P1 who attends is a candidate until nothing is heard of it", async (bench, shares) => {
    assert.deepEqual((await shares.attend("ann", forMs)).candidates, ["ann"]);
    await bench.advance(1_000);
    const seen = await shares.attend("bob", forMs);
    assert.deepEqual(seen.candidates, ["ann", "bob"]);
    assert.equal(seen.changesInMs, forMs - 1_000);
    await bench.advance(forMs - 1_000);
    assert.deepEqual((await shares.attend("cid", 0)).candidates, ["bob"]);
    assert.deepEqual((await shares.attend("bob", 0)).candidates, []);
    assert.deepEqual(await shares.attend("bob", 0).then((seen) => seen.changesInMs), Infinity);
  });

  promise("P2 attend says who holds which claim", async ({ engine, advance }, shares) => {
    const { store, partitions } = engine;
    const nobody = Array.from({ length: partitions }, (): string | undefined => undefined);
    assert.deepEqual((await shares.attend("ann", forMs)).holders, nobody);
    const claim = await store.claim(0, "bob", forMs);
    assert.ok(claim);
    assert.deepEqual((await shares.attend("ann", 0)).holders, nobody.with(0, "bob"));
    await advance(forMs);
    assert.deepEqual((await shares.attend("ann", 0)).holders, nobody);
    await store.claim(0, "bob", forMs);
    await store.resign(claim, "bob");
    assert.deepEqual((await shares.attend("ann", 0)).holders, nobody);
  });
}
