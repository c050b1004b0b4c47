/** The command line end to end: real child processes, a real file, the app that `fanfold init` writes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..");
const program = join(root, "src/cli/main.ts");
const october = '{"month":"2026-10"}';

let folder = "";

before(async () => {
  // Inside the project, so that the schema library is found; ignored by git.
  await mkdir(join(root, "tmp"), { recursive: true });
  folder = await mkdtemp(join(root, "tmp/cli-"));
  await ended(fanfold(["init", "app"]));
  for (const name of ["app.ts", "invoices.ts", "invoices.test.ts"]) {
    const text = await readFile(join(folder, "app", name), "utf8");
    const door = pathToFileURL(join(root, "src/index.ts")).href;
    await writeFile(join(folder, "app", name), text.replace('"fanfold"', `"${door}"`));
  }
});

after(() => rm(folder, { recursive: true, force: true }));

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** The command in the app's folder, on a database of its own; without a terminal, so in plain lines. */
function fanfold(args: readonly string[], database = "dev"): ChildProcess {
  const { CI: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  return spawn(process.execPath, [program, ...args], {
    cwd: args[0] === "init" ? folder : join(folder, "app"),
    env: { ...env, FANFOLD_URL: `sqlite:${database}.db` },
  });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin?.end();
  const code = await new Promise<number | null>((resolve) => {
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}

const run = (args: readonly string[], database?: string): Promise<Ended> =>
  ended(fanfold(args, database));

/** Resolves when the child has said this on stderr; rejects when it ends without. */
function says(child: ChildProcess, what: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.on("data", (chunk) => {
      text += String(chunk);
      if (what.test(text)) resolve();
    });
    child.once("close", () => reject(new Error(`never said ${what}, but: ${text}`)));
  });
}

const watched = ["start", "monthly-invoices", october, "--id", "october", "--watch"];
/** Takes five seconds at least: there is time to see how far it is, and to do something about it. */
const slowly = [...watched, "--concurrency", "10"];

test("start --watch works the run to its end: talk on stderr, the result alone on stdout", async () => {
  const { code, stdout, stderr } = await run(watched, "whole");
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { month: "2026-10", sent: 996, failed: 4, total: 9_909.12 });
  assert.match(stderr.split("\n")[0] ?? "", /^ {2}app {3}sqlite:whole\.db$/);
  assert.match(stderr, /✓ done in/);
  assert.match(stderr, /4 {2}customer has no address {2}fanfold show october\/invoices\/c-250/);

  const again = await run(watched, "whole");
  assert.equal(again.code, 0);
  assert.match(again.stderr, /joined/);
  assert.equal(again.stdout, stdout);

  const other = await run(
    ["start", "monthly-invoices", '{"month":"2026-11"}', "--id", "october"],
    "whole",
  );
  assert.equal(other.code, 5);
  assert.match(other.stderr, /2026-10/);
  assert.equal(other.stdout, "");
});

test("show and runs tell the same afterwards, for people and as JSON", async () => {
  await run(watched, "asked");
  const runs = await run(["runs", "--json"], "asked");
  const line: unknown = JSON.parse(runs.stdout);
  assert.deepEqual(pick(line, "schema", "id", "state", "ok", "failed", "total"), {
    schema: "fanfold.run/1",
    id: "october",
    state: "done",
    ok: 996,
    failed: 4,
    total: 1_000,
  });
  const nobody = await run(["show", "october/invoices/c-250", "--json", "--payload"], "asked");
  assert.deepEqual(pick(JSON.parse(nobody.stdout), "schema", "key", "state", "input"), {
    schema: "fanfold.sub-job/1",
    key: "c-250",
    state: "failed",
    input: { id: "c-250", email: "nobody@example.com" },
  });
  const people = await run(["show", "october/invoices"], "asked");
  assert.match(people.stdout, /settled +1,000 of 1,000/);
  const missing = await run(["show", "november"], "asked");
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /there is no run "november"; the latest are "october"/);
});

function pick(from: unknown, ...names: readonly string[]): Record<string, unknown> {
  const fields = from as Record<string, unknown>;
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

test("killed half-way and started again, every invoice is there and counted once", async () => {
  const child = fanfold(slowly, "killed");
  const dead = ended(child);
  await says(child, / invoices [3-9]\d\d \/ 1,000/);
  child.kill("SIGKILL");
  await dead;
  const { code, stdout, stderr } = await run(watched, "killed");
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { month: "2026-10", sent: 996, failed: 4, total: 9_909.12 });
});

test("Ctrl-C on a watched run leaves it to go on, says so, and exits 130", async () => {
  const child = fanfold(slowly, "left");
  const left = ended(child);
  await says(child, / invoices [1-9]\d\d \/ 1,000/);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await left;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /stopped watching; the run goes on/);
  assert.equal(stdout, "");
  const rest = await run(["runs", "--state", "running", "--json"], "left");
  assert.equal(pick(JSON.parse(rest.stdout), "id")["id"], "october");
});

test("a worker takes up what was started elsewhere, and drains on Ctrl-C", async () => {
  const started = await run(["start", "monthly-invoices", october, "--id", "later"], "worked");
  assert.equal(started.stdout, "later\n");
  assert.match(started.stderr, /nobody works on it yet: +fanfold worker/);
  const child = fanfold(["worker", "--concurrency", "20"], "worked");
  const stopped = ended(child);
  await says(child, /works on all queues/);
  await until(async () => /"ok":[1-9]\d\d/.test((await run(["runs", "--json"], "worked")).stdout));
  child.kill("SIGINT");
  const { code, stderr } = await stopped;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /drains[^]*stopped: nothing is lost/);
});

/** Asks again and again, at most for a minute. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await condition())) assert.ok(Date.now() < end, "it never became true");
}

test("a run past its tolerance is held: exit 3, and a way on", async () => {
  const file = join(folder, "app/invoices.ts");
  const text = await readFile(file, "utf8");
  await writeFile(join(folder, "app/strict.ts"), text.replace('tolerate: "1%"', "tolerate: 3"));
  const app = await readFile(join(folder, "app/app.ts"), "utf8");
  await writeFile(join(folder, "app/strict-app.ts"), app.replace("./invoices.ts", "./strict.ts"));
  const { code, stdout, stderr } = await run([...watched, "--app", "strict-app.ts"], "held");
  assert.equal(code, 3, stderr);
  assert.match(stderr, /‖ held after .* tolerated/);
  assert.match(stderr, /fanfold redrive october --group 1/);
  assert.equal(stdout, "");
});

test("with --watch --json stdout is one object a line, the last one done", async () => {
  const { stdout } = await run([...watched, "--json"], "stream");
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  assert.ok(lines.length > 1, "how far it is on the way, too");
  assert.ok(lines.every((line) => pick(line, "schema")["schema"] === "fanfold.run/1"));
  assert.equal(pick(lines.at(-1), "state")["state"], "done");
});

const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "an unknown flow",
    ["start", "invoises", "{}"],
    /unknown flow "invoises": this app knows "monthly-invoices"/,
  ],
  [
    "bad JSON",
    ["start", "monthly-invoices", "{month:1}"],
    /not JSON: expected property name .* at line 1, column 2/,
  ],
  ["input the schema refuses", ["start", "monthly-invoices", '{"month":"October"}'], /month/],
  ["an unknown command", ["strat"], /unknown command 'strat'[^]*Did you mean start/],
  ["a command of a later version", ["plan", "x"], /comes in a later version[^]*fanfold demo/],
  ["a command that is called otherwise", ["retry", "x"], /no fanfold retry: [^]*fanfold redrive/],
  ["an unknown option", ["runs", "--jsn"], /unknown option '--jsn'[^]*--json/],
  ["a number that is none", ["runs", "--limit", "ten"], /expected a whole number from 1/],
  ["a missing app", ["runs", "--app", "nowhere.ts"], /no app found[^]*fanfold init/],
  ["a file without an app", ["runs", "--app", "invoices.ts"], /exports no app/],
];

for (const [what, args, message] of refused)
  test(`${what} exits 2, says what is wrong, and ends with the next command`, async () => {
    const { code, stdout, stderr } = await run(args, "refused");
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
    assert.match(stderr.trimEnd().split("\n").at(-1) ?? "", /^ {4}(fanfold|await run|npm)/);
    assert.equal(stdout, "");
  });

test("init writes five files, and overwrites nothing", async () => {
  const { code, stderr } = await run(["init", "app"]);
  assert.equal(code, 2);
  const files = "app.ts, invoices.ts, invoices.test.ts, package.json, tsconfig.json";
  assert.ok(stderr.includes(`has ${files} already`), stderr);
});

for (const schema of ["zod", "valibot", "arktype"])
  test(`the app that init writes with ${schema} passes its own test`, async () => {
    await run(["init", schema, "--schema", schema]);
    for (const name of ["invoices.ts", "invoices.test.ts"]) {
      const text = await readFile(join(folder, schema, name), "utf8");
      const door = pathToFileURL(join(root, "src/index.ts")).href;
      await writeFile(join(folder, schema, name), text.replace('"fanfold"', `"${door}"`));
    }
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const tests = spawn(process.execPath, ["--test"], { cwd: join(folder, schema), env });
    const { code, stdout } = await ended(tests);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /pass 2/);
  });

test("doctor finds this machine fit, and says so as JSON too", async () => {
  const { code, stdout } = await run(["doctor", "--json"], "fit");
  const report: unknown = JSON.parse(stdout);
  assert.deepEqual(
    pick(report, "schema", "fit"),
    { schema: "fanfold.doctor/1", fit: true },
    stdout,
  );
  assert.equal(code, 0);
});

test("doctor exits 9 when the file is another program's", async () => {
  await writeFile(
    join(folder, "app/foreign.db"),
    "not a database, and long enough to be read as one\n".repeat(20),
  );
  const { code, stdout } = await run(["doctor"], "foreign");
  assert.equal(code, 9, stdout);
  assert.match(stdout, /✗ {2}file +.*foreign\.db is not an SQLite database/);
});

test("a demo in which too many fail for good shows how a person lets it go on, and ends as any", async () => {
  const few = ["--items", "300", "--speed", "3000", "--fail", "5%"];
  const { code, stdout, stderr } = await run(["demo", ...few]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /held [^]*run\.release\("the rest goes by post"\)[^]*✓ done in/);
  assert.match(stdout, /sent +29\d/);
});

test("the demo shows failures by kind, retries the one that can pass, and folds the rest", async () => {
  const { code, stdout, stderr } = await run(["demo", "--items", "2000", "--speed", "3000"]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /‖ held[^]*12 {2}451 4\.3\.2 mailbox busy[^]*run\.redrive\([^]*✓ done/);
  assert.match(stdout, /sent +1,995\n/);
  assert.match(stdout, /\.step\("report", \(\{ invoices \}\) => invoices\.value\);/);
});

test("the first file to run imports nothing, so that an old Node can say what it needs", async () => {
  const text = await readFile(program, "utf8");
  assert.doesNotMatch(text, /^import/m);
  assert.match(text, /fanfold needs Node/);
});
