/** What is written down of a task whose worker is gone. */
import { encode } from "../core/event.ts";
import type { SliceTask, Task } from "../core/task.ts";

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

/** Of a slice, from its nth sub-job on, one by one: index, 1, issue, … */
export function restOf({ from, count, again }: SliceTask, nth: number): number[] {
  const rest: number[] = [];
  for (let n = nth; n < count; n += 1)
    rest.push(again?.[n]?.index ?? from + n, 1, again?.[n]?.issue ?? 1);
  return rest;
}

/** All of a slice: from, count, issue, from, … */
export function triplesOf(task: Task): readonly number[] {
  if (task.kind !== "slice") return [];
  return task.again?.flatMap(({ index, issue }) => [index, 1, issue]) ?? [task.from, task.count, 1];
}
