/** doctor --fix: it says what it would do, does it when it is told to, and leaves alone what somebody has open. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openFile } from "../../src/engines/sqlite/file.ts";
import { newPath } from "../app/given.ts";
import { fanfold } from "./given.ts";

/** A file of which most pages are free, as after retention. */
function freed(path: string): void {
  const { db, close } = openFile(path, { name: "test", since: 0 });
  const add = db.prepare("insert into log values (?, 0, ?)");
  for (let id = 1; id <= 300; id += 1) add.run(id, "x".repeat(10_000));
  db.exec("delete from log; pragma wal_checkpoint(truncate)");
  close();
}

test("doctor --fix gives free pages back, and removes what a doctor left that was killed", async () => {
  const path = newPath();
  freed(path);
  const left = join(dirname(path), "fanfold-doctor-a1B2c3");
  const fresh = join(dirname(path), "fanfold-doctor-d4E5f6");
  for (const folder of [left, fresh]) mkdirSync(folder);
  writeFileSync(join(left, "probe"), "");
  utimesSync(left, 0, 0);
  const before = statSync(path).size;
  const fix = (...args: readonly string[]) =>
    fanfold("doctor", "--fix", ...args, "--app", "know-app.ts", "--url", `sqlite:${path}`);

  const dry = await fix("--dry-run");
  assert.match(
    dry.stderr,
    /would remove 1 folder that a doctor left when it was stopped: \S+a1B2c3\n {2}would give [\d,]+ KiB of [\d,]+ KiB of \S+ back to the disk: they are free\n/,
  );
  const unasked = await fix();
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /nobody is there to be asked\n {4}fanfold doctor --fix --yes/);
  assert.deepEqual([existsSync(left), statSync(path).size], [true, before]);

  const owner = openFile(path, { name: "owner", since: 0 });
  const beside = await fix("--dry-run");
  assert.doesNotMatch(beside.stderr, /back to the disk/);
  owner.close();

  const done = await fix("--yes", "--json");
  const { mended } = JSON.parse(done.stdout) as { mended: readonly string[] };
  assert.equal(mended.length, 2, done.stderr);
  assert.deepEqual([existsSync(left), existsSync(fresh)], [false, true]);
  assert.ok(statSync(path).size < before / 2, `${statSync(path).size} of ${before}`);
  assert.match((await fix("--yes")).stderr, /nothing that can be mended by itself/);
});

test("a database that does not answer is said once, by what looks at the server", async () => {
  const url = "postgres://127.0.0.1:1/nowhere";
  const { code, stdout } = await fanfold("doctor", "--app", "know-app.ts", "--url", url);
  assert.equal(code, 9);
  assert.deepEqual(
    [...stdout.matchAll(/^ {2}(.) {2}(\S+)/gm)].map(([, mark, name]) => `${mark} ${name}`),
    ["✓ node", "✓ sqlite", "✓ app", "✗ server"],
  );
});
