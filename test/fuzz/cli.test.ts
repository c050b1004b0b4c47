/** Whatever is typed after `fanfold`, every verb ends, with an exit code that says what was wrong, and never with a bug of ours. */
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import * as fc from "fast-check";
import type { Io } from "../../src/cli/context.ts";
import { exitCodes } from "../../src/cli/exit.ts";
import { run } from "../../src/cli/program.ts";
import { systemClock } from "../../src/engines/system.ts";
import { assertUnpolluted, nearly, runs } from "./given.ts";

const root = join(import.meta.dirname, "../..");
mkdirSync(join(root, "tmp"), { recursive: true });
const folder = mkdtempSync(join(root, "tmp/fuzz-cli-"));
const before = process.cwd();
process.chdir(folder); // Some of it is relative to the process.
after(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true, force: true });
});
writeFileSync(
  join(folder, "app.ts"),
  `import { app, flow, job } from "${pathToFileURL(join(root, "src/index.ts")).href}";
const any = { "~standard": { version: 1, vendor: "fuzz", validate: (value) => ({ value }) } };
const add = job("add", { input: any, run: ({ n }) => n });
const sums = flow("sums", { input: any }).fanOut("add", add, {
  over: () => [{ n: 1 }, { n: 2 }], key: ({ n }) => "k" + n, fold: (f) => ({ sum: f.sum((n) => n) }),
});
export default app({ name: "fuzz", url: "sqlite:dev.db", parts: [sums, add] });
`,
);

/** A terminal that nobody reads, and a person who presses Ctrl-C as soon as somebody waits for it. */
function world(): { readonly io: Io; readonly said: () => string } {
  let said = "";
  const screen = (): Writable =>
    new Writable({
      write(text, _, done) {
        said += String(text);
        done();
      },
    });
  const stdin = async function* nothing(): AsyncGenerator<string> {
    yield "{}";
  };
  const io: Io = {
    stdin: stdin(),
    stdout: screen(),
    stderr: screen(),
    env: { TERM: "dumb" },
    cwd: folder,
    called: "fanfold",
    clock: systemClock(),
    onSignal(listener) {
      setImmediate(() => listener("SIGINT"));
      return () => undefined;
    },
    quit: () => undefined,
  };
  return { io, said: () => said };
}

async function help(...argv: readonly string[]): Promise<string> {
  const { io, said } = world();
  assert.equal(await run([...argv, "--help"], io), exitCodes.ok);
  return said();
}

const general = await help();
const listed = general.slice(general.indexOf("Commands:"));
const verbs = [...listed.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, verb = ""]) => verb);
/** What each verb's own help names. */
const flags = new Map<string, readonly string[]>();
for (const verb of verbs.filter((verb) => verb !== "help"))
  flags.set(verb, [
    ...new Set([...(await help(verb)).matchAll(/--[a-z-]+/g)].map(([flag]) => flag)),
  ]);

const values = nearly("october", "sums", '{"month":"2026-10"}', "@input.json", "-", "held,running", "90m", "2026-11-21T16:00", "10", "1%", "a=b", "sqlite:dev.db", "sqlite:other.db", "memory:", "app.ts", "k1", "october add k1"); // prettier-ignore

/** Stays in its folder, and lets nobody load or write what lies elsewhere. */
const isHarmless = (word: string): boolean => !/[/\\]|\.\./.test(word);

const argv: fc.Arbitrary<readonly string[]> = fc.constantFrom(...flags).chain(([verb, own]) => {
  const flag = fc.constantFrom(...own);
  const word = fc.oneof(
    values,
    flag,
    fc.tuple(flag, values).map(([name, value]) => `${name}=${value}`),
    fc.constantFrom("october", "sums", "{}", "sums/add", "--", "-x"),
  );
  return fc
    .array(word.filter(isHarmless), { maxLength: 6 })
    .map((words) => [verb, ...words, ...(verb === "demo" ? ["--items=3", "--speed=100000"] : [])]);
});

test("every verb is there to be tried", () => {
  for (const verb of ["init", "start", "worker", "show", "runs", "doctor", "check", "demo"])
    assert.ok((flags.get(verb)?.length ?? 0) > 1, `${verb}: ${verbs.join()}`);
});

test("every verb ends with an exit code of ours, whatever its arguments are", async (t) => {
  const codes = new Set<number>(Object.values(exitCodes));
  const met = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(argv, async (words) => {
      const { io, said } = world();
      const code = await run(words, io);
      met.set(code, (met.get(code) ?? 0) + 1);
      assert.ok(codes.has(code) && code !== exitCodes.bug, `${code}: ${said()}`);
      assert.ok(code === exitCodes.ok || said().length > 0, "it says what was wrong");
      assert.ok(!/^\s+at .*:\d+:\d+\)?$/m.test(said()), said());
    }),
    { ...runs(400), timeout: 120_000 },
  );
  assertUnpolluted();
  t.diagnostic(`exit codes: ${JSON.stringify([...met])}`);
  assert.ok((met.get(exitCodes.ok) ?? 0) > 10, "some of it is right, and is done");
});
