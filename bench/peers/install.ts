/**
 * The peers live in a package of their own and are installed when a bench first needs them.
 *
 * Its package.json overrides msgpackr-extract (an optional accelerator of BullMQ's) with the newest version that a mirror had
 * for every platform: else the lock file is incomplete, and npm ci refuses it.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { SkippedError } from "../harness.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);

/** Makes sure that the peers can be imported. Nothing is compiled, no install script runs. */
export async function installPeers(): Promise<void> {
  const { dependencies } = require("./package.json") as { readonly dependencies: object }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it stands beside this file
  // Each of them: what was installed before one came to the list is not enough.
  if (Object.keys(dependencies).every((name) => existsSync(`${here}node_modules/${name}`))) return;
  try {
    await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: here,
    });
  } catch (cause) {
    throw new SkippedError("its packages could not be installed: see npm ci in bench/peers", {
      cause,
    });
  }
}

/**
 * Imports an installed peer. The types are ours, as narrow as what we use: the compiler must not need the package, because
 * most machines that check this project never install it.
 */
export async function peer<T>(name: string): Promise<T> {
  const url = pathToFileURL(require.resolve(name)).href;
  return (await import(url)) as T; // oxlint-disable-line typescript/no-unsafe-type-assertion -- pinned version, and a wrong guess fails at the first call
}
