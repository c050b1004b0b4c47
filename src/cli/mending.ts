/** What `doctor --fix` can mend by itself: nothing that anybody may still want, and nothing that somebody works on. */
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

import type { Clock } from "../ports/clock.ts";
import { count, counted } from "./format.ts";

export type Mend = {
  /** What it does, as a sentence that begins with a verb. */
  readonly would: string;
  /** Does it. Rejects with ConflictError where somebody has opened the file meanwhile. */
  readonly mend: () => Promise<void>;
};

/** Somebody who looks at the disk now needs his own folder so long at the most. */
const leftAfterMs = 600_000;
/** Less is not worth a rewrite of the file. */
const leastFree = 1_048_576;
const leastShare = 0.2;

/** Of a file, and of the folder it is in. */
export async function mendsOf(path: string, clock: Clock): Promise<readonly Mend[]> {
  return [...leftFolders(path, clock), ...(existsSync(path) ? await freePages(path, clock) : [])];
}

/** A doctor that was killed could not remove what it tried the disk with. */
function leftFolders(path: string, clock: Clock): readonly Mend[] {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) return [];
  const left = readdirSync(folder)
    .filter((name) => /^fanfold-doctor-\w{6}$/.test(name))
    .map((name) => join(folder, name))
    .filter((one) => statSync(one).mtimeMs < clock.now() - leftAfterMs);
  if (left.length === 0) return [];
  return [
    {
      would: `remove ${counted(left.length, "folder")} that a doctor left when it was stopped: ${left.join(", ")}`,
      async mend() {
        for (const one of left) rmSync(one, { recursive: true, force: true });
      },
    },
  ];
}

/** What retention has removed leaves pages free, which are used again; who wants the disk back, gets them here. */
async function freePages(path: string, clock: Clock): Promise<readonly Mend[]> {
  const { openFile, openFileToRead } = await import("../engines/sqlite/file.ts");
  const { ownerOf } = await import("../engines/sqlite/owner.ts");
  if (ownerOf(path) !== undefined) return [];
  const { db, close } = openFileToRead(path);
  const pragma = (name: string): number => Number(db.prepare(`pragma ${name}`).get()?.[name]);
  const [free, all, size] = [pragma("freelist_count"), pragma("page_count"), pragma("page_size")];
  close();
  if (free * size < leastFree || free < all * leastShare) return [];
  const kib = (pages: number): string => `${count((pages * size) / 1024)} KiB`;
  return [
    {
      would: `give ${kib(free)} of ${kib(all)} of ${path} back to the disk: they are free`,
      async mend() {
        const file = openFile(path, { name: "doctor", since: clock.now() });
        try {
          file.db.exec("pragma incremental_vacuum; pragma wal_checkpoint(truncate)");
        } finally {
          file.close();
        }
      },
    },
  ];
}
