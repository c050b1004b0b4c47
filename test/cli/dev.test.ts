/** fanfold dev: code that is saved in the middle of a run, and what becomes of the run. Real processes, real files. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { until } from "../until.ts";

const program = join(import.meta.dirname, "../../src/cli/main.ts");
const door = pathToFileURL(join(import.meta.dirname, "../../src/index.ts")).href;

/**
 * Sub-jobs that say with which code they run. Those of the first code wait until the file "open" is there, so that they run as long
 * as the test wants; and are slow then, so that they cannot do all of the work before their process hears that it is to stop.
 */
const appFile = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { app, flow, job, schedule } from "${door}";
import { word } from "./word.ts";

const any = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } };

const send = job("send", {
  input: any,
  async run({ id }: { id: string }) {
    appendFileSync("journal", id + " " + word + "\\n");
    if (word === "fatal") process.exit(3);
    while (word === "first" && !existsSync("open")) await wait(5);
    if (word === "first") await wait(500);
    return { word };
  },
});

const mail = flow("mail", { input: any })
  .fanOut("invoices", send, {
    over: ({ input }) => Array.from({ length: input.count }, (_, n) => ({ id: "c-" + n })),
    key: ({ id }) => id,
    fold: (f) => ({ words: f.countBy((result) => result.word) }),
  })
  .step("report", ({ invoices }) => invoices.value);

const nightly = schedule("nightly", { every: "1h", run: mail, input: () => ({ count: 0 }) });

export const main = app({ name: "mails", parts: [send, mail, nightly] });
`;

type Dev = {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly says: (what: RegExp) => Promise<void>;
  readonly save: (name: string, text: string) => void;
  readonly ended: Promise<number | null>;
};

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-dev-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "app.ts"), appFile);
  writeFileSync(join(folder, "word.ts"), 'export const word = "first";\n');
  return folder;
}

function fanfold(folder: string, args: readonly string[]): ChildProcess {
  const { CI: _, NODE_TEST_CONTEXT: __, FANFOLD_URL: ___, ...env } = process.env;
  return spawn(process.execPath, [program, ...args], { cwd: folder, env });
}

function dev(t: TestContext, folder: string, ...args: readonly string[]): Dev {
  const child = fanfold(folder, ["dev", "--port", "0", ...args]);
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => (text += String(chunk)));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.after(async () => {
    child.kill("SIGKILL"); // What it has started ends by itself then.
    await ended;
  });
  let from = 0;
  return {
    folder,
    child,
    said: () => text,
    /** Since the last time it said something that was waited for. */
    async says(what) {
      await until(
        () => {
          const found = what.exec(text.slice(from));
          if (found !== null) from += found.index + found[0].length;
          assert.ok(found !== null || child.exitCode === null, `it ended: ${text}`);
          return found !== null;
        },
        { withinMs: 60_000, what: `dev says ${String(what)}, not: ${text}` },
      );
    },
    save: (name, code) => writeFileSync(join(folder, name), code),
    ended,
  };
}

async function asked(folder: string, ...args: readonly string[]): Promise<string> {
  const child = fanfold(folder, args);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 0, stderr);
  return stdout;
}

function journal(folder: string): readonly string[] {
  const file = join(folder, "journal");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

test("code that is saved in the middle of a run: new attempts use it, what runs finishes on the old, nothing is lost or done twice", async (t) => {
  const folder = newFolder(t);
  const at = dev(t, folder, "--concurrency", "2");
  await at.says(/flows +mail\n +jobs +send\n +schedules +nightly .*\(off in dev, .*\n +workers /);
  assert.match(at.said(), /^ {2}fanfold [\d.]+ {3}mails {3}sqlite:\.fanfold\/dev\.db \(new\)\n/);
  assert.equal(
    await asked(folder, "start", "mail", '{"count":40}', "--id", "october"),
    "october\n",
  );
  await until(() => journal(folder).length === 2);

  at.save("word.ts", "export const word = ;\n");
  await at.says(/word\.ts:1\n[^]*word\.ts saved +it cannot be loaded: the old code goes on\n/);
  at.save("word.ts", 'export { word } from "./new.ts";\n');
  await at.says(/new\.ts[^]*word\.ts saved +it cannot be loaded: the old code goes on\n/);
  at.save("new.ts", 'export const word = "second";\n');
  await at.says(/⟲ new\.ts saved +new attempts use it; what runs finishes on the old code\n/);
  assert.equal(journal(folder).length, 2, "both slots were busy with the old code all the time");

  at.save("open", "");
  await at.says(/✓ october\/invoices +40 ok[^]*✓ october +done\n/);
  const run = await asked(folder, "show", "october", "--payload", "--json");
  const { words } = (JSON.parse(run) as { result: { words: Record<string, number> } }).result;
  const { first = 0, second = 0 } = words;
  assert.ok(first >= 2 && second > 0 && first + second === 40, run);
  const keys = journal(folder).map((line) => line.split(" ")[0]);
  assert.deepEqual([keys.length, new Set(keys).size], [40, 40], "each ran once");

  at.child.kill("SIGINT");
  assert.equal(await at.ended, 130, at.said());

  const again = dev(t, folder);
  await again.says(/sqlite:\.fanfold\/dev\.db \(kept; 1 earlier run\)\n/);
  again.child.kill("SIGTERM");
  assert.equal(await again.ended, 0, again.said());

  const fresh = dev(t, folder, "--fresh");
  await fresh.says(/earlier runs are kept: +(.*)\n[^]*dev\.db \(new\)\n/);
  const [, kept = ""] = /--url (sqlite:\S+)/.exec(fresh.said()) ?? [];
  assert.match(await asked(folder, "runs", "--url", kept), /october/);
});

test("an app that cannot be loaded at first is waited for; one that is not there, or whose file is in use, ends it", async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, "word.ts"), "export const word = ;\n");
  const at = dev(t, folder);
  await at.says(/nothing works +save it again when it is right\n/);
  at.save("word.ts", 'export const word = "second";\n');
  await at.says(/ address +http:[^]* workers /);

  const other = dev(t, folder);
  assert.equal(await other.ended, 5, other.said());
  assert.match(other.said(), /\.fanfold\/dev\.db is in use by process \d+ \("mails"/);
  const nothing = dev(t, folder, "nowhere.ts");
  assert.equal(await nothing.ended, 2, nothing.said());
  assert.match(nothing.said(), /no app found: there is no file nowhere\.ts/);
});

test("a job that ends its process does not end dev; what it had is tried again when the code is saved", async (t) => {
  const folder = newFolder(t);
  writeFileSync(join(folder, "word.ts"), 'export const word = "fatal";\n');
  const at = dev(t, folder, "--concurrency", "1");
  await at.says(/ workers /);
  // What it asks may be gone before it has all its answers; the run is there.
  const start = fanfold(folder, ["start", "mail", '{"count":3}', "--id", "later"]);
  t.after(() => start.kill());
  await at.says(/the process ended \(exit 3\) +nothing is lost; save a file to start it again\n/);
  at.save("word.ts", 'export const word = "second";\n');
  await at.says(/✓ later +done\n/);
  assert.deepEqual(
    journal(folder).map((line) => line.split(" ")[1]),
    ["fatal", "second", "second", "second"],
  );
});
