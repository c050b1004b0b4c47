/** Owners that are killed: what was acknowledged is there, and every sub-job is folded once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newFile, start } from "./child.ts";

/** From 0 to 1, the same sequence for every seed: a failure can be repeated. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const seed = Number(process.env["FANFOLD_SEED"] ?? Date.now() % 1_000_000);
const kills = 50;
const count = 100_000;

test(`SIGKILL at ${kills} random moments of runs of ${count} loses nothing and folds each sub-job once (seed ${seed})`, async () => {
  const chance = chances(seed);
  const file = newFile();
  let killed = 0;
  let runs = 0;
  let acknowledged = 0;
  while (killed < kills || acknowledged > 0 || runs === 0) {
    const id = `r${runs}`;
    const owner = start(["sum-both", file, String(count), id]);
    await owner.said("ready");
    if (killed < kills) {
      // Often at once, while everything is put in order again; else somewhere in the work.
      const moment = chance() < 0.3 ? chance() * 30 : chance() * 250;
      await Promise.race([
        owner.said("done"),
        new Promise((resolve) => setTimeout(resolve, moment)),
      ]);
      owner.kill("SIGKILL");
      killed += 1;
    } else {
      await owner.said("done", 60_000);
      owner.kill("SIGTERM");
    }
    await owner.ended();
    assert.deepEqual(owner.errors, []);
    for (const line of owner.lines.filter((said) => said.startsWith("ok "))) {
      const ok = Number(line.slice(3));
      assert.ok(ok >= acknowledged, `run ${id}: ${ok} are ok, ${acknowledged} had been`);
      acknowledged = ok;
    }
    assert.equal(owner.last("held"), undefined);
    const done = owner.last("done");
    if (done === undefined) continue;
    assert.equal(done, `${(count * (count - 1)) / 2} ${count}`);
    acknowledged = 0;
    runs += 1;
  }
});
