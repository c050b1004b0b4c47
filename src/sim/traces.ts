/** Traces in a simulated world: every other program makes spans, and what belongs to a run's trace is looked at from outside. */
import { hashOf } from "../core/hash.ts";
import type { Task } from "../core/task.ts";
import type { Trace } from "../core/trace.ts";
import type { NewSpan, Tracing } from "../roles/tracing.ts";
import type { Draw } from "./draw.ts";
import type { Run, Told } from "./model.ts";

export function traceFrom(text: string): Trace {
  const { h1, h2 } = hashOf(text);
  const hex = (n: number): string => (n || 1).toString(16).padStart(8, "0");
  return { traceparent: `00-${hex(h1).repeat(4)}-${hex(h2).repeat(2)}-01` };
}

/** In half of the worlds, spans of half of the sub-jobs. */
export function tracingOf(draw: Draw): Tracing | undefined {
  if (draw.chance(0.5, "tracing")) return undefined;
  return {
    subJobs: 0.5,
    begin: ({ name, parent, at }: NewSpan) => ({
      trace: traceFrom(`${name} ${JSON.stringify(parent)} ${at}`),
      within: (work) => work(),
      end: () => undefined,
    }),
    inside: () => (work) => work(),
  };
}

/**
 * Every task of a run carries the trace that the run was started with; one of an id that was used again in this commit, that of
 * either run, of which the first may have been started before it.
 */
export function checkTraces(
  runs: ReadonlyMap<string, Run>,
  events: readonly Told[],
  tasks: readonly Task[],
  tell: (what: string) => void,
): void {
  for (const task of tasks) {
    const run = runs.get(task.run);
    const [is, must] = [JSON.stringify(task.trace), JSON.stringify(run?.trace)];
    const name = `${task.run}/${task.step}`;
    const isOfBefore = events.some(
      ({ type, run: id, trace }) =>
        id === task.run &&
        (type === "run.expired" || (type === "run.started" && JSON.stringify(trace) === is)),
    );
    if (run !== undefined && is !== must && !isOfBefore)
      tell(`a task of ${name} has trace ${is}, not ${must}`);
  }
}
