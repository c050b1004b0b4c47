/** A URL chooses the engine; what an engine needs is loaded when its scheme is named. */
import { UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { memoryEngine } from "./memory/engine.ts";
import { postgresUrl } from "./postgres/url.ts";
import { type LogClock, systemClock } from "./system.ts";
import { maskUrl, short } from "./url.ts";

export { maskUrl };

export type OpenOptions = {
  /** Default: the system's. */
  readonly clock?: LogClock;
  /** Called once, when the engine can no longer be trusted: exit, and start over. */
  readonly onFatal?: (error: Error) => void;
  /** The app's, for those who find its file in use. Default "fanfold". */
  readonly name?: string;
  /** The owner's, for an http: URL. */
  readonly token?: string | undefined;
};

const known =
  "sqlite:path, sqlite::memory:, memory:, http://host:port, postgres://user@host/database";

/** setUrl: of an engine that owns a file, tells whoever finds it in use where the owner answers. */
export type OpenedEngine = Engine & { readonly setUrl?: (url: string) => void };

/**
 * The engine behind a URL.
 *
 *   sqlite:.fanfold/dev.db   sqlite::memory:   memory:   sqlite:dev.db?partitions=4   http://127.0.0.1:4400
 *   postgres://user@host/database   postgresql://user@host/database?partitions=16&connections=20
 *
 * Rejects with UsageError on another URL, ConflictError when another process owns the file, CorruptError when it is damaged.
 */
export async function openEngine(url: string, options: OpenOptions = {}): Promise<OpenedEngine> {
  const { clock = systemClock(), onFatal = stop, name = "fanfold", token } = options;
  const scheme = /^[a-z][a-z+.-]*:/i.exec(url)?.[0].toLowerCase();
  const rest = url.slice(scheme?.length ?? 0);
  switch (scheme) {
    case "memory:": {
      const { path, partitions } = parsed(rest);
      if (path !== "") throw new UsageError(`expected memory: alone, got "${maskUrl(url)}"`);
      return memoryEngine({ clock, ...(partitions === undefined ? {} : { partitions }) });
    }
    case "sqlite:": {
      const { path, partitions } = parsed(rest);
      if (path === "")
        throw new UsageError("a sqlite: URL names a file, as in sqlite:.fanfold/dev.db");
      const { openFile } = await import("./sqlite/file.ts").catch(withoutSqlite);
      const { sqliteEngine } = await import("./sqlite/engine.ts");
      const file = openFile(path, { name, since: clock.now(), partitions });
      return sqliteEngine(file, { clock, onFatal });
    }
    case "http:":
    case "https:": {
      const { httpEngine } = await import("./http/client.ts");
      return httpEngine(url, { clock, token });
    }
    case "postgres:":
    case "postgresql:": {
      const { url: plain, ...asked } = postgresUrl(url);
      const { postgresEngine } = await import("./postgres/engine.ts").catch(withoutClient);
      return postgresEngine(plain, { clock, ...asked });
    }
    case undefined:
    default:
      throw new UsageError(`unknown engine "${maskUrl(url)}": this fanfold knows ${known}`);
  }
}

type Parsed = { readonly path: string; readonly partitions: number | undefined };

function parsed(rest: string): Parsed {
  const [path = "", ...query] = rest.split("?");
  const asked = new URLSearchParams(query.join("?"));
  const strange = [...asked.keys()].find((key) => key !== "partitions");
  if (strange !== undefined)
    throw new UsageError(`unknown option "${short(strange)}" in the URL: it may say partitions`);
  const partitions = asked.get("partitions");
  if (partitions !== null && !/^\d+$/.test(partitions))
    throw new UsageError(
      `partitions must be an integer from 1 to 1024, got "${short(partitions)}"`,
    );
  return { path, partitions: partitions === null ? undefined : Number(partitions) };
}

/** The client library is the user's to install: whoever stays on SQLite needs none. */
export function withoutClient(cause: unknown): never {
  if (cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")
    throw new UsageError("PostgreSQL needs its client library: npm install pg", { cause });
  throw cause;
}

/** An older Node has no SQLite, or one that may damage a file. */
function withoutSqlite(cause: unknown): never {
  if (cause instanceof Error && "code" in cause && cause.code === "ERR_UNKNOWN_BUILTIN_MODULE")
    throw new UsageError(
      `fanfold needs Node 22.22.3 or newer (this is ${process.versions.node}): it uses the built-in SQLite`,
      { cause },
    );
  throw cause;
}

/** Nobody said what to do: an error nobody catches ends the process, and that is the safe end. */
function stop(error: Error): never {
  throw error;
}
