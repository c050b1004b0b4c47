/** The types of our ports that arrive from outside, as shapes. `satisfies` keeps them in step with the types. */
import type { Again, SliceTask, SplitTask, StepTask, Task } from "../core/task.ts";
import type { Trace } from "../core/trace.ts";
import type { Lease } from "../ports/queue.ts";
import type { RemovedRow, RunQuery, RunRow } from "../ports/views.ts";
import { limits } from "../core/limits.ts";
import {
  byKind,
  entries,
  type FieldsOf,
  flag,
  instant,
  integer,
  json,
  list,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "./shape.ts";

/** Names of runs, flows, steps, queues and workers. */
export const id: Shape<string> = text(limits.keyLength);

const number = integer(0);
const priority = oneOf("low", "normal", "high", "urgent");
const state = oneOf("waiting", "running", "held", "done", "failed", "cancelled");

const trace: Shape<Trace> = record({
  traceparent: text(55),
  tracestate: optional(text(512)),
} satisfies FieldsOf<Trace>);

const ofTask = {
  queue: id,
  partition: number,
  run: id,
  flow: id,
  step: id,
  generation: number,
  priority,
  customer: optional(text(limits.payloadBytes)),
  deadlineAt: optional(instant),
  trace: optional(trace),
};

const stepTask: Shape<StepTask> = record({
  ...ofTask,
  kind: oneOf("step"),
  issue: number,
  attempt: number,
  after: optional(trace),
} satisfies FieldsOf<StepTask>);

const splitTask: Shape<SplitTask> = record({
  ...ofTask,
  kind: oneOf("split"),
  issue: number,
  attempt: number,
  size: number,
  cursor: optional(json),
  after: optional(trace),
} satisfies FieldsOf<SplitTask>);

const again: Shape<Again> = record({
  index: number,
  issue: number,
  attempt: number,
  previous: optional(number),
  edited: optional(number),
} satisfies FieldsOf<Again>);

const sliceTask: Shape<SliceTask> = record({
  ...ofTask,
  kind: oneOf("slice"),
  job: id,
  from: number,
  count: number,
  again: optional(list(again, limits.windowSubJobs)),
  pages: list(number, limits.windowSubJobs * 2),
  last: optional(flag),
} satisfies FieldsOf<SliceTask>);

export const task: Shape<Task> = byKind<Task>({
  step: stepTask,
  split: splitTask,
  slice: sliceTask,
});

export const lease: Shape<Lease> = record({
  id,
  task,
  delivery: number,
} satisfies FieldsOf<Lease>);

const runRow: Shape<RunRow> = record({
  run: id,
  flow: id,
  state,
  customer: optional(id),
  priority,
  step: optional(id),
  because: optional(text(limits.payloadBytes)),
  tags: optional(entries(text(limits.payloadBytes))),
  startedAt: instant,
  endedAt: optional(instant),
  deadlineAt: optional(instant),
  lateAt: optional(instant),
  riskAt: optional(instant),
} satisfies FieldsOf<RunRow>);

const removedRow: Shape<RemovedRow> = record({
  run: id,
  state: oneOf("removed"),
} satisfies FieldsOf<RemovedRow>);

export const changedRow: Shape<RunRow | RemovedRow> = (value, at) => {
  const isRemoved = typeof value === "object" && value !== null && "state" in value;
  return isRemoved && value.state === "removed" ? removedRow(value, at) : runRow(value, at);
};

export const runQuery: Shape<RunQuery> = record({
  states: optional(list(state, 100)),
  flow: optional(id),
  customer: optional(id),
  since: optional(instant),
  endedBefore: optional(instant),
  limit: integer(0, 10_000),
} satisfies FieldsOf<RunQuery>);
