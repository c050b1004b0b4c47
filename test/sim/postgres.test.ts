/** The simulator's own rules, applied to what the real roles have written on a real PostgreSQL. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkDatabase } from "../../src/check/postgres.ts";
import { newDatabase, skip } from "../servers/databases.ts";
import { runs, worldOn } from "./postgres-world.ts";

// Worlds that are over soon: others hold a job for a minute, or wait for people.
for (const seed of [1, 6])
  test(
    `world ${seed} on PostgreSQL: crashed, cut off and with backends ended, all that its managers wrote follows from the log, and of what retention removed nothing is left`,
    { skip },
    async (t) => {
      const url = await newDatabase();
      const { violations, checked, crashes, ended } = await worldOn(url, seed);
      t.diagnostic(
        `${crashes} crashes, ${checked.folds} folds, ${checked.joins} joins, ${checked.swept} swept, ${checked.removed.size} removed`,
      );
      assert.deepEqual(violations, []);
      assert.deepEqual((await checkDatabase(url)).violations, []);
      assert.equal(ended, runs);
      assert.ok(checked.removed.size >= runs / 2);
      assert.ok(checked.joins > 0);
    },
  );
