/** A copy of the sources in a temporary folder, in which bugs are planted: what ships knows nothing of them. */
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bug, Edit } from "./bug.ts";

const root = join(import.meta.dirname, "..");
const copied = [
  "src",
  "docs",
  "test",
  "torture",
  "mutation",
  "bench",
  "package.json",
  "tsconfig.json",
];

export type Copy = { readonly folder: string; readonly [Symbol.dispose]: () => void };

/** The project as it is now, without a bug. */
export function copyOfSources(): Copy {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-mutation-"));
  chmodSync(folder, 0o755); // Some tests run a program as another user.
  const filter = (path: string): boolean => !path.endsWith("node_modules");
  for (const path of copied)
    cpSync(join(root, path), join(folder, path), { recursive: true, filter });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Plants it. Throws where a text is not there as often as it says: the sources have moved on, and the bug must follow. */
export function plant(folder: string, bug: Bug): void {
  for (const [file, text] of planted(folder, bug)) writeFileSync(join(folder, file), text);
}

/** What of the bugs cannot be planted in the sources as they are, in words. */
export function lostTexts(bugs: readonly Bug[]): readonly string[] {
  return bugs.flatMap((bug) => {
    try {
      planted(root, bug);
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  });
}

/** The files that it changes, as they are with it. */
function planted(folder: string, { name, edits }: Bug): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const edit of edits) {
    const text = files.get(edit.file) ?? readFileSync(join(folder, edit.file), "utf8");
    files.set(edit.file, edited(name, text, edit));
  }
  return files;
}

function edited(name: string, text: string, { file, find, replace, times }: Edit): string {
  const parts = text.split(find);
  if (parts.length - 1 !== times)
    throw new Error(
      `bug "${name}": expected ${times} times in ${file}, found ${parts.length - 1} times: let the bug follow the sources, in mutation/bugs\n${find}`,
    );
  return parts.join(replace);
}
