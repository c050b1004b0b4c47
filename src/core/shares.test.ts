import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { shareOf } from "./shares.ts";

type Holders = readonly (string | undefined)[];

/** One after the other looks, gives and takes, until nobody does. */
function settled(
  candidates: readonly string[],
  before: Holders,
): { holders: Holders; moves: number } {
  const holders = [...before];
  let moves = 0;
  for (let round = 0; round < 3; round += 1)
    for (const me of new Set([...candidates, ...before])) {
      if (me === undefined) continue;
      const { give, take } = shareOf(me, candidates, holders);
      for (const partition of give) {
        assert.equal(holders[partition], me);
        holders[partition] = undefined;
      }
      for (const partition of take) {
        assert.equal(holders[partition], undefined);
        holders[partition] = me;
        moves += 1;
      }
    }
  return { holders, moves };
}

test("every partition ends with a candidate, nobody has two more than another, and no more moves than must", () => {
  const names = ["ann", "bob", "cid", "dan", "eve"];
  fc.assert(
    fc.property(
      fc.subarray(names, { minLength: 1 }),
      fc.array(fc.option(fc.constantFrom(...names), { nil: undefined }), {
        minLength: 1,
        maxLength: 16,
      }),
      (candidates, before) => {
        const { holders, moves } = settled(candidates, before);
        const count = (of: Holders, name: string): number =>
          of.filter((one) => one === name).length;
        const counts = candidates.map((name) => count(holders, name));
        assert.equal(
          counts.reduce((sum, one) => sum + one, 0),
          before.length,
        );
        assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
        // Whoever had more than the larger share gives the rest; whoever is gone gives all; nothing else moves.
        const floor = Math.floor(before.length / candidates.length);
        const larger = before.length % candidates.length;
        const had = candidates
          .map((name) => count(before, name))
          .toSorted((left, right) => right - left);
        const kept = had.reduce(
          (sum, one, rank) => sum + Math.min(one, floor + (rank < larger ? 1 : 0)),
          0,
        );
        assert.equal(moves, before.length - kept);
      },
    ),
  );
});

test("a second process gets half of what the first has, a third a third of it all", () => {
  const all = Array.from({ length: 8 }, () => "ann");
  assert.deepEqual(shareOf("ann", ["ann", "bob"], all), { give: [4, 5, 6, 7], take: [] });
  const { holders } = settled(["ann", "bob", "cid"], all);
  assert.deepEqual(
    ["ann", "bob", "cid"].map((name) => holders.filter((one) => one === name).length),
    [3, 3, 2],
  );
});

test("who is no candidate serves what is free where there is none, and gives it all to the first that comes", () => {
  assert.deepEqual(shareOf("ann", [], ["bob", undefined]), { give: [], take: [1] });
  assert.deepEqual(shareOf("ann", ["bob"], ["ann", undefined]), { give: [0], take: [] });
});
