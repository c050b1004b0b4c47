/** Processes of load.ts: begun, heard, signalled, and none left behind. Only what was begun here is ever signalled. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** What a process is told to do. */
export type Order = {
  readonly store: string;
  readonly witness: string;
  readonly seed: number;
  /** Worker processes beside the owner; 0: the owner works itself. */
  readonly processes: number;
  /** Starts nothing new, and ends when everything has ended. */
  readonly drain: boolean;
  /** A file with how far the wall clock is off, in ms. */
  readonly clock?: string;
  /** Of an engine that several processes share, in place of the file. */
  readonly shared?: {
    readonly url: string;
    /** Manages and works; or manages, and starts those runs whose number has this rest when divided by `of`. */
    readonly part: "works" | { readonly starts: number; readonly of: number };
  };
};

export type Exit = { readonly code: number | null; readonly signal: string | null };

export type Owner = {
  readonly pid: number;
  /** Of its worker processes, those that were ready and are not known to be gone. */
  readonly workers: () => readonly number[];
  /** Resolves when it is ready; with the time since it was begun. Rejects when it ends before. */
  readonly up: Promise<number>;
  /** Resolves when one of its processes ran the first sub-job. */
  readonly works: Promise<number>;
  readonly ended: Promise<Exit>;
  /** Resolves to true when so many of its worker processes are ready, to false when it ended or time is up. */
  readonly hasWorkers: (count: number, withinMs: number) => Promise<boolean>;
  readonly signal: (name: NodeJS.Signals, pid?: number) => void;
  /** Ends all of it, at once, and resolves when the owner is gone. */
  readonly killAll: () => Promise<void>;
  /** What it has said on stderr so far; at most the last of it. */
  readonly said: () => string;
  /** Resolves when all that it and its workers said is read; that may be later than its end. */
  readonly silent: Promise<void>;
};

const program = fileURLToPath(new URL("load.ts", import.meta.url));
const begun = new Set<Owner>();

/** Nobody who ends this program leaves something running. */
process.once("exit", () => {
  for (const owner of begun)
    for (const pid of [owner.pid, ...owner.workers()]) kill(pid, "SIGKILL");
});

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    if (isOurs(pid)) process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

/** A number that was given to somebody else since is left alone. */
function isOurs(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return (
    !existsSync("/proc/self") || (existsSync(file) && readFileSync(file, "utf8").includes(program))
  );
}

export function begin(order: Order, env: Readonly<Record<string, string>> = {}): Owner {
  const from = performance.now();
  const child: ChildProcess = spawn(process.execPath, [program, JSON.stringify(order)], {
    env: { ...process.env, ...env, NODE_NO_WARNINGS: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid ?? 0;
  const workers = new Set<number>();
  let said = "";
  child.stderr?.on("data", (chunk) => (said = (said + String(chunk)).slice(-4_000)));
  const ended = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const silent = new Promise<void>((resolve) => void child.once("close", () => resolve()));
  const said1 = { up: Promise.withResolvers<number>(), works: Promise.withResolvers<number>() };
  if (child.stdout !== null)
    createInterface(child.stdout).on("line", (line) => {
      const { pid: who, isWorker, says } = JSON.parse(line) as Said;
      if (isWorker) workers.add(who);
      if (says === "works") said1.works.resolve(performance.now() - from);
      else if (!isWorker) said1.up.resolve(performance.now() - from);
    });
  void ended.then(() => {
    const early = new Error(`the process ended early: ${said}`);
    said1.up.reject(early);
    said1.works.reject(early);
  });
  for (const { promise } of Object.values(said1)) promise.catch(() => undefined);
  const living = (): readonly number[] => [...workers].filter(isOurs);

  const owner: Owner = {
    pid,
    workers: living,
    up: said1.up.promise,
    works: said1.works.promise,
    ended,
    async hasWorkers(count, withinMs) {
      const until = performance.now() + withinMs;
      while (living().length < count) {
        if (performance.now() > until || child.exitCode !== null || child.signalCode !== null)
          return false;
        await sleep(5);
      }
      return true;
    },
    signal: (name, whom = pid) => kill(whom, name),
    async killAll() {
      kill(pid, "SIGKILL");
      for (const worker of workers) kill(worker, "SIGKILL");
      await ended;
      begun.delete(owner);
    },
    said: () => said.trim(),
    silent,
  };
  begun.add(owner);
  return owner;
}

type Said = { readonly pid: number; readonly isWorker: boolean; readonly says: string };

/** Resolves when every thread of the process stands still: what it was in the kernel for is over, too. */
export async function standsStill(pid: number): Promise<void> {
  const isStill = (thread: string): boolean =>
    /^State:\s+[TtZX]/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"));
  while (existsSync(`/proc/${pid}`) && !readdirSync(`/proc/${pid}/task`).every(isStill))
    await sleep(1);
}
