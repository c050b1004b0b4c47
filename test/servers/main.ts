/**
 * Runs a command with the servers that tests need, and ends them with it:
 *
 *   node test/servers/main.ts node --test "test/engines/*.test.ts"
 *
 * Where a server cannot be had, it says so, and the tests that need it are skipped; in CI (CI=true) that is a failure.
 */
import { spawn } from "node:child_process";
import { NoServerError, postgresServer, urlVariable, type PostgresServer } from "./postgres.ts";

async function started(): Promise<PostgresServer | undefined> {
  try {
    return await postgresServer();
  } catch (error) {
    if (!(error instanceof NoServerError) || process.env["CI"] === "true") throw error;
    process.stderr.write(`skipping what needs PostgreSQL: ${error.message}\n`);
    return undefined;
  }
}

const [program = "node", ...given] = process.argv.slice(2);
const postgres = await started();
const env = postgres === undefined ? process.env : { ...process.env, [urlVariable]: postgres.url };
const child = spawn(program, given, { stdio: "inherit", env });
const code = await new Promise<number>((resolve) => {
  child.once("error", (error) => {
    process.stderr.write(`${program}: ${error.message}\n`);
    resolve(127);
  });
  child.once("exit", (exit) => resolve(exit ?? 1));
});
await postgres?.stop();
process.exit(code);
