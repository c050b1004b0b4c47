/** A copy of the sources in a temporary folder, in which bugs are planted: what ships knows nothing of them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bug } from "./bugs.ts";

const root = join(import.meta.dirname, "..");
const copied = ["src", "test", "mutation", "package.json", "tsconfig.json"];

export type Copy = { readonly folder: string; readonly [Symbol.dispose]: () => void };

/** The project as it is now, without a bug. */
export function copyOfSources(): Copy {
  const folder = mkdtempSync(join(tmpdir(), "fanfold-mutation-"));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Plants it. Throws where a text is not there once: the sources have moved on, and the bug must follow. */
export function plant(folder: string, { name, edits }: Bug): void {
  for (const { file, find, replace } of edits) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    const times = text.split(find).length - 1;
    if (times !== 1)
      throw new Error(`"${name}": ${file} has this text ${times} times, not once:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
}

/** Every bug can be planted in the sources as they are; throws all that is wrong with them. */
export function checkBugs(bugs: readonly Bug[]): void {
  const wrong: string[] = [];
  for (const bug of bugs) {
    using copy = copyOfSources();
    try {
      plant(copy.folder, bug);
    } catch (error) {
      wrong.push(String(error));
    }
  }
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
}
