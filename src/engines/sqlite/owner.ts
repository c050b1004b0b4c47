/**
 * One owner per file. The right is a lock of the operating system, so it ends with the process, however that ends: an
 * exclusive transaction, never committed, on a small database beside the file. Facts about the owner are beside it, for people.
 *
 * Nobody may open `<file>-owner` but SQLite: closing any other handle on it would give up the process's lock (POSIX).
 */
import { existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConflictError } from "../../errors.ts";
import { localTime } from "../system.ts";
import { explained, isBusy } from "./problems.ts";

export type Owner = {
  /** 0 where the facts cannot be read. */
  readonly pid: number;
  /** The app's. */
  readonly name: string;
  /** Epoch ms. */
  readonly since: number;
  /** Where it answers others. */
  readonly url: string | undefined;
};

export type Ownership = {
  /** Tells others where the owner answers. */
  readonly setUrl: (url: string) => void;
  readonly release: () => void;
};

/** How long somebody who looks (ownerOf) may hold up somebody who opens. */
const patienceMs = 250;

/** Takes the file, or throws ConflictError saying who has it. */
export function own(path: string, name: string, since: number): Ownership {
  const lock = lockOn(path);
  const file = `${realPath(path)}-owner.json`;
  const tell = (url: string | undefined): void => {
    const facts: Owner = { pid: process.pid, name, since, url };
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(facts));
    renameSync(draft, file);
  };
  let held = true;
  try {
    tell(undefined);
  } catch (error) {
    lock.close();
    throw explained(error, file);
  }
  return {
    setUrl(url) {
      if (held) tell(url);
    },
    release() {
      if (!held) return;
      held = false;
      rmSync(file, { force: true });
      lock.close();
    },
  };
}

/** Who has the file open for writing now; undefined if nobody has. */
export function ownerOf(path: string): Owner | undefined {
  const lock = `${realPath(path)}-owner`;
  if (!existsSync(lock)) return undefined;
  const db = new DatabaseSync(lock, { readOnly: true, timeout: 0 });
  try {
    db.prepare("select count(*) from sqlite_schema").get();
    return undefined;
  } catch (error) {
    if (!isBusy(error)) throw explained(error, lock);
    return factsOf(path);
  } finally {
    db.close();
  }
}

function lockOn(path: string): DatabaseSync {
  const file = `${realPath(path)}-owner`;
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: patienceMs });
    db.exec("begin exclusive");
    return db;
  } catch (error) {
    db?.close();
    throw isBusy(error) ? conflict(path) : explained(error, file);
  }
}

function conflict(path: string): ConflictError {
  const { pid, name, since, url } = factsOf(path);
  const who =
    pid === 0 ? "another process" : `process ${pid} ("${name}", since ${localTime(since)})`;
  const otherwise =
    url === undefined
      ? "stop it first, or let it answer others: work({ listen: 4400 })"
      : `connect to it with FANFOLD_URL=${url}, or stop it`;
  return new ConflictError(`${path} is in use by ${who}: ${otherwise}`, {
    details: { path, pid, name, since, url },
  });
}

function factsOf(path: string): Owner {
  const unknown: Owner = { pid: 0, name: "unknown", since: 0, url: undefined };
  try {
    const facts: unknown = JSON.parse(readFileSync(`${realPath(path)}-owner.json`, "utf8"));
    return isOwner(facts) ? { ...facts, url: facts.url } : unknown;
  } catch {
    return unknown; // They are for people: what decides is the lock.
  }
}

function isOwner(facts: unknown): facts is Owner {
  return (
    typeof facts === "object" &&
    facts !== null &&
    "pid" in facts &&
    typeof facts.pid === "number" &&
    "name" in facts &&
    typeof facts.name === "string" &&
    "since" in facts &&
    typeof facts.since === "number" &&
    (!("url" in facts) || typeof facts.url === "string")
  );
}

/** The same for every way to write it, through links too; the file itself need not exist yet. */
export function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  if (!existsSync(dirname(path))) return path;
  return join(realpathSync(dirname(path)), basename(path));
}
