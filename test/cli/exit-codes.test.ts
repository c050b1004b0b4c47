/** Exit codes: each of them, from a command that ends with it; a script can tell them apart without reading. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { exitMeanings } from "../../src/cli/exit.ts";
import { run } from "../../src/cli/program.ts";
import { given, newPath, opened } from "../app/given.ts";
import { until } from "../until.ts";
import { fanfold, ioTo, type Said } from "./given.ts";
import { mailFlow, parts } from "./know-app.ts";

const folder = mkdtempSync(join(tmpdir(), "fanfold-exit-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const on = (path: string, ...args: readonly string[]): Promise<Said> =>
  fanfold(...args, "--app", "know-app.ts", "--url", `sqlite:${path}`);

/** A file on which nobody works any more: runs that are done, late, held and waiting to begin. */
async function file(t: TestContext): Promise<string> {
  const { app, path, stop } = await given(t, parts, { work: { concurrency: 4 } });
  const done = await app.start(mailFlow, { count: 1 }, { id: "done" });
  const late = await app.start(mailFlow, { count: 1 }, { id: "late", deadline: "1ms" });
  const held = await app.start(mailFlow, { count: 8 }, { id: "held" });
  await done.result();
  await late.result();
  await until(async () => (await held.status()).state === "held");
  await stop();
  await app.close();
  return path;
}

/** The same of a run that has only begun, and is late. */
async function begun(t: TestContext): Promise<string> {
  const { app, path } = opened(t, parts, { path: newPath() });
  const run = await app.start(mailFlow, { count: 8 }, { id: "begun", deadline: "1ms" });
  await until(async () => (await run.status()).lateAt !== undefined);
  await app.close();
  return path;
}

const seen = new Set<number>();

async function exits(expected: number, said: Promise<Said>): Promise<Said> {
  const { code, stdout, stderr } = await said;
  assert.equal(code, expected, `${stdout}\n${stderr}`);
  seen.add(code);
  return { code, stdout, stderr };
}

test("0, 1, 3, 4: how the run ended, of watch; of 1, redrive and a cancelled run", async (t) => {
  const path = await file(t);
  await exits(0, on(path, "watch", "done"));
  await exits(4, on(path, "watch", "late"));
  await exits(3, on(path, "watch", "held"));
  await exits(1, on(path, "redrive", "held", "--group", "1", "--yes"));
  await exits(0, on(path, "cancel", "held", "--reason", "enough", "--yes"));
  await exits(1, on(path, "watch", "held"));
});

test("2: wrong usage, an unknown flow or run, input that the schema refuses", async () => {
  const path = newPath();
  await exits(2, on(path, "runs", "--nonsense"));
  await exits(2, on(path, "start", "nonsense"));
  await exits(2, on(path, "start", "mail", '{"count":"eight"}'));
  await exits(2, on(path, "show", "nobody"));
});

test("4 and 8: watch --exit-on-risk of a run that is late, and --timeout; it goes on", async (t) => {
  const path = await begun(t);
  const { stderr } = await exits(4, on(path, "watch", "begun", "--exit-on-risk"));
  assert.match(stderr, / {2}! late; the run goes on\n {4}fanfold why begun\n$/);
  await exits(8, on(path, "watch", "begun", "--timeout", "10ms"));
});

test("5 and 6: the id is taken, somebody was first, nothing matches", async (t) => {
  const path = await file(t);
  await exits(5, on(path, "start", "mail", '{"count":2}', "--id", "done"));
  await exits(5, on(path, "release", "done", "--reason", "why", "--yes"));
  await exits(6, on(path, "redrive", "done", "--all", "--yes"));
});

test("7: nobody answers at the address", async () => {
  await exits(7, fanfold("runs", "--app", "know-app.ts", "--url", "http://127.0.0.1:9"));
});

test("9: what check is to read does not keep its promises", async () => {
  const path = join(folder, "foreign.db");
  writeFileSync(path, "not a database, and long enough to be read as one\n".repeat(20));
  await exits(9, on(path, "doctor"));
});

test("70: a bug says what a report needs", async () => {
  const broken = join(folder, "broken.mjs");
  writeFileSync(
    broken,
    `export const main = { kind: "app", name: "broken", parts: [], url: "memory:", close() {},
  runs() { return undefined.rows; } };`,
  );
  const { stderr } = await exits(70, fanfold("runs", "--app", broken));
  assert.match(stderr, /this is a bug in Fanfold; please report it[^]*fanfold runs --app/);
});

test("130: Ctrl-C on watch", async (t) => {
  const path = await begun(t);
  const code = await run(["watch", "begun", "--app", "know-app.ts", "--url", `sqlite:${path}`], {
    ...ioTo(),
    onSignal(listener) {
      queueMicrotask(() => listener("SIGINT"));
      return () => undefined;
    },
  });
  assert.equal(code, 130);
  seen.add(code);
});

test("every exit code is in one of these tests", () => {
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    Object.keys(exitMeanings).map(Number),
  );
});
