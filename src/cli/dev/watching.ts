/** Files that somebody edits: says which were saved. */
import { statSync, watch, type FSWatcher } from "node:fs";
import { dirname } from "node:path";

export type Watching = {
  /** From now on, these. */
  readonly set: (files: readonly string[]) => void;
  readonly close: () => void;
};

/** An editor writes a file in several steps: so long nothing more must come. */
const quietMs = 50;

/**
 * Watches folders, not files: an editor that saves puts another file in the place of the old one.
 *
 * A file that is not there at the moment is about to be; it counts as saved when it is back.
 */
export function watching(onSaved: (files: readonly string[]) => void): Watching {
  const folders = new Map<string, FSWatcher>();
  const known = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    const saved = [...known].filter(([file, before]) => {
      const now = signatureOf(file);
      if (now === undefined || now === before) return false;
      known.set(file, now);
      return true;
    });
    if (saved.length > 0) onSaved(saved.map(([file]) => file));
  }

  function soon(): void {
    clearTimeout(timer);
    timer = setTimeout(look, quietMs);
  }

  return {
    set(files) {
      for (const file of known.keys()) if (!files.includes(file)) known.delete(file);
      for (const file of files)
        if (!known.has(file)) known.set(file, signatureOf(file) ?? "not there");
      const wanted = new Set(files.map((file) => dirname(file)));
      for (const [folder, watcher] of folders)
        if (!wanted.has(folder)) {
          watcher.close();
          folders.delete(folder);
        }
      for (const folder of wanted)
        if (!folders.has(folder)) folders.set(folder, watch(folder, soon));
      soon(); // What was saved before its folder was watched.
    },
    close() {
      clearTimeout(timer);
      for (const watcher of folders.values()) watcher.close();
    },
  };
}

function signatureOf(file: string): string | undefined {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
