/** A Redis server of our own: a free port on loopback, a throw-away folder, gone when closed. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { delimiter, join } from "node:path";
import { accessSync, constants, mkdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { SkippedError, type Companion } from "../harness.ts";

/** When Redis syncs its log: every second (its default: up to a second may be lost), or before it answers. */
export type AppendFsync = "everysec" | "always";

function find(program: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/bin", "/usr/bin"];
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Path of redis-server. Where there is none, Debian's package is installed, if FANFOLD_BENCH_INSTALL=1 allows it and we are
 * root; else rejects with SkippedError, which says so.
 */
export async function redisServer(): Promise<string> {
  const found = find("redis-server");
  if (found !== undefined) return found;
  const allowed = process.env["FANFOLD_BENCH_INSTALL"] === "1";
  if (!allowed || process.getuid?.() !== 0 || find("apt-get") === undefined)
    throw new SkippedError(
      "there is no redis-server here; install it, or run as root on Debian with FANFOLD_BENCH_INSTALL=1",
    );
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const run = promisify(execFile);
    await run("apt-get", ["install", "-y", "--no-install-recommends", "redis-server"], { env });
  } catch (error) {
    throw new SkippedError("apt-get install redis-server failed", { cause: error });
  }
  const installed = find("redis-server");
  if (installed === undefined)
    throw new SkippedError("redis-server was installed and is not there");
  return installed;
}

export async function startRedis(folder: string, appendFsync: AppendFsync): Promise<Companion> {
  const program = await redisServer();
  const port = await freePort();
  const dir = join(folder, "redis");
  mkdirSync(dir);
  const settings = {
    port: `${port}`,
    bind: "127.0.0.1",
    dir,
    save: "",
    appendonly: "yes",
    appendfsync: appendFsync,
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn(program, args, { stdio: "ignore" });
  const ended = once(server, "exit");
  const kill = (): void => void server.kill("SIGTERM");
  process.once("exit", kill); // It would outlive us.
  await reachable(port);
  return {
    input: { port },
    async close() {
      const serverMb = peakMbOf(server.pid);
      process.off("exit", kill);
      kill();
      await ended;
      return { serverMb };
    },
  };
}

/** Peak resident memory, where the kernel tells. */
function peakMbOf(pid: number | undefined): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(found?.[1] ?? Number.NaN) / 1024;
  } catch {
    return Number.NaN;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const socket = createConnection({ port, host: "127.0.0.1" });
    try {
      await once(socket, "connect"); // oxlint-disable-line no-await-in-loop -- one try after another
      return;
    } catch {
      await pause(10); // oxlint-disable-line no-await-in-loop -- one try after another
    } finally {
      socket.destroy();
    }
  }
  throw new Error("redis-server did not come up within five seconds");
}
