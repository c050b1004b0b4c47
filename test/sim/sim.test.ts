/**
 * The simulator over many seeds: the same ones in every run, and some that nobody has seen before.
 *
 * FANFOLD_SIM_SEEDS says how many fixed ones (2,000), FANFOLD_SIM_FRESH how many fresh ones (50).
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { simulateMany } from "../../src/sim/many.ts";
import { argumentsFor, shrink } from "../../src/sim/shrink.ts";
import { simulate } from "../../src/sim/world.ts";

const fixed = Number(process.env["FANFOLD_SIM_SEEDS"] ?? 2_000);
const fresh = Number(process.env["FANFOLD_SIM_FRESH"] ?? 50);

test("two runs of a seed are the same in all that happens", async () => {
  for (const seed of [2, 3, 5, 8, 13, 21]) {
    const one = await simulate(seed);
    const other = await simulate(seed);
    assert.deepEqual(other.report, one.report);
    assert.deepEqual(
      other.history.partitions.map(({ entries }) => entries),
      one.history.partitions.map(({ entries }) => entries),
    );
  }
});

test("a fault that is taken away moves no other choice", async () => {
  const { report: one } = await simulate(11);
  const { report: other } = await simulate(11, { without: ["lost hint", "crash", "pause"] });
  assert.equal(other.about, one.about);
});

test("a failing seed is shrunk to what it needs, and the command that repeats it says so", async () => {
  const tried: object[] = [];
  const { smaller, violations } = await shrink(7, {}, async (_, world) => {
    tried.push(world);
    const { runs = 4, without = [] } = world;
    const fails = runs >= 2 && !without.includes("crash") && !without.includes("lost queue");
    return fails ? ["two runs, a crash and a lost queue"] : [];
  });
  assert.deepEqual(violations, ["two runs, a crash and a lost queue"]);
  assert.equal(
    argumentsFor(7, smaller),
    `--seed 7 --nodes 1 --runs 2 --items 3 --commands 0 --without "lost request,lost answer,repeated request,slow call,pause,worker's clock,log's clock,lost hint,failover"`,
  );
  assert.ok(tried.length > 10);
});

test("a seed that does not fail is not shrunk", async () => {
  assert.deepEqual(await shrink(7, {}, async () => []), { smaller: {}, violations: [] });
});

test(`${fixed} fixed seeds: nothing wrong happens, and everything ends`, async (t) => {
  await allWell(t, 1, fixed);
});

test(`${fresh} fresh seeds: nothing wrong happens, and everything ends`, async (t) => {
  await allWell(t, Math.floor(Date.now() / 1_000), fresh);
});

async function allWell(t: TestContext, from: number, seeds: number): Promise<void> {
  const sums = await simulateMany({ from, seeds, stopAfter: 3 });
  const faults = Object.values(sums.faults).reduce((a, b) => a + b, 0);
  t.diagnostic(
    `seeds ${from} to ${from + sums.seeds - 1}: ${faults} faults, ${sums.folds} sub-jobs folded, ${sums.seedsPerMinute} seeds a minute`,
  );
  const told: string[] = [];
  for (const { seed } of sums.failed) {
    const { smaller, violations } = await shrink(seed);
    told.push(`npm run sim -- ${argumentsFor(seed, smaller)} --log\n  ${violations.join("\n  ")}`);
  }
  assert.deepEqual(told, []);
  assert.equal(sums.seeds, seeds);
}
