/** The examples as a newcomer runs them: each in a process and a folder of its own, and what it says. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { until } from "./until.ts";

const examples = join(import.meta.dirname, "../examples");

type Ended = {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** A folder that is gone after the test. */
async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fanfold-example-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Runs an example to its end, or until it has said `killAt`: then it is killed, as by a power cut. */
function run(t: TestContext, example: string, cwd: string, killAt?: RegExp): Promise<Ended> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const child = spawn(process.execPath, [join(examples, example)], { cwd, env, signal: t.signal });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (killAt?.test(stdout) === true) child.kill("SIGKILL");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.on("error", reject);
  child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  return promise;
}

/** The numbers of sub-jobs done that hello has shown. */
function shown(stdout: string): readonly number[] {
  return [...stdout.matchAll(/^(?:running|done) (\d+)$/gm)].map(([, done]) => Number(done));
}

test("hello: killed in the middle and started again, a thousand sub-jobs are folded once each", async (t) => {
  // A kill that comes when it has ended already was none: then once more.
  const { cwd, killed } = await until(async () => {
    const fresh = await folder(t);
    const ended = await run(t, "01-hello.ts", fresh, /^running [2-9]\d\d$/m);
    assert.ok(ended.signal !== null || ended.code === 0, ended.stderr);
    return ended.signal === "SIGKILL" && { cwd: fresh, killed: ended };
  });
  const again = await run(t, "01-hello.ts", cwd);
  assert.equal(again.code, 0, again.stderr);
  const [first = 0] = shown(again.stdout);
  assert.ok(first >= Math.max(...shown(killed.stdout)), `what was done is done:\n${again.stdout}`);
  assert.match(again.stdout, /^done 1000\n\{ sent: 1000, cents: 1490500 \}\n$/m);

  const third = await run(t, "01-hello.ts", cwd);
  assert.equal(third.stdout, "done 1000\n{ sent: 1000, cents: 1490500 }\n");
});

test("fan-out: a stream and a paged source come to what their folds say", async (t) => {
  const { code, stdout, stderr } = await run(t, "02-fan-out.ts", await folder(t));
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  for (const line of [
    "read: 3000,",
    "skipped: 612,",
    "perCountry: { DE: 796, FR: 796, NL: 796 },",
    "youngest: 18,",
    "oldest: 89,",
    "{ id: 'c-18', country: 'DE', age: 18 },",
    "customers: 2500,",
    "good: 1252,",
    "total: 1249750,",
    "best: [ 321, 1321, 2321 ],",
  ])
    assert.ok(stdout.includes(line), `expected "${line}" in\n${stdout}`);
});

test("redrive: held, looked at, redriven, skipped and released", async (t) => {
  const { code, stdout, stderr } = await run(t, "03-redrive.ts", await folder(t));
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  const lines = stdout.trimEnd().split("\n");
  // Which of two kinds of failure came first is chance.
  const [held, ...rest] = lines.filter((line) => !line.startsWith("  "));
  assert.equal(held, "letters-2026-11 is held: 12.0 % failed (24 of 200), 1 % tolerated");
  assert.deepEqual(rest, [
    "redriven: 20",
    "letters-2026-11 is held: 2.0 % failed (4 of 200), 1 % tolerated",
    "c-0: [ '1 failed', '2 failed', '3 failed', '1 ok' ]",
    "skipped: 2",
    "196 sent, 2 failed, 2 skipped",
    "letters-2026-12 is held: 12.0 % failed (12 of 100), 1 % tolerated",
    "88 sent, 12 failed, 0 skipped",
  ]);
  const [first, second, third] = lines.filter((line) => line.startsWith("  "));
  const kinds = [first, second].map((line = "") => line.split(":")[0]);
  assert.ok(kinds.includes("  20 × smtp-451"), stdout);
  assert.ok(kinds.includes("  4 × customer-has-no-address"), stdout);
  assert.match(third ?? "", /^ {2}4 × customer-has-no-address: customer \d+ has no address$/);
});

test("processes: the work of several processes is one answer", { timeout: 300_000 }, async (t) => {
  const { code, stdout, stderr } = await run(t, "04-processes.ts", await folder(t));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^\{ primes: 148933, ranges: 200, processes: [1-4] \}\n$/);
  assert.equal(stderr, "", "no process ended on its way");
});

test("listen: who is told hears of the hold and of the end, and who looks on of the steps", async (t) => {
  const { code, stdout, stderr } = await run(t, "05-listen.ts", await folder(t));
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.trimEnd().split("\n").toSorted(), [
    "run.ended welcome done",
    "run.held welcome 1 of 2 failed, 0 tolerated",
    "step.began send",
    "step.ended send",
  ]);
});

test("webhook: another program verifies what it gets, and a redrive reaches it once it is there", async (t) => {
  const { code, stdout, stderr } = await run(t, "06-webhook.ts", await folder(t));
  assert.equal(code, 0, stderr);
  assert.deepEqual(stdout.trimEnd().split("\n"), [
    "signed fanfold.run.ended -> answers 410",
    "run.ended cancelled attempts 1 410",
    "redriven 1",
    "signed fanfold.run.ended -> answers 204",
  ]);
});

test("page: a browser's reader sees the steps and the end", async (t) => {
  const { code, stdout, stderr } = await run(t, "07-page.ts", await folder(t));
  assert.equal(code, 0, stderr);
  const events = stdout.trimEnd().split("\n");
  assert.deepEqual(events.slice(-5), [
    "step.ended",
    "step.began",
    "step.ended",
    "run.ended",
    "end",
  ]);
});
