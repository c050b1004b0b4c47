import type { Priority } from "../../core/event.ts";
import type { Task } from "../../core/task.ts";
import type { Param } from "./database.ts";
import { numberArray, textArray } from "./arrays.ts";

const places: Readonly<Record<Priority, number>> = { urgent: 0, high: 1, normal: 2, low: 3 };

/** Queues, priorities and bodies, as put and commit want them. */
export function taskArrays(tasks: readonly Task[]): readonly Param[] {
  return [
    textArray(tasks.map(({ queue }) => queue)),
    numberArray(tasks.map(({ priority }) => places[priority])),
    textArray(tasks.map((task) => JSON.stringify(task))),
  ];
}
