/** What goes wrong in the first hour, and the words for it: what happened, and the next command to type. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { run, uncaught } from "../../src/cli/program.ts";
import { version } from "../../src/cli/version.ts";
import { UnavailableError } from "../../src/errors.ts";
import { ioTo, sink } from "./given.ts";
import { piped } from "./pseudo-terminal.ts";

const door = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;

/** The beginner's app; its variations are text. */
const app = (parts: string, url: string): string => `
import { app, flow, job } from "${door}";
const any = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
const sendInvoice = job("send-invoice", { input: any, queue: "mail", run: () => 1 });
const monthlyInvoices = flow("monthly-invoices", { input: any }).fanOut("invoices", sendInvoice, {
  over: () => [{ id: "c-1" }, { id: "c-2" }],
  key: ({ id }) => id,
});
export const billing = app({ name: "billing", parts: [${parts}], url: ${url} });
`;

/** An app here keeps its data in the folder; the working directory of this process is another. */
function folderWith(t: TestContext, parts?: string, url?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-first-hour-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  if (parts !== undefined)
    writeFileSync(
      join(folder, "app.ts"),
      app(parts, url ?? JSON.stringify(`sqlite:${join(folder, "dev.db")}`)),
    );
  return folder;
}

async function said(cwd: string, ...args: readonly string[]) {
  const out = sink();
  const err = sink();
  const code = await run(args, { ...ioTo(out.stream, err.stream), cwd });
  return { code, out: out.text(), lines: err.text().trimEnd().split("\n") };
}

const both = "monthlyInvoices, sendInvoice";

test("no app here: what to type to get one, or to look first", async (t) => {
  const folder = folderWith(t);
  for (const command of ["worker", "runs", "serve"]) {
    const { code, lines } = await said(folder, command);
    assert.equal(code, 2);
    assert.deepEqual(lines, [
      `  ✗ no app found: there is no app.ts, app.mts, app.js … in ${folder}`,
      "    fanfold init     to get one, or   fanfold demo     to look first",
    ]);
  }
});

test("a job missing in parts is named when the app is made, at the place in the user's file", async (t) => {
  const folder = folderWith(t, "monthlyInvoices");
  const { code, lines } = await said(folder, "start", "monthly-invoices");
  assert.equal(code, 2);
  assert.equal(
    lines[0],
    "  ✗ app.ts could not be loaded: send-invoice is used by monthly-invoices/invoices but is not in app({ parts }): add it",
  );
  assert.match(lines[1] ?? "", /^ +at .*app\.ts:9:\d+\)?$/);
});

test("the same id with another input: what differs, and how to look at the one that is there", async (t) => {
  const folder = folderWith(t, both);
  const start = (month: string) =>
    said(folder, "start", "monthly-invoices", `{"month":"${month}"}`, "--id", "invoices-2026-10");
  assert.equal((await start("2026-09")).code, 0);
  const { code, lines } = await start("2026-10");
  assert.equal(code, 5);
  assert.deepEqual(lines.slice(-2), [
    '  ✗ run "invoices-2026-10" exists with month "2026-09" (yours: "2026-10"): choose another id, or look at it with fanfold show invoices-2026-10',
    "    fanfold show invoices-2026-10",
  ]);
});

test("nobody works: start, show and why say so, with the command that would change it", async (t) => {
  const folder = folderWith(t, both);
  const started = await said(folder, "start", "monthly-invoices", "{}", "--id", "r");
  assert.deepEqual(started.lines.slice(-2), [
    "  ✓ started   fanfold show r",
    "    nobody works on it yet:   fanfold worker",
  ]);
  const shown = await said(folder, "show", "r");
  const why = ['no worker serves queue "default"', "      fanfold worker --queues default"];
  const asked = (await said(folder, "why", "r")).out.trimEnd().split("\n").slice(-2);
  for (const lines of [shown.out.trimEnd().split("\n").slice(-2), asked]) {
    assert.ok(lines[0]?.endsWith(why[0] ?? ""), lines[0]);
    assert.equal(lines[1], why[1]);
  }
});

test("in production, an app that says nothing of where its data is refuses to guess", async (t) => {
  const folder = folderWith(t, both, "undefined");
  const before = process.env["NODE_ENV"];
  process.env["NODE_ENV"] = "production";
  t.after(() => {
    if (before === undefined) delete process.env["NODE_ENV"];
    else process.env["NODE_ENV"] = before;
  });
  const { code, lines } = await said(folder, "runs");
  assert.equal(code, 2);
  assert.match(
    lines.join("\n"),
    /NODE_ENV=production and app "billing" has no url: refusing to keep production data in a file of this container; set FANFOLD_URL/,
  );
});

test("the port is taken: serve takes the next one, and says which", async (t) => {
  const folder = folderWith(t, both);
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const out = sink();
  const err = sink();
  let stop: (signal: "SIGTERM") => void = () => undefined;
  const serving = run(["serve", "--port", String(port)], {
    ...ioTo(out.stream, err.stream),
    cwd: folder,
    onSignal(listener) {
      stop = listener;
      return () => undefined;
    },
  });
  while (!/http:\/\/127\.0\.0\.1:\d+/.test(out.text() + err.text()))
    await new Promise((resolve) => setTimeout(resolve, 5));
  const [, got] = /http:\/\/127\.0\.0\.1:(\d+)/.exec(out.text() + err.text()) ?? [];
  stop("SIGTERM");
  await serving;
  assert.ok(Number(got) > port && Number(got) < port + 20, `${got} follows ${port}`);
  assert.match(err.text(), new RegExp(`port ${port} is taken`));
});

test("init takes fanfold from where the project around has it, so that a packed one is found", async (t) => {
  for (const [around, expected] of [
    ['{"dependencies":{"fanfold":"file:../fanfold-0.1.0.tgz"}}', "file:../../fanfold-0.1.0.tgz"],
    ['{"devDependencies":{"fanfold":"^0.1.3"}}', "^0.1.3"],
    ['{"name":"another"}', `^${version()}`],
    ["not JSON", `^${version()}`],
  ] as const) {
    const folder = folderWith(t);
    writeFileSync(join(folder, "package.json"), around);
    assert.equal((await said(folder, "init", "new")).code, 0);
    const made = readFileSync(join(folder, "new/package.json"), "utf8");
    assert.ok(made.includes(`"fanfold": "${expected}"`), made);
  }
});

test("to look for what is not there makes no file, and to wait for news of it is refused", async (t) => {
  const folder = folderWith(t, both);
  const file = join(folder, "misspelt/x.db");
  const { code, lines } = await said(folder, "runs", "--url", `sqlite:${file}`);
  assert.equal(code, 0);
  assert.deepEqual(lines, [
    `  billing   sqlite:${file}   (there is no such file yet)`,
    "  no runs yet",
    "    fanfold start --help",
  ]);
  for (const waiting of [["tail"], ["runs", "--watch"]]) {
    const refused = await said(folder, ...waiting, "--url", `sqlite:${file}`);
    assert.equal(refused.code, 2);
    assert.deepEqual(refused.lines, [`  ✗ there is no file ${file}`, "    fanfold start --help"]);
  }
  assert.equal(existsSync(join(folder, "misspelt")), false);
});

test("a flow or job that is misspelt in a question is named, with those there are", async (t) => {
  const folder = folderWith(t, both);
  await said(folder, "start", "monthly-invoices", "{}", "--id", "r");
  const flow = `  this app has no flow "monthly": it has "monthly-invoices"`;
  for (const [question, next] of [
    [["runs", "--flow", "monthly"], "fanfold runs"],
    [["statistics", "--flow", "monthly"], "fanfold runs"],
    [["dead", "--flow", "monthly"], "fanfold dead --since 7d     those that are over, too"],
  ] as const) {
    const { lines } = await said(folder, ...question);
    assert.deepEqual(lines.slice(-2), [flow, `    ${next}`]);
    assert.doesNotMatch(lines.join("\n"), /✓/);
  }
  const { lines } = await said(folder, "webhooks", "notices", "ops");
  assert.deepEqual(lines.slice(-2), [`  this app has no webhook "ops"`, "    fanfold webhooks"]);
});

test("a number is no date: a deadline of 9 is refused, and not taken for a day in 2001", async (t) => {
  const folder = folderWith(t, both);
  for (const option of ["--deadline", "--at"]) {
    const { code, lines } = await said(folder, "start", "monthly-invoices", "{}", option, "9");
    assert.equal(code, 2);
    assert.match(lines.at(-2) ?? "", /argument '9' is invalid. expected a/);
  }
  assert.equal((await said(folder, "runs", "--since", "3")).code, 2);
  assert.equal((await said(folder, "runs", "--since", "2026-11-21")).code, 0);
});

test("nobody answers at an address: that is said, and nothing of what may have happened", async (t) => {
  const folder = folderWith(t, both);
  const { code, lines } = await said(folder, "runs", "--url", "http://127.0.0.1:1");
  assert.equal(code, 7);
  assert.deepEqual(lines.slice(-2), [
    "  ✗ nobody answers at http://127.0.0.1:1: connection refused",
    "    fanfold doctor",
  ]);
});

test("what nobody catches: an engine that cannot go on is an error as any, with its exit code", () => {
  const err = sink();
  const full = new UnavailableError("x.db cannot be written (disk is full): make room");
  assert.equal(uncaught(full, ["worker"], ioTo(sink().stream, err.stream)), 7);
  assert.equal(
    err.text(),
    "  ✗ x.db cannot be written (disk is full): make room\n    fanfold doctor\n",
  );
});

test("code of the app's that throws where nothing catches it: Node's words, and how to go on", async (t) => {
  const folder = folderWith(t, both);
  const file = join(folder, "app.ts");
  const throwing =
    "run: () => new Promise(() => setTimeout(() => { throw new Error('later') }, 1))";
  writeFileSync(file, readFileSync(file, "utf8").replace("run: () => 1", throwing));
  const { code, stderr } = await piped(
    ["start", "monthly-invoices", "{}", "--id", "r", "--watch"],
    { cwd: folder },
  );
  assert.equal(code, 1);
  assert.match(
    stderr,
    /✗ thrown where nothing catches it, which ends the process:\n {4}Error: later\n {8}at .*app\.ts:4/,
  );
  assert.match(stderr, /the same command goes on\n$/);
});

test("a file that is no database: what to do, and no report of a bug", async (t) => {
  const folder = folderWith(t, both);
  writeFileSync(join(folder, "foreign.db"), "somebody else's notes\n".repeat(50));
  const url = `sqlite:${join(folder, "foreign.db")}`;
  for (const verb of [["runs"], ["start", "monthly-invoices", "{}"]]) {
    const { code, lines } = await said(folder, ...verb, "--url", url);
    assert.equal(code, 70); // Or it is damaged: nobody knows.
    assert.match(lines.at(-2) ?? "", /✗ .*foreign\.db is not an SQLite database/);
    assert.equal(lines.at(-1), "    fanfold doctor");
  }
});

test(
  "in a container that runs as a user without a name, a decision is the user's of that number",
  { skip: process.getuid?.() === 0 ? false : "becoming another user takes root" },
  () => {
    const asking = new URL("../../src/cli/asking.ts", import.meta.url).href;
    const code = `process.setuid(54321); console.log(byUser().author)`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "-e", `import { byUser } from "${asking}"; ${code}`],
      { encoding: "utf8" },
    );
    assert.equal(stdout, "user 54321\n", stderr);
  },
);
