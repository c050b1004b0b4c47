/** A short torture on every run of the tests; two minutes of it in CI. `npm run torture` is the long one. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Report } from "../torture/report.ts";
import { whyNoServer } from "./servers/postgres.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

const torture = async (...args: readonly string[]): Promise<Report> => {
  const { stdout, stderr } = await run(
    process.execPath,
    [join(root, "torture/main.ts"), "--json", ...args],
    { maxBuffer: 2 ** 26 },
  ).catch((error: { readonly stdout: string; readonly stderr: string }) => error);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Report;
};

test("killed, unplugged, starved and failing, nothing acknowledged is lost, nothing folded twice, and all of it ends", async (t) => {
  const isCi = process.env["CI"] !== undefined;
  const { skipped, violations, sums, faults, notes } = await torture(
    "--minutes",
    isCi ? "2" : "0.3",
    ...(isCi ? [] : ["--only", "kill,power,io,full,clock"]), // A pause takes half a minute.
  );
  for (const line of [...skipped.map((line) => `NOT INJECTED ${line}`), ...notes])
    t.diagnostic(line);
  t.diagnostic(`${JSON.stringify(faults)} ${JSON.stringify(sums)}`);
  assert.deepEqual(violations, []);
  assert.ok((faults["owner killed"] ?? 0) > 0, "it has killed somebody");
  assert.ok((sums["sub-jobs"] ?? 0) > 0, "and there was work to lose");
});

test(
  "the same of managers and workers that share a PostgreSQL server, which crashes and is cut off itself",
  { skip: process.env["CI"] === "true" ? false : (whyNoServer() ?? false) },
  async (t) => {
    const { violations, sums, faults, notes } = await torture(
      "--engine",
      "postgres",
      "--only",
      "storm",
      "--minutes",
      "0.1",
      "--lanes",
      "1",
    );
    for (const line of notes) t.diagnostic(line);
    t.diagnostic(`${JSON.stringify(faults)} ${JSON.stringify(sums)}`);
    assert.deepEqual(violations, []);
    assert.ok(Object.keys(faults).length > 0, "harm was done");
    assert.ok((sums["sub-jobs"] ?? 0) > 0, "and there was work to lose");
  },
);

test("docs/reliability.md is what the published runs say", async () => {
  await run(process.execPath, [join(root, "torture/scoreboard.ts"), "--check"]);
});
