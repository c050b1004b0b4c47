/** What is written down of a task whose worker is gone. */
import { encode } from "../core/event.ts";
import type { Task } from "../core/task.ts";

/** `triples` say which sub-jobs of a slice; clean: nobody vanished, they are given back. */
export function lostText(task: Task, triples: readonly number[], clean: boolean): string {
  const { run, step, generation, kind } = task;
  return encode({
    type: "task.lost",
    run,
    step,
    generation,
    kind,
    ...(task.kind === "slice" ? { subJobs: triples } : { issue: task.issue }),
    ...(clean ? { clean } : {}),
  });
}

/** All of a slice: from, count, issue, from, … */
export function triplesOf(task: Task): readonly number[] {
  if (task.kind !== "slice") return [];
  return task.again?.flatMap(({ index, issue }) => [index, 1, issue]) ?? [task.from, task.count, 1];
}
