/** Files that cannot be had, or cannot be trusted, and disks and clocks that misbehave. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { systemClock } from "../../src/engines/system.ts";
import { ConflictError, CorruptError, UsageError } from "../../src/index.ts";
import { given, opened } from "../app/given.ts";
import { summing } from "../app/parts.ts";
import { until } from "../until.ts";
import { newFile, start } from "./child.ts";

const { sums, parts } = summing((n) => n, 3);

/** What an app says of this file when it is asked for anything. */
async function refusal(t: TestContext, path: string): Promise<unknown> {
  const { app } = opened(t, parts, { path });
  return app.start(sums, {}, { id: "r" }).then(
    () => "accepted",
    (error: unknown) => error,
  );
}

function made(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

test("a second owner is told who has the file and what to do, and the first does not notice", async (t) => {
  const file = newFile();
  const owner = start(["slow", file, "20"]);
  await owner.said("started");
  const error = await refusal(t, file);
  assert.ok(error instanceof ConflictError, String(error));
  assert.match(
    error.message,
    new RegExp(
      `^${file} is in use by process ${owner.pid} \\("program", since \\d\\d:\\d\\d\\): stop it first, or let it answer others: work\\(\\{ listen: 4400 \\}\\)$`,
    ),
  );
  assert.equal(await owner.said("done"), "190 20");
  owner.kill("SIGKILL");
  await owner.ended();
  const { app } = await given(t, parts, { path: file });
  assert.equal(
    (await (await app.start(sums, {}, { id: "mine" })).result({ timeout: "60s" })).ok,
    3,
  );
});

test("a file that was killed, copied into and damaged is refused, and says what to do", async (t) => {
  const { app, path } = await given(t, parts);
  await (await app.start(sums, {}, { id: "r" })).result({ timeout: "60s" });
  await app.close();
  const { size } = statSync(path);
  const fd = openSync(path, "r+");
  for (let at = 8_192; at < size; at += 512) writeSync(fd, "damaged!", at);
  closeSync(fd);
  const error = await refusal(t, path);
  assert.ok(error instanceof CorruptError, String(error));
  assert.match(
    error.message,
    /test\.db is damaged \(.*\): restore it from a backup, or save what can be read with: sqlite3 .*test\.db \.recover$/,
  );
});

test("what is no database, another program's, or a folder is refused, and left as it is", async (t) => {
  const text = made(newFile());
  writeFileSync(text, "Dear diary, this is not a database. ".repeat(100));
  const said = await refusal(t, text);
  assert.ok(
    said instanceof CorruptError &&
      /is not an SQLite database, or its first page is damaged: choose another path/.test(
        said.message,
      ),
    String(said),
  );
  const foreign = made(newFile());
  const db = new DatabaseSync(foreign);
  db.exec("create table users (id); insert into users values (7)");
  db.close();
  const before = statSync(foreign).mtimeMs;
  const theirs = await refusal(t, foreign);
  assert.ok(theirs instanceof UsageError, String(theirs));
  assert.match(
    theirs.message,
    /is the database of another program \(its tables: "users"\): choose another path$/,
  );
  assert.equal(statSync(foreign).mtimeMs, before);
  const folder = await refusal(t, dirname(foreign));
  assert.ok(
    folder instanceof UsageError && /is not a file: name one/.test(folder.message),
    String(folder),
  );
});

test("a file that may not be written is refused with what to do", async (t) => {
  const { app, path } = await given(t, parts);
  await (await app.start(sums, {}, { id: "r" })).result({ timeout: "60s" });
  await app.close();
  const isRoot = process.getuid?.() === 0;
  for (let folder = dirname(path); folder !== tmpdir(); folder = dirname(folder))
    chmodSync(folder, 0o755);
  chmodSync(path, 0o444);
  chmodSync(dirname(path), 0o555);
  // Root may write everything: then somebody else has to try.
  const child = start(["sum", path, "3"], isRoot ? { uid: 65_534 } : {});
  assert.equal(await child.ended(), "1");
  chmodSync(dirname(path), 0o755);
  assert.match(child.errors.join("\n"), /UsageError: .*(?:cannot be (?:written|opened)).*/);
  assert.equal(child.last("started"), undefined);
});

/** A disk of so many KB; undefined where this user may not have one. */
function smallDisk(
  t: TestContext,
  kilobytes: number,
): { file: string; grow: () => void } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-disk-"));
  const mount = (...options: readonly string[]): void =>
    void execFileSync("mount", [...options, folder], { stdio: "pipe" });
  try {
    mount("-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs");
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  t.after(() => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });
  return { file: join(folder, "test.db"), grow: () => mount("-o", "remount,size=200m") };
}

test("a full disk ends the process, with nothing acknowledged that is not there; with room again it goes on", async (t) => {
  const disk = smallDisk(t, 2_048);
  if (disk === undefined) {
    t.skip(
      "mounting a small disk takes root: see test/engines/sqlite.test.ts for the same below the app",
    );
    return;
  }
  const owner = start(["sum", disk.file, "100000"]);
  assert.equal(await owner.ended(), "1");
  assert.match(
    owner.errors.join("\n"),
    /UnavailableError: .*test\.db failed, and is not written any more until it is opened again: .*full/,
  );
  const oks = owner.lines
    .filter((line) => line.startsWith("ok "))
    .map((line) => Number(line.slice(3)));
  disk.grow();
  const again = start(["sum", disk.file, "100000"]);
  assert.equal(await again.said("done"), "4999950000 100000");
  assert.ok(
    Number(again.lines.find((line) => line.startsWith("ok "))?.slice(3)) >= Math.max(0, ...oks),
  );
  again.kill("SIGTERM");
  assert.equal(await again.ended(), "0");
});

test("a clock that is stepped back an hour, and forward again, stops no retry and no run, and time never falls", async (t) => {
  let offset = 0;
  const sources = { wall: () => Date.now() + offset, steady: () => performance.now() };
  const clock = systemClock(sources);
  const times: number[] = [];
  const retried = summing(
    (n, { attempt, now }) => {
      times.push(now.getTime());
      if (attempt === 1) {
        offset = n % 2 === 0 ? -3_600_000 : 0;
        throw new Error("once more");
      }
      return n;
    },
    20,
    { retry: 2, concurrency: 2 },
  );
  const first = await given(t, retried.parts, { clock });
  const run = await first.app.start(retried.sums, {}, { id: "r" });
  assert.equal((await run.result({ timeout: "60s" })).value.sum, 190);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  await first.app.close();
  offset = -3_600_000;
  const second = await given(t, retried.parts, { path: first.path, clock: systemClock(sources) });
  const later = await second.app.start(retried.sums, {}, { id: "later" });
  assert.equal((await later.result({ timeout: "60s" })).value.sum, 190);
  const [one, two] = [await (await second.app.run("r"))?.status(), await later.status()];
  assert.ok((one?.endedAt ?? Infinity) <= two.startedAt && two.startedAt <= (two.endedAt ?? 0));
  await until(async () => (await second.app.runs()).length === 2);
  assert.deepEqual(
    (await second.app.runs()).map(({ run }) => run),
    ["later", "r"],
  );
});
