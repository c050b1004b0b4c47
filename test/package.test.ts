/** What a user gets: built, packed, installed in an empty project, and imported through each door. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

/** What the registry shows before anybody installs: no more than this, unpacked. */
const unpackedBytes = 2 * 1024 * 1024;
const directDependencies = 6;
const allDependencies = 20;

type Manifest = {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
};

type Lock = {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly hasInstallScript?: boolean }>
  >;
};

type Packed = {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
};

const json = (file: string): unknown => JSON.parse(readFileSync(join(root, file), "utf8"));
const manifest = json("package.json") as Manifest;

test("nothing of ours or below runs a script when it is installed", () => {
  const atInstall = ["preinstall", "install", "postinstall", "prepare"];
  assert.deepEqual(
    Object.keys(manifest.scripts).filter((name) => atInstall.includes(name)),
    [],
  );
  const lock = json("package-lock.json") as Lock;
  const shipped = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && !dev);
  assert.deepEqual(
    shipped.filter(([, { hasInstallScript }]) => hasInstallScript),
    [],
  );
  assert.ok(shipped.length <= allDependencies, `${shipped.length} packages are installed with us`);
});

test("the direct dependencies are few", () => {
  const names = Object.keys(manifest.dependencies);
  assert.ok(names.length <= directDependencies, names.join(", "));
});

const sourceOf = (door: string): string =>
  door === "." ? "src/index.ts" : `src/${door.slice(2)}.ts`;
const doors = Object.keys(manifest.exports);
const missing = doors.map(sourceOf).filter((file) => !existsSync(join(root, file)));
const skip = missing.length > 0 && `NOT TESTED: the package has no ${missing.join(", ")} yet`;

const stage = mkdtempSync(join(tmpdir(), "fanfold-package-"));
const project = join(stage, "project");
let packed: Packed;

/** A compiler says on stdout what is wrong; the error of execFile alone does not show it. */
function failWithOutput(error: unknown): never {
  assert.fail((error as { readonly stdout?: string }).stdout ?? String(error));
}

/** The same compiler run as `npm run build`, into a folder of its own: other tests use dist at the same time. */
async function build(): Promise<void> {
  for (const file of ["package.json", "README.md", "LICENSE"])
    if (existsSync(join(root, file))) cpSync(join(root, file), join(stage, file));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const flags = ["-p", join(root, "tsconfig.build.json"), "--outDir", join(stage, "dist")];
  await run(process.execPath, [tsc, ...flags]).catch(failWithOutput);
}

async function npm(cwd: string, ...words: readonly string[]): Promise<string> {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const { stdout } = await run("npm", [...words, ...quiet], { cwd });
  return stdout;
}

/** Runs a line of code in the empty project; resolves to what it printed. */
async function inProject(code: string, ...flags: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [...flags, "-e", code], { cwd: project });
  return stdout.trim();
}

before(async () => {
  if (skip !== false) return;
  await build();
  // npm 11 prints a list, later ones a record by name.
  const told: unknown = JSON.parse(await npm(stage, "pack", "--json", "--ignore-scripts"));
  packed = Object.values(told as Record<string, Packed>)[0] as Packed;
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "empty", private: true }));
  // What a door asks for that most programs do not use is not installed with us.
  const peers = ["@opentelemetry/api"].map((name) => `${name}@${manifest.devDependencies[name]}`);
  await npm(project, "install", "--prefer-offline", join(stage, packed.filename), ...peers);
});

after(() => {
  rmSync(stage, { recursive: true, force: true });
});

test("the package is at most 2 MB, and holds what runs, not what tests it", { skip }, () => {
  assert.ok(packed.unpackedSize <= unpackedBytes, `${packed.unpackedSize} bytes unpacked`);
  const stray = packed.files
    .map(({ path }) => path)
    .filter((path) => !/^(?:dist\/.*|package\.json|README\.md|LICENSE)$/.test(path))
    .concat(packed.files.map(({ path }) => path).filter((path) => /\.(?:test|types)\./.test(path)));
  assert.deepEqual(stray, []);
});

for (const door of doors) {
  const name = door.replace(".", "fanfold");

  test(`${name} can be imported, and required, and lets out names`, { skip }, async () => {
    const count = "console.log(Object.keys(door).length)";
    const esm = await inProject(`import * as door from "${name}"; ${count}`, "--input-type=module");
    const cjs = await inProject(`const door = require("${name}"); ${count}`);
    assert.ok(Number(esm) > 0, esm);
    assert.equal(cjs, esm);
  });

  test(`importing ${name} opens nothing and starts nothing`, { skip }, async () => {
    const held = await inProject(
      `await import("${name}"); console.log(process.getActiveResourcesInfo().filter((it) => !/Pipe|TTY/.test(it)).join())`,
      "--input-type=module",
    );
    assert.equal(held, "");
  });
}

test("a deep import is refused", { skip }, async () => {
  const code = await inProject(
    `await import("fanfold/dist/errors.js").catch((error) => console.log(error.code))`,
    "--input-type=module",
  );
  assert.equal(code, "ERR_PACKAGE_PATH_NOT_EXPORTED");
});

test("a strict TypeScript project can use the types of each door", { skip }, async () => {
  const names = doors.map((door) => door.replace(".", "fanfold"));
  const lines = names.map((name, at) => `export * as door${at} from "${name}";`);
  const compilerOptions = {
    target: "es2024",
    // hono's types speak of the DOM; what a user of ours needs is Node's, and strictness all through.
    lib: ["es2024", "esnext.disposable", "dom", "dom.asynciterable"],
    module: "nodenext",
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules", "@types")],
  };
  writeFileSync(join(project, "doors.mts"), lines.join("\n"));
  writeFileSync(
    join(project, "tsconfig.json"),
    JSON.stringify({ compilerOptions, include: ["doors.mts"] }),
  );
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  await run(process.execPath, [tsc, "-p", project]).catch(failWithOutput);
});

const hasCommand = existsSync(join(root, "src/cli/main.ts"));

test(
  "the command says its version",
  { skip: hasCommand ? skip : "NOT TESTED: no command yet" },
  async () => {
    const { stdout } = await run(process.execPath, [
      join(project, "node_modules", "fanfold", manifest.bin["fanfold"] ?? ""),
      "--version",
    ]);
    assert.match(stdout, new RegExp(manifest.version.replaceAll(".", "\\.")));
  },
);

test(
  "what init writes has no error in an editor: it passes the compiler by its own tsconfig.json",
  { skip: hasCommand ? skip : "NOT TESTED: no command yet" },
  async () => {
    assert.equal((await on(process.execPath, program, "init", "new")).code, 0);
    const modules = join(project, "new/node_modules");
    mkdirSync(join(modules, "@types"), { recursive: true });
    for (const name of ["zod", "@types/node"])
      symlinkSync(join(root, "node_modules", name), join(modules, name));
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    await run(process.execPath, [tsc, "-p", join(project, "new")]).catch(failWithOutput);
  },
);

/** Of the range in package.json. */
const oldestNode = "22.22.3";
const program = join(project, "node_modules", "fanfold", manifest.bin["fanfold"] ?? "");

type Said = { readonly code: number; readonly out: string; readonly err: string };

/** Another Node in the empty project. What it says on stderr is compared as well: a newcomer must not be greeted with warnings. */
async function on(node: string, ...args: readonly string[]): Promise<Said> {
  // Otherwise npm, under which this test runs, may have silenced it.
  const env = { ...process.env, NODE_OPTIONS: "", NODE_NO_WARNINGS: "" };
  try {
    const { stdout, stderr } = await run(node, args, { cwd: project, env });
    return { code: 0, out: stdout.trim(), err: stderr.trim() };
  } catch (error) {
    const { code, stdout, stderr } = error as {
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    };
    return { code, out: stdout.trim(), err: stderr.trim() };
  }
}

test("a hint can be typed in the project that has it as its own: npx fanfold", async () => {
  const { code, err } = await on(process.execPath, program, "runs", "--app", "none.ts");
  assert.equal(code, 2);
  assert.match(err, /^ {4}(npx|pnpm|yarn|bunx) fanfold init {5}writes one$/m);
});

/** A Node of this very version, from the registry, in a folder of its own. */
async function installedNode(version: string): Promise<string> {
  const folder = join(stage, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "node", private: true }));
  await npm(folder, "install", "--prefer-offline", `node@${version}`);
  const node = join(folder, "node_modules", "node", "bin", "node");
  assert.equal((await on(node, "--version")).out, `v${version}`);
  return node;
}

/** The machine's own, where it is that old: CI has one. */
function nodeOnPath(major: number): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "node"))
    .filter((node) => existsSync(node))
    .find((node) =>
      execFileSync(node, ["--version"], { encoding: "utf8" }).startsWith(`v${major}.`),
    );
}

test("on the oldest Node: each door, a run from the command line and one from a program, doctor", async () => {
  assert.ok(
    (
      json("package.json") as { readonly engines: { readonly node: string } }
    ).engines.node.startsWith(`^${oldestNode} `),
  );
  const node = await installedNode(oldestNode);
  for (const door of doors) {
    const name = door.replace(".", "fanfold");
    const imported = `await import("${name}"); console.log("imported")`;
    assert.deepEqual(await on(node, "--input-type=module", "-e", imported), {
      code: 0,
      out: "imported",
      err: "",
    });
  }

  writeFileSync(
    join(project, "app.mts"),
    `import { app, flow, job, type Schema } from "fanfold";
     type Input = { readonly n: number };
     const input: Schema<Input> = {
       "~standard": { version: 1, vendor: "none", validate: (value) => ({ value: value as Input }) },
     };
     const add = job("add", { input, run: ({ n }) => n });
     export const sums = flow("sums", { input }).fanOut("add", add, {
       over: ({ input }) => Array.from({ length: input.n }, (_, n) => ({ n })),
       key: ({ n }) => \`k\${n}\`,
       fold: (f) => ({ sum: f.sum((n) => n) }),
     });
     export default app({ name: "old", parts: [add, sums], url: "sqlite:old.db" });`,
  );
  const started = await on(node, program, "start", "sums", '{"n":100}', "--id", "r", "--watch");
  assert.equal(started.code, 0, started.err);
  assert.match(started.out, /"sum": 4950/);
  assert.doesNotMatch(started.err, /warning/i);
  assert.match((await on(node, program, "show", "r", "--url", "sqlite:old.db")).out, /done/);

  writeFileSync(
    join(project, "program.mts"),
    `import old, { sums } from "./app.mts";
     const stop = new AbortController();
     const working = old.work({ signal: stop.signal });
     const run = await old.start(sums, { n: 10 }, { id: "s" });
     console.log((await run.result()).value.sum);
     stop.abort();
     await working;
     await old.close();`,
  );
  const ran = await on(node, join(project, "program.mts"));
  assert.equal(ran.out, "45", ran.err);
  // Node's own, which a program may silence with --disable-warning=ExperimentalWarning; the command line does it by itself.
  assert.match(
    ran.err,
    /^\(node:\d+\) ExperimentalWarning: SQLite is[^\n]*\n[^\n]*--trace-warnings[^\n]*$/,
  );

  const doctor = await on(node, program, "doctor");
  assert.equal(doctor.code, 0, doctor.out + doctor.err);
  assert.match(doctor.out, new RegExp(`node +${oldestNode}`));
  assert.match(doctor.out, /sqlite +3\.51\.3/);
  assert.equal(doctor.err.includes("Warning"), false, doctor.err);
});

test("a Node that is too old is told so: by the command, and by a program that opens a file", async () => {
  const node = nodeOnPath(20) ?? (await installedNode("20.20.2"));
  const version = (await on(node, "--version")).out.slice(1);
  assert.deepEqual(await on(node, program, "demo"), {
    code: 2,
    out: "",
    err:
      `fanfold needs Node ${oldestNode} or newer (this is ${version}): it runs your TypeScript as it is and uses the built-in SQLite\n` +
      "  npm install --save-dev node@24     puts a newer one into this project, and its npm scripts use it",
  });
  const opening = `
    const { app } = await import("fanfold");
    await app({ name: "old", parts: [], url: "sqlite:never.db" }).runs().catch((error) => console.log(error.code, error.message));`;
  assert.deepEqual(await on(node, "--input-type=module", "-e", opening), {
    code: 0,
    out: `usage fanfold needs Node ${oldestNode} or newer (this is ${version}): it uses the built-in SQLite`,
    err: "",
  });
  assert.equal(existsSync(join(project, "never.db")), false);
});
