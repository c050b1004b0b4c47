/** What doctor looks at. Each check answers for itself and throws nothing: a broken thing is its finding. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { app as define } from "../app/app.ts";
import { flow } from "../define/flow.ts";
import { job } from "../define/job.ts";
import type { Schema } from "../define/schema.ts";
import type { Clock } from "../ports/clock.ts";
import type { RetentionStatus } from "../roles/removals.ts";
import { count, counted, duration, instant, rate } from "./format.ts";
import { flowText } from "./view.ts";

export type Check = {
  readonly name: string;
  readonly state: "ok" | "warn" | "bad";
  readonly text: string;
  /** The next command to type, or the next thing to do. */
  readonly next?: string;
};

const ok = (name: string, text: string): Check => ({ name, state: "ok", text });

/** Node ^22.22.3 || >=24.15: the versions with a sound SQLite. */
export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const fits =
    (major === 22 && (minor > 22 || (minor === 22 && patch >= 3))) ||
    (major === 24 && minor >= 15) ||
    major > 24;
  return fits
    ? ok("node", version)
    : {
        name: "node",
        state: "bad",
        text: `${version}; expected 22.22.3 or newer of 22, or 24.15 or newer`,
        next: "npm install --save-dev node@24",
      };
}

/** Before 3.51.3 a checkpoint could damage a WAL. */
export async function sqliteCheck(): Promise<Check> {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(":memory:");
  const version = String(db.prepare("select sqlite_version() as version").get()?.["version"]);
  db.close();
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  return major * 1e6 + minor * 1e3 + patch >= 3_051_003
    ? ok("sqlite", version)
    : {
        name: "sqlite",
        state: "bad",
        text: `${version}; expected 3.51.3 or newer, which cannot damage a file at a checkpoint`,
        next: "npm install --save-dev node@24",
      };
}

/** The file, who owns it, and whether a commit on it is durable. */
export async function fileChecks(path: string): Promise<readonly Check[]> {
  if (!existsSync(path)) return [folderCheck(path)];
  try {
    const { openFileToRead } = await import("../engines/sqlite/file.ts");
    const { ownerOf } = await import("../engines/sqlite/owner.ts");
    const file = openFileToRead(path);
    const journal = String(file.db.prepare("pragma journal_mode").get()?.["journal_mode"]);
    file.close();
    const owner = ownerOf(path);
    return [
      ok(
        "file",
        `${path}, ${count(statSync(path).size / 1024)} KiB, ${count(file.partitions)} partition${file.partitions === 1 ? "" : "s"}`,
      ),
      ok(
        "owner",
        owner === undefined
          ? "nobody has it open"
          : `process ${owner.pid} ("${owner.name}")${owner.url === undefined ? "" : `, answers at ${owner.url}`}`,
      ),
      journal === "wal"
        ? ok(
            "durability",
            "every commit is synced before it is acknowledged (WAL, synchronous=FULL, refused otherwise)",
          )
        : {
            name: "durability",
            state: "bad",
            text: `journal_mode is ${journal}, expected wal: the file is on a disk that cannot do it`,
            next: "move the file to a local disk",
          },
    ];
  } catch (error) {
    return [{ name: "file", state: "bad", text: words(error), next: `ls -l ${dirname(path)}` }];
  }
}

function folderCheck(path: string): Check {
  const folder = existingFolder(path);
  try {
    accessSync(folder, constants.W_OK);
    return ok("file", `${path} is not there yet; the first run makes it`);
  } catch (error) {
    return {
      name: "file",
      state: "bad",
      text: `${path} cannot be made: ${words(error)}`,
      next: `ls -ld ${folder}`,
    };
  }
}

function existingFolder(path: string): string {
  let folder = dirname(resolve(path));
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}

const syncs = 50;

/** How long the disk takes to say that it has it: 4 KiB and a sync, again and again. */
export function syncCheck(path: string | undefined, clock: Clock): Check {
  const folder = mkdtempSync(
    join(path === undefined ? tmpdir() : existingFolder(path), "fanfold-doctor-"),
  );
  try {
    const file = openSync(join(folder, "probe"), "w");
    const page = Buffer.alloc(4_096, 1);
    const times = Array.from({ length: syncs }, () => {
      const before = clock.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return clock.now() - before;
    }).toSorted((a, b) => a - b);
    closeSync(file);
    return judgedSync(times[syncs >> 1] ?? 0, times.at(-1) ?? 0);
  } catch (error) {
    return { name: "sync", state: "bad", text: words(error), next: "df -h ." };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function judgedSync(medianMs: number, longestMs: number): Check {
  const text = `median ${duration(medianMs)}, longest ${duration(longestMs)} of ${syncs}`;
  if (medianMs > 25)
    return {
      name: "sync",
      state: "warn",
      text: `${text}: slow; commits share syncs, so throughput stands it, latency does not`,
    };
  // No medium answers within 20 µs: something on the way keeps the data in memory and says that it is safe.
  if (medianMs < 0.02)
    return {
      name: "sync",
      state: "warn",
      text: `${text}: too fast for a disk; fine for tests, but a loss of power may lose what was acknowledged`,
    };
  return ok("sync", text);
}

/** A clock that was set back makes deadlines and delays wait for it. */
export function clockCheck(now: number, newestStartedAt: number | undefined): Check {
  if (newestStartedAt !== undefined && newestStartedAt > now + 1_000)
    return {
      name: "clock",
      state: "warn",
      text: `${duration(newestStartedAt - now)} behind the newest run: it was set back`,
      next: "timedatectl status",
    };
  return ok("clock", newestStartedAt === undefined ? "runs" : "not behind the newest run");
}

/** What is removed when, and whether somebody does it. */
export function retentionCheck({ kept, removed }: RetentionStatus, now: number): Check {
  const name = "retention";
  if (kept.length === 0) return ok(name, "every run is kept for ever: no flow or job has one");
  const [last] = removed;
  const times = kept.map(({ flow, ms }) => `${flowText(flow)} ${duration(ms)}`);
  const some = times.length > 4 ? [...times.slice(0, 4), `${times.length - 4} more`] : times;
  const text = `${some.join(" · ")} after their end; ${
    last === undefined
      ? "no removal in the newest records of the log"
      : `the last removal ${instant(last.at, now)} ("${last.run}")`
  }`;
  const overdue = kept.reduce((sum, one) => sum + one.overdue, 0);
  if (overdue === 0) return ok(name, text);
  return {
    name,
    state: "warn",
    text: `${text}; ${counted(overdue, "run")} should be gone`,
    next: "fanfold worker     who serves removes them",
  };
}

const probeItems = 20_000;

/** Sub-jobs that do nothing, on a file of its own: what Fanfold itself can do here. */
export async function throughputCheck(path: string | undefined, clock: Clock): Promise<Check> {
  const folder = mkdtempSync(
    join(path === undefined ? tmpdir() : existingFolder(path), "fanfold-doctor-"),
  );
  const nothing = job("nothing", { input: anything, run: () => null });
  const flowOfNothing = flow("probe", { input: anything }).fanOut("items", nothing, {
    over: () => Array.from({ length: probeItems }, (_, i) => i),
    key: (i) => String(i),
  });
  const probe = define({
    name: "doctor",
    url: `sqlite:${join(folder, "probe.db")}`,
    parts: [flowOfNothing, nothing],
  });
  const done = new AbortController();
  try {
    const working = probe.work({ concurrency: 1_000, listen: false, signal: done.signal });
    const before = clock.now();
    const run = await probe.start(flowOfNothing, null, { id: "probe" });
    await Promise.race([run.result({ timeout: "30s" }), working]);
    const took = clock.now() - before;
    done.abort();
    await working;
    return ok(
      "throughput",
      `${rate(probeItems / (took / 1_000))}: ${count(probeItems)} empty sub-jobs, durable, in ${duration(took)}`,
    );
  } catch (error) {
    return { name: "throughput", state: "bad", text: words(error), next: "fanfold demo --plain" };
  } finally {
    done.abort();
    await probe.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const anything: Schema = {
  "~standard": { version: 1, vendor: "fanfold", validate: (value) => ({ value }) },
};

export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
