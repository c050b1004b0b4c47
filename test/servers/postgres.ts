/**
 * A PostgreSQL server for tests: the one FANFOLD_TEST_POSTGRES names, or a throw-away one of the programs in
 * FANFOLD_TEST_POSTGRES_BIN or of this machine's own packages.
 *
 * It listens on loopback only, wants a password, keeps its data in a folder of the system's temporary one, syncs every commit,
 * and ends with the process that started it, however that ends.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "pg";
import { until } from "../until.ts";

export type PostgresServer = {
  /** Of a database in which nothing of ours is. */
  readonly url: string;
  readonly stop: () => Promise<void>;
};

/** One that nobody else uses. */
export type OwnServer = PostgresServer & {
  /** Ends it at once, as a loss of power would, and starts it again on the same port. */
  readonly restart: () => Promise<void>;
  /**
   * Copies it as it is, while it goes on. The function ends it at once and starts the copy in its place: as a failover to a
   * replica does that had not heard of the last commits.
   */
  readonly copy: () => Promise<() => Promise<void>>;
};

/** The same as FANFOLD_TEST_POSTGRES, for those who want a server that is theirs alone. */
export const urlVariable = "FANFOLD_TEST_POSTGRES";
/** Names a folder with initdb and postgres in it: those of another version. */
export const binVariable = "FANFOLD_TEST_POSTGRES_BIN";

/** There is no server here, and none can be started; the message says what to do. */
export class NoServerError extends Error {
  override readonly name = "NoServerError";
}

/** Rejects with NoServerError where there is none: a reason to skip, unless CI is set. */
export async function postgresServer(): Promise<PostgresServer> {
  const url = process.env[urlVariable];
  if (url !== undefined && url !== "") return { url, stop: async () => undefined };
  return startPostgres();
}

/** Why startPostgres would reject with NoServerError; undefined where it would not. */
export function whyNoServer(): string | undefined {
  try {
    programs();
    user();
    return undefined;
  } catch (error) {
    if (error instanceof NoServerError) return error.message;
    throw error;
  }
}

/** Why `copy` would fail: builds for embedding leave its program out. */
export function whyNoCopy(): string | undefined {
  const bin = programs();
  return existsSync(join(bin, "pg_basebackup")) ? undefined : `no pg_basebackup in ${bin}`;
}

/** A server of one's own, to be killed and restarted; its data are in a new folder of `base`. */
export async function startPostgres(
  settings: readonly string[] = [],
  base: string = tmpdir(),
): Promise<OwnServer> {
  const bin = programs();
  const who = user();
  const folder = mkdtempSync(join(base, "fanfold-postgres-"));
  chmodSync(folder, 0o700);
  const password = Math.random().toString(36).slice(2);
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (who !== undefined)
    for (const path of [folder, passwordFile]) chownSync(path, who.uid, who.gid);
  let data = join(folder, "data");
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", forget);
  run(who, join(bin, "initdb"), [
    `--pgdata=${data}`,
    `--pwfile=${passwordFile}`,
    "--username=fanfold",
    "--encoding=UTF8",
    "--locale=C",
    "--auth=scram-sha-256",
  ]);
  const port = await freePort();
  const url = `postgres://fanfold:${password}@127.0.0.1:${port}/postgres`;

  async function start(): Promise<ChildProcess> {
    const options = [
      "listen_addresses=127.0.0.1",
      `port=${port}`,
      "unix_socket_directories=",
      "fsync=on",
      "synchronous_commit=on",
      "max_connections=200",
      ...settings,
    ].flatMap((setting) => ["-c", setting]);
    const [program = "", ...given] = as(who, join(bin, "postgres"), ["-D", data, ...options]);
    const child = spawn(program, given, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr?.on("data", (chunk) => (said = `${said}${String(chunk)}`.slice(-4_000)));
    child.unref();
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`postgres ended: ${said}`);
        return answers(url);
      },
      { withinMs: 30_000, what: "PostgreSQL answers" },
    );
    return child;
  }

  let server = await start();
  let copies = 0;
  async function end(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, "exit");
    server.ref();
    server.kill(signal);
    await gone;
  }
  return {
    url,
    async restart() {
      await end("SIGQUIT");
      server = await start();
    },
    async copy() {
      copies += 1;
      const copy = join(folder, `copy-${copies}`);
      await runBeside(who, join(bin, "pg_basebackup"), [
        `--dbname=${url}`,
        `--pgdata=${copy}`,
        "--checkpoint=fast",
        "--wal-method=stream",
        "--no-sync",
      ]);
      return async () => {
        await end("SIGQUIT");
        rmSync(data, { recursive: true, force: true });
        data = copy;
        server = await start();
      };
    },
    async stop() {
      await end("SIGINT");
      process.off("exit", forget);
      forget();
    },
  };
}

/** Whether a PostgreSQL, or what stands before one, takes a connection. */
export async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end();
  }
}

/** Debian's package, in CI, where we may; elsewhere nothing is installed. */
export function install(name: string): void {
  if (process.env["CI"] !== "true" || process.getuid?.() !== 0) return;
  for (const given of [["update"], ["install", "-y", "--no-install-recommends", name]])
    execFileSync("apt-get", ["-q", ...given], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
}

/** Where initdb and postgres are. Debian keeps them out of PATH. */
function programs(): string {
  const named = process.env[binVariable];
  if (named !== undefined && named !== "") {
    if (hasPrograms(named)) return named;
    throw new Error(`${binVariable}: expected initdb and postgres in ${named}`);
  }
  const found = installed();
  if (found !== undefined) return found;
  install("postgresql");
  const now = installed();
  if (now !== undefined) return now;
  throw new NoServerError(
    `no PostgreSQL server on this machine: set ${urlVariable}=postgres://…, or install one (Debian: apt-get install postgresql)`,
  );
}

function installed(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const folders = [
    ...versions
      .toSorted((left, right) => Number(right) - Number(left))
      .map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(":"),
  ];
  return folders.find(hasPrograms);
}

const hasPrograms = (folder: string): boolean =>
  ["initdb", "postgres"].every((name) => existsSync(join(folder, name)));

export type User = { readonly uid: number; readonly gid: number };

/** PostgreSQL refuses to run as root: then it is its own user, or nobody. */
export function user(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (what: string): number =>
        Number(execFileSync("id", [what, name], { stdio: "pipe" }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // There is no such user.
    }
  }
  throw new NoServerError(
    "PostgreSQL refuses to run as root, and there is no user postgres or nobody",
  );
}

/** The command as that user; where setpriv is, it gets a signal when this process ends without saying so. */
export function as(
  who: User | undefined,
  program: string,
  given: readonly string[],
): readonly string[] {
  if (!existsSync("/usr/bin/setpriv")) {
    if (who !== undefined)
      throw new NoServerError(
        `PostgreSQL refuses to run as root, and there is no setpriv (util-linux) to become another user: set ${urlVariable}`,
      );
    return [program, ...given];
  }
  const become =
    who === undefined ? [] : [`--reuid=${who.uid}`, `--regid=${who.gid}`, "--clear-groups"];
  return ["/usr/bin/setpriv", ...become, "--pdeathsig", "INT", program, ...given];
}

function run(who: User | undefined, program: string, given: readonly string[]): void {
  const [first = "", ...rest] = as(who, program, given);
  execFileSync(first, rest, { stdio: "pipe", cwd: tmpdir() });
}

/** The same, while this process goes on: it may be what the program waits for. */
async function runBeside(who: User | undefined, program: string, given: readonly string[]) {
  const [first = "", ...rest] = as(who, program, given);
  await promisify(execFile)(first, rest, { cwd: tmpdir() });
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("a port was expected");
  return address.port;
}
