/** What others saw: a file with one JSON object a line, written by handlers and clients, synced before they go on. */
import { readFileSync } from "node:fs";
import { isEnded, ok, type Run } from "./model.ts";
import type { Seen, Tell } from "./store.ts";

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

/** Holds what others saw against what the log says. */
export function checkWitness(
  witness: Witness,
  runs: ReadonlyMap<string, Run>,
  removed: ReadonlySet<string>,
  tell: Tell,
  seen: Seen,
): void {
  for (const id of witness.started) {
    seen("acknowledged starts");
    if (!runs.has(id) && !removed.has(id))
      tell("G1", `run ${id}`, "the start that was acknowledged", "none");
  }
  for (const id of witness.cancelled) {
    if (removed.has(id)) continue;
    seen("acknowledged cancels");
    const { state, reopened } = runs.get(id) ?? { state: "lost", reopened: false };
    if (state !== "cancelled" && !reopened)
      tell("G13", `run ${id}`, "the cancel that was acknowledged", state);
  }
  for (const id of witness.ended) {
    if (removed.has(id)) continue;
    seen("acknowledged ends");
    const { state } = runs.get(id) ?? { state: "lost" };
    if (!isEnded({ state })) tell("G1", `run ${id}`, "the end that was acknowledged", state);
  }
  for (const [id, run] of runs)
    for (const [name, step] of run.steps)
      for (const [index, key] of step.keys.entries()) {
        const times = witness.ran.get(`${id}/${name}/${key}`) ?? 0;
        if (step.masks[index] === ok && times === 0)
          tell("G7", `${id}/${name} #${index} "${key}"`, "an execution", "none");
        seen("executions", times);
        seen("extra executions", Math.max(0, times - 1 - (step.attempts.get(index) ?? 0)));
      }
}
