/** A PgBouncer between a program and its server, in transaction mode: a connection of the server's belongs to a client for one transaction only. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../until.ts";
import { answers, as, freePort, install, NoServerError, user } from "./postgres.ts";

export type Pooler = {
  /** The URL, by way of it. */
  readonly url: string;
  readonly stop: () => Promise<void>;
};

/** Connections to the server per database: fewer than clients have. */
export const poolSize = 3;

/** Rejects with NoServerError where there is none, and none can be installed. */
export async function startPgBouncer(target: string): Promise<Pooler> {
  const program = installed();
  const who = user();
  const url = new URL(target);
  const folder = mkdtempSync(join(tmpdir(), "fanfold-pgbouncer-"));
  chmodSync(folder, 0o700);
  const port = await freePort();
  const forget = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", forget);
  const files = {
    "users.txt": `"${url.username}" "${decodeURIComponent(url.password)}"\n`,
    "pgbouncer.ini": `[databases]
* = host=${url.hostname} port=${url.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(folder, "users.txt")}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  if (who !== undefined)
    for (const name of ["", ...Object.keys(files)]) chownSync(join(folder, name), who.uid, who.gid);

  const [command = "", ...given] = as(who, program, ["-q", join(folder, "pgbouncer.ini")]);
  const child: ChildProcess = spawn(command, given, {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr?.on("data", (chunk) => (said = `${said}${String(chunk)}`.slice(-4_000)));
  child.unref();
  url.port = String(port);
  await until(
    () => {
      if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${said}`);
      return answers(url.href);
    },
    { withinMs: 20_000, what: "PgBouncer answers" },
  );
  return {
    url: url.href,
    async stop() {
      const gone = once(child, "exit");
      child.ref();
      child.kill("SIGTERM");
      await gone;
      process.off("exit", forget);
      forget();
    },
  };
}

function installed(): string {
  const find = (): string | undefined =>
    ["/usr/sbin", ...(process.env["PATH"] ?? "").split(":")]
      .map((folder) => join(folder, "pgbouncer"))
      .find((file) => existsSync(file));
  if (find() === undefined) install("pgbouncer");
  const program = find();
  if (program !== undefined) return program;
  throw new NoServerError(
    "no PgBouncer on this machine: install it (Debian: apt-get install pgbouncer)",
  );
}
