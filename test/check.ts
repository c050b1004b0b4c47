/**
 * npm run check: types, lint, format, unit tests and those of the pages at the same time, for a machine with two cores and more.
 *
 * Says a line for each, and all that one said where it failed. A test file here has no process of its own, which would cost more
 * than most of them take; in `npm test` it has.
 */
import { spawn } from "node:child_process";

const units = ["src/**/*.test.ts", "test/{tidy,docs,cases}.test.ts", "mutation/*.test.ts"];
/** One process each: the tests themselves take turns in it. */
const shards = [1, 2];

type Part = { readonly name: string; readonly command: readonly string[] };

const parts: readonly Part[] = [
  // The longest first.
  ...shards.map((shard) => ({
    name: `unit tests, ${shard} of ${shards.length}`,
    command: [
      process.execPath,
      "--test",
      "--test-isolation=none",
      `--test-shard=${shard}/${shards.length}`,
      ...units,
    ],
  })),
  ...["types", "lint", "format"].map((name) => ({ name, command: ["npm", "run", "-s", name] })),
];

async function passes({ name, command: [program = "", ...given] }: Part): Promise<boolean> {
  const from = performance.now();
  const child = spawn(program, given, {
    stdio: ["ignore", "pipe", "pipe"],
    shell: program === "npm" && process.platform === "win32", // There it is npm.cmd, which only a shell starts.
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => said.push(chunk));
  const ended = await new Promise<boolean>((resolve) => {
    child.once("error", (error) => {
      said.push(Buffer.from(`${program}: ${error.message}\n`));
      resolve(false);
    });
    child.once("close", (code) => resolve(code === 0));
  });
  if (!ended) process.stdout.write(Buffer.concat(said));
  const seconds = ((performance.now() - from) / 1_000).toFixed(1);
  process.stdout.write(`${ended ? "✔" : "✖"} ${name} (${seconds} s)\n`);
  return ended;
}

const passed = await Promise.all(parts.map(passes));
process.exitCode = passed.every(Boolean) ? 0 : 1;
