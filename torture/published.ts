/** The published runs, docs/reliability/torture.json and torture-postgres.json: each may come in parts, which add up as long as the sources stay the same. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { added, type Report } from "./report.ts";

const folder = join(import.meta.dirname, "..", "docs", "reliability");
const fileOf = (engine: string): string =>
  join(folder, engine === "sqlite" ? "torture.json" : `torture-${engine}.json`);

/** What was published of these very sources; undefined where there is nothing of them. */
export function published(commit: string, engine: string): Report | undefined {
  const file = fileOf(engine);
  if (!existsSync(file)) return undefined;
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  return report.commit === commit ? report : undefined;
}

export function publish(report: Report, before: Report | undefined, engine: string): void {
  mkdirSync(folder, { recursive: true });
  const all = before === undefined ? report : added(before, report);
  writeFileSync(fileOf(engine), `${JSON.stringify(all, undefined, 2)}\n`);
}
