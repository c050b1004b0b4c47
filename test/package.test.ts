/** What a user gets: built, packed, installed in an empty project, and imported through each door. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
