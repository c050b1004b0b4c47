import type { Recorded } from "../core/event.ts";
import type { RemovedRow, RunQuery, RunRow } from "../ports/views.ts";

/** The line of a run in the list, after this event; undefined where the event does not change it. */
export function runRows(
  before: RunRow | RemovedRow | undefined,
  event: Recorded,
): RunRow | RemovedRow | undefined {
  if (event.type === "run.began" || event.type === "run.delayed") {
    const { run, flow, customer, priority, deadlineAt, tags } = event;
    const isDelayed = event.type === "run.delayed";
    return {
      run,
      flow,
      state: isDelayed ? "waiting" : "running",
      priority,
      startedAt: isDelayed ? event.beginAt : event.at,
      ...(customer === undefined ? {} : { customer }),
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
      ...(tags === undefined ? {} : { tags }),
    };
  }
  if (event.type === "run.removed") return { run: event.run, state: "removed" };
  if (before === undefined || before.state === "removed") return undefined;
  const { because: _, endedAt: __, ...rest } = before;
  switch (event.type) {
    case "step.began":
      return { ...rest, step: event.step };
    case "run.held":
      return { ...rest, state: "held", step: event.step, because: event.because };
    case "run.resumed":
      return { ...rest, state: "running", step: event.step };
    case "run.adjusted": {
      const { priority, deadlineAt } = event;
      if (deadlineAt === before.deadlineAt) return { ...before, priority };
      const { deadlineAt: _, lateAt: __, riskAt: ___, ...same } = before;
      return { ...same, priority, ...(deadlineAt === undefined ? {} : { deadlineAt }) };
    }
    case "run.late":
      return event.of === "run" ? { ...before, lateAt: event.deadlineAt } : undefined;
    case "run.at-risk":
      return event.of === "run" ? { ...before, riskAt: event.riskAt } : undefined;
    case "run.ended":
      return {
        ...rest,
        state: event.state,
        startedAt: Math.min(rest.startedAt, event.at),
        endedAt: event.at,
        ...(event.because === undefined ? {} : { because: event.because }),
      };
    default:
      return undefined;
  }
}

/** What a query finds among rows that are kept, some of which have changed since. */
export function listed(
  kept: readonly RunRow[],
  changed: ReadonlyMap<string, RunRow | RemovedRow>,
  query: RunQuery,
): readonly RunRow[] {
  const same = kept.filter(({ run }) => !changed.has(run));
  const others = [...changed.values()].filter((row) => row.state !== "removed");
  const found = [...same, ...others.filter((row) => matches(row, query))];
  return found.toSorted(newestFirst).slice(0, query.limit);
}

export function matches(row: RunRow, query: RunQuery): boolean {
  return (
    (query.states?.includes(row.state) ?? true) &&
    (query.flow ?? row.flow) === row.flow &&
    (query.customer ?? row.customer) === row.customer &&
    row.startedAt >= (query.since ?? -Infinity) &&
    (query.endedBefore === undefined || (row.endedAt ?? Infinity) < query.endedBefore)
  );
}

/** Of the same instant, by the run's id, so that two pages never disagree. */
export function newestFirst(left: RunRow, right: RunRow): number {
  return right.startedAt - left.startedAt || (left.run < right.run ? -1 : 1);
}
