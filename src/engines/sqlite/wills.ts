/**
 * Last wills in a file beside the database, written without a sync: the kernel keeps what a process wrote, however the process
 * ended. A few µs each.
 *
 * A line per will and per revocation; it begins anew when it has grown. A line that was cut off says nothing.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import type { Will, Wills } from "../../ports/wills.ts";

export type FileOfWills = Wills & {
  /** In good order: nothing is left. */
  readonly close: () => void;
};

/** The last line of a process that ended by itself. */
const exit = "!\n";
/** Bytes after which the file begins anew. */
const longest = 1_048_576;

export function fileOfWills(file: string): FileOfWills {
  const said = existsSync(file) ? readFileSync(file, "utf8") : "";
  rmSync(file, { force: true });
  const fd = openSync(file, "a");
  const open = new Map<number, string>();
  let length = 0;
  let made = 0;
  let isClosed = false;
  let isForgiven = false;

  function write(line: string): void {
    if (isClosed || isForgiven) return;
    try {
      if (length > longest) {
        ftruncateSync(fd, 0);
        length = 0;
        for (const will of open.values()) length += writeSync(fd, will);
      }
      length += writeSync(fd, line);
    } catch {
      // A full disk stops the log soon enough. Until then, who dies blames nobody.
    }
  }

  function revoke(id: number): void {
    if (open.delete(id)) write(`-${id}\n`);
  }

  /** Whoever is killed cannot say so. */
  const onExit = (): void => write(exit);
  process.once("exit", onExit);

  return {
    left: willsIn(said),
    exited: said.endsWith(exit),
    make({ partition, text }) {
      made += 1;
      const line = `+${made} ${partition} ${text}\n`;
      write(line);
      open.set(made, line);
      return made;
    },
    revoke,
    forgive() {
      for (const id of open.keys()) revoke(id);
      isForgiven = true;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      process.off("exit", onExit);
      closeSync(fd);
      rmSync(file, { force: true });
    },
  };
}

function willsIn(text: string): readonly Will[] {
  const wills = new Map<string, Will>();
  for (const line of text.split("\n").slice(0, -1)) {
    const [, made, partition, record, revoked] =
      /^\+(\d+) (\d+) (\{.*\})$|^-(\d+)$/.exec(line) ?? [];
    if (revoked !== undefined) wills.delete(revoked);
    if (made !== undefined && record !== undefined && isJson(record))
      wills.set(made, { partition: Number(partition), text: record });
  }
  return [...wills.values()];
}

/** Nothing here was synced: after a power cut a line may have anything in its middle, and what is no record must not get on the log. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
