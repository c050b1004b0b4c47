/** Databases of their own for tests, on the server that is there. */
import { after } from "node:test";
import { Client } from "pg";
import { NoServerError, postgresServer, type PostgresServer } from "./postgres.ts";

let server: PostgresServer | undefined;
/** Why there is no server; in CI that is an error. */
export let skip: string | false = false;
const made: string[] = [];

try {
  server = await postgresServer();
} catch (error) {
  if (!(error instanceof NoServerError) || process.env["CI"] === "true") throw error;
  skip = error.message;
}

const endings: (() => Promise<unknown>)[] = [];

/** Called when the tests of this file are over, before its databases are dropped; the last one first. */
export function atEnd(close: () => Promise<unknown>): void {
  endings.push(close);
}

after(async () => {
  for (const close of endings.toReversed()) await close();
  if (server === undefined) return;
  for (const name of made) await sql(server.url, `drop database if exists ${name} with (force)`);
  await server.stop();
});

/** The URL of a new, empty database, dropped when the tests of this file are over. */
export async function newDatabase(): Promise<string> {
  if (server === undefined) throw new Error(`no server: ${String(skip)}`);
  const name = `fanfold_${process.pid}_${made.length + 1}`;
  await sql(server.url, `create database ${name}`);
  made.push(name);
  const url = new URL(server.url);
  url.pathname = name;
  return url.href;
}

/** Runs a statement, or several, over a connection of its own. */
export async function sql(
  url: string,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(
      text,
      values === undefined ? undefined : [...values],
    );
    return rows;
  } finally {
    await client.end();
  }
}
