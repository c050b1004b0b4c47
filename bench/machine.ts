/** Where a figure was measured: without it, a figure is an anecdote. */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "./statistics.ts";

export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly sqlite: string;
};

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    node: process.versions.node,
    sqlite: process.versions["sqlite"] ?? "unknown",
  };
}

const magicOfTmpfs = 0x01021994;

/**
 * A new folder on a real disk: FANFOLD_BENCH_DIR, else the system's temp folder, else (where that is in memory) tmp/ of the
 * project. Syncing to memory costs nothing and would make every figure a lie.
 */
export function freshFolder(): string {
  const given = process.env["FANFOLD_BENCH_DIR"] ?? tmpdir();
  const base =
    statfsSync(given).type === magicOfTmpfs
      ? fileURLToPath(new URL("../tmp", import.meta.url))
      : given;
  mkdirSync(base, { recursive: true });
  return mkdtempSync(join(base, "fanfold-bench-"));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Median time in ms to append 4 KiB to a file and fdatasync it. A few ms to a fifth of a second in all. */
export function syncMs(folder: string, times = 50): number {
  const block = Buffer.alloc(4096, 7);
  const path = join(folder, "sync-probe");
  const fd = openSync(path, "w");
  try {
    const took: number[] = [];
    for (let n = 0; n < times; n += 1) {
      const from = performance.now();
      writeSync(fd, block);
      fdatasyncSync(fd);
      took.push(performance.now() - from);
    }
    return median(took);
  } finally {
    closeSync(fd);
    rmSync(path);
  }
}
