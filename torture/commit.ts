import { execFileSync } from "node:child_process";

/** What was run: the last commit that changed the sources, and whether they were as it says. */
export function commit(): string {
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8" }).trim();
    const sources = ["--", "../src", "../torture"];
    const changes = git("status", "--porcelain", ...sources);
    return `${git("log", "-1", "--format=%h", ...sources)}${changes === "" ? "" : " and changes"}`;
  } catch {
    return "unknown";
  }
}
