import type { Told } from "./model.ts";

/** What the log alone says: a join per generation at most, and one end per life of a run. */
export function checkOnce(outputs: readonly Told[], tell: (what: string) => void): void {
  const joined = new Set<string>();
  const ended = new Set<string>();
  for (const { type, run, step, generation, total, ok, failed, skipped } of outputs) {
    if (type === "fan-out.joined") {
      const name = `${run}/${step} generation ${String(generation)}`;
      if (joined.has(name)) tell(`${name} joined twice`);
      joined.add(name);
      if (Number(ok) + Number(failed) + Number(skipped) > Number(total))
        tell(`${name} joined with more outcomes than sub-jobs`);
    }
    if (type === "run.resumed" || type === "run.removed") ended.delete(run);
    if (type === "run.removed")
      for (const name of joined) if (name.startsWith(`${run}/`)) joined.delete(name);
    if (type === "run.ended") {
      if (ended.has(run)) tell(`run ${run} ended twice`);
      ended.add(run);
    }
  }
}
