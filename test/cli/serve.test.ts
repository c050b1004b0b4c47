/** serve and tail: one process keeps the file, another works for it, a third looks on. Real processes, a real file. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { until } from "../until.ts";

const program = join(import.meta.dirname, "../../src/cli/main.ts");

type Running = {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<number | null>;
};

function fanfold(t: TestContext, url: string, ...args: readonly string[]): Running {
  return fanfoldWith(t, {}, url, ...args);
}

function fanfoldWith(
  t: TestContext,
  more: Readonly<Record<string, string>>,
  url: string,
  ...args: readonly string[]
): Running {
  const { CI: _, NODE_TEST_CONTEXT: __, FANFOLD_TOKEN: ___, ...env } = process.env;
  const child = spawn(process.execPath, [program, ...args, "--app", "know-app.ts"], {
    cwd: import.meta.dirname,
    env: { ...env, FANFOLD_URL: url, ...more },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

async function says({ stdout, stderr }: Running, what: RegExp): Promise<string> {
  return until(() => what.exec(stdout() + stderr())?.[1], {
    withinMs: 60_000,
    what: String(what),
  });
}

test("serve works on nothing; a worker does, through it; tail tells what happens", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-serve-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = `sqlite:${join(folder, "dev.db")}`;
  const serve = fanfold(t, file, "serve", "--port", "0");
  const url = await says(serve, /answers other processes at (http:\S+)\n/);
  const tail = fanfold(t, file, "tail", "october");
  const json = fanfold(t, url, "tail", "run.ended", "--json");
  for (const one of [tail, json]) await says(one, /(listening)/);

  const start = fanfold(t, file, "start", "mail", '{"count":1}', "--id", "october");
  assert.equal(await start.ended, 0, start.stderr());
  const other = fanfold(t, url, "start", "mail", '{"count":1}', "--id", "november");
  assert.equal(await other.ended, 0, other.stderr());
  await says(tail, /(⑂ october\/invoices {3}sub-jobs of send)\n/);
  const worker = fanfold(t, url, "worker");
  await says(tail, /(✓ october {3}done)\n/);
  await until(() => json.stdout().split("\n").length === 3);
  assert.doesNotMatch(tail.stdout(), /november/);
  assert.deepEqual(
    json
      .stdout()
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .map(({ schema, type, run, state }) => [schema, type, run, state])
      .toSorted((a, b) => String(a[2]).localeCompare(String(b[2]))),
    ["november", "october"].map((run) => ["fanfold.event/1", "run.ended", run, "done"]),
  );
  for (const one of [tail, json, worker, serve]) {
    one.child.kill("SIGINT");
    assert.equal(await one.ended, 130, one.stderr());
  }
  assert.match(serve.stderr(), /stopped: runs go on with the next who serves\n$/);
});

test("serve --read-only is beside the owner of a file: who knows the token may ask, and nobody may change anything", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-serve-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = `sqlite:${join(folder, "dev.db")}`;
  const owner = fanfold(t, file, "worker");
  await says(owner, /(works on all queues)/);
  const token = "a-token-of-some-length";
  const serve = fanfold(t, file, "serve", "--read-only", "--port", "0", "--token", token);
  const url = await says(serve, /answers other processes at (http:\S+), questions only\n/);

  const known = { FANFOLD_TOKEN: token };
  const nobody = fanfold(t, url, "runs");
  const asked = fanfoldWith(t, known, url, "queues", "--json");
  const refused = ['start mail {"count":1} --id october', "worker"].map((line) =>
    fanfoldWith(t, known, url, ...line.split(" ")),
  );
  assert.equal(await nobody.ended, 7, nobody.stderr());
  assert.match(nobody.stderr(), /wants a token, and not this one: set FANFOLD_TOKEN/);
  assert.equal(await asked.ended, 0, asked.stderr());
  assert.match(asked.stdout(), /"queue":"mail",/);
  for (const one of refused) {
    assert.equal(await one.ended, 7, one.stderr());
    assert.match(one.stderr(), /✗ http:\S+ this address answers questions only, and .* changes/);
  }
  for (const one of [serve, owner]) {
    one.child.kill("SIGINT");
    assert.equal(await one.ended, 130, one.stderr());
  }
});

test("serve for other machines without a token is refused, and says what to do", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-serve-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = `sqlite:${join(folder, "dev.db")}`;
  const open = fanfold(t, file, "serve", "--host", "0.0.0.0", "--port", "0");
  assert.equal(await open.ended, 2, open.stderr());
  assert.match(open.stderr(), /whoever reaches it can run and end work: it needs a token/);
  const env = { FANFOLD_TOKEN: "a-token-of-some-length" };
  const serve = fanfoldWith(t, env, file, "serve", "--host", "0.0.0.0", "--port", "0");
  await says(serve, /answers other processes at (http:\/\/127\.0\.0\.1:\d+)\n/);
  await says(serve, /and on (0\.0\.0\.0); nothing is encrypted\n/);
  serve.child.kill("SIGTERM");
  assert.equal(await serve.ended, 0, serve.stderr());
});
