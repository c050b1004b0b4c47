/** What others saw: a file with one JSON object a line, written by handlers and clients, synced before they go on. */
import { readFileSync } from "node:fs";

export type Witness = {
  /** Runs whose start or cancel was acknowledged, and runs whose end a client was told. */
  readonly started: ReadonlySet<string>;
  readonly cancelled: ReadonlySet<string>;
  readonly ended: ReadonlySet<string>;
  /** Executions by `run/step/key`. */
  readonly ran: ReadonlyMap<string, number>;
};

/**
 * Reads `{"started":"run"}`, `{"cancelled":"run"}`, `{"ended":"run"}` and `{"ran":"run/step/key"}` (ctx.key), and passes over
 * anything else.
 *
 * A last line without its newline was not written to its end, so nobody relied on it.
 */
export function heard(file: string): Witness {
  const started = new Set<string>();
  const cancelled = new Set<string>();
  const ended = new Set<string>();
  const ran = new Map<string, number>();
  for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) {
    const one: unknown = JSON.parse(line);
    if (typeof one !== "object" || one === null) continue;
    if ("started" in one && typeof one.started === "string") started.add(one.started);
    if ("cancelled" in one && typeof one.cancelled === "string") cancelled.add(one.cancelled);
    if ("ended" in one && typeof one.ended === "string") ended.add(one.ended);
    if ("ran" in one && typeof one.ran === "string") ran.set(one.ran, (ran.get(one.ran) ?? 0) + 1);
  }
  return { started, cancelled, ended, ran };
}
