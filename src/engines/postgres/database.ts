/** Connections to one database, and the statements that go over them. */
import { Client, type ClientConfig, Pool, type QueryResult } from "pg";
import { UnavailableError, UsageError } from "../../errors.ts";
import type { Row } from "../rows.ts";
import { maskUrl } from "../url.ts";
import { explained, isRepeatable } from "./problems.ts";
import type { Statement } from "./statements.ts";

export type Param = string | number | null | Buffer | readonly string[];

export type Database = {
  /** For people: the URL with secrets masked. */
  readonly name: string;
  /** Rows, or how many were changed where there are none. Rejects with one of our errors: of UnavailableError it may have happened. */
  readonly query: (
    statement: Statement,
    values: readonly Param[],
  ) => Promise<{ readonly rows: readonly Row[]; readonly changed: number }>;
  /** All of it, or nothing: for migrations. */
  readonly transact: (
    body: (run: (sql: string) => Promise<readonly Row[]>) => Promise<void>,
  ) => Promise<void>;
  /** A connection of its own, to listen on; not connected yet. */
  readonly client: () => Client;
  readonly close: () => Promise<void>;
};

export type DatabaseOptions = {
  /** Connections at once; whoever finds none free waits. */
  readonly connections: number;
  /** False where a pooler in between cannot keep prepared statements. */
  readonly prepare: boolean;
  /** Where LISTEN works, if that is not where the rest goes: past a pooler. */
  readonly listenUrl: string | undefined;
};

/** A connection is made, or a free one is found, in this time. */
const connectMs = 5_000;
/** Who gets no answer in this time takes the connection for cut: longer than any statement of ours takes, except on a sick server. */
const answerMs = 15_000;
/** A statement that lost against others is repeated so many times. */
const tries = 10;

export function openDatabase(url: string, options: DatabaseOptions): Database {
  const name = maskUrl(url);
  const config: ClientConfig = {
    connectionString: url,
    application_name: "fanfold",
    connectionTimeoutMillis: connectMs,
    query_timeout: answerMs,
    keepAlive: true,
    types: { getTypeParser: parserOf },
  };
  const pool = poolOf(config, options.connections, name);
  let isClosed = false;

  function explain(error: unknown): Error {
    return isClosed
      ? new UnavailableError(`${name} is closed`, { cause: error })
      : explained(error, name);
  }

  return {
    name,
    async query({ name: statement, text }, values) {
      const query = { ...(options.prepare ? { name: statement } : {}), text, values: [...values] };
      for (let time = 1; ; time += 1) {
        try {
          const { rows, rowCount }: QueryResult<Row> = await pool.query<Row>(query);
          return { rows, changed: rowCount ?? 0 };
        } catch (error) {
          if (time >= tries || !isRepeatable(error)) throw explain(error);
        }
      }
    },
    async transact(body) {
      try {
        const client = await pool.connect();
        try {
          await client.query("begin");
          await body(async (sql) => (await client.query<Row>(sql)).rows);
          await client.query("commit");
          client.release();
        } catch (error) {
          client.release(true); // What it had begun ends with it.
          throw error;
        }
      } catch (error) {
        throw explain(error);
      }
    },
    client: () =>
      new Client({
        ...config,
        connectionString: options.listenUrl ?? url,
        query_timeout: connectMs,
      }),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await pool.end();
    },
  };
}

function poolOf(config: ClientConfig, connections: number, name: string): Pool {
  try {
    const pool = new Pool({ ...config, max: connections, idleTimeoutMillis: 60_000 });
    // Of one that is idle: the next statement gets another, and hears of it if that fails too.
    pool.on("error", () => undefined);
    return pool;
  } catch (cause) {
    throw new UsageError(
      `${name} is not a URL that PostgreSQL's client understands: ${String(cause)}`,
      { cause },
    );
  }
}

const types = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, float8: 701 } as const;

/** By PostgreSQL's type, from its text. int8 as a number: offsets and ids stay below 2^53. */
function parserOf(type: number): (text: string) => unknown {
  switch (type) {
    case types.int8:
    case types.int2:
    case types.int4:
    case types.float8:
      return Number;
    case types.bool:
      return (text) => text === "t";
    case types.bytea:
      return (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"));
    default:
      return (text) => text;
  }
}
