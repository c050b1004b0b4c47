import { execFileSync } from "node:child_process";

/** What was run: the commit, and whether the files were as it says. */
export function commit(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
    const changes = git("status", "--porcelain", "--", "../src", "../torture");
    return `${git("rev-parse", "--short=12", "HEAD")}${changes === "" ? "" : " and changes"}`;
  } catch {
    return "unknown";
  }
}
