/** Spans of what an app starts, and of runs that ended, with their steps. What workers run has its own: roles/traced.ts. */
import type { Written } from "../core/event.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Trace } from "../core/trace.ts";
import type { Clock } from "../ports/clock.ts";
import type { Reader } from "../roles/reader.ts";
import type { Ending, Tracing } from "../roles/tracing.ts";
import type { Status, StepStatus } from "../views/status.ts";

/** Does what starts a run: it is handed the trace that the run then belongs to. */
export type TracedStart = (
  clock: Clock,
  start: (trace: Trace | undefined) => Promise<void>,
) => Promise<void>;

/** The start is a span of where it is called, and the run what follows from it. */
export function startSpan(tracing: Tracing | undefined, flow: string, run: string): TracedStart {
  if (tracing === undefined) return (_, start) => start(undefined);
  return async (clock, start) => {
    const span = tracing.begin({
      name: `start ${flow}`,
      kind: "producer",
      parent: "active",
      at: clock.now(),
      attributes: {
        "messaging.system": "fanfold",
        "messaging.operation.type": "send",
        "messaging.operation.name": "start",
        "messaging.destination.name": flow,
        "messaging.message.id": run,
        "messaging.message.conversation_id": run,
        "fanfold.flow": flow,
        "fanfold.run": run,
      },
    });
    try {
      await span.within(() => start(span.trace));
      span.end({ at: clock.now() });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      span.end({ at: clock.now(), failure: { name, message } });
      throw error;
    }
  };
}

export type SpansOfRuns = {
  /** What a manager of this process has committed. */
  readonly onDecided: (events: readonly Written[]) => void;
  readonly open: (reader: Pick<Reader, "run" | "status">) => void;
  /** Resolves when all that ended up to now has its spans. */
  readonly made: () => Promise<void>;
};

/** Runs whose spans are still to be made; beyond, the newest have none. */
const waitingAtMost = 10_000;

/**
 * A run is one span, made when it has ended, by the process that decided so, with its steps below it. Nothing is kept for it, and it
 * costs nothing before: begin and end stand in the store.
 */
export function spansOfRuns(tracing: Tracing): SpansOfRuns {
  let reader: Pick<Reader, "run" | "status"> | undefined;
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  async function make(id: string): Promise<void> {
    const run = await reader?.run(id);
    const status = await reader?.status(id);
    if (run?.endedAt !== undefined && status !== undefined) spansOf(tracing, run, status);
  }

  return {
    open(of) {
      reader = of;
    },
    onDecided(events) {
      for (const event of events) {
        if (event.type !== "run.ended" || waiting >= waitingAtMost) continue;
        waiting += 1;
        last = last
          .then(() => make(event.run))
          .catch(() => undefined) // The store does not answer: the run goes without.
          .finally(() => {
            waiting -= 1;
          });
      }
    },
    made: () => last,
  };
}

function spansOf(tracing: Tracing, run: StoredRun, { steps }: Status): void {
  const { run: id, flow, state, customer, because, endedAt: at = run.startedAt } = run;
  const about = { "fanfold.flow": flow, "fanfold.run": id };
  const span = tracing.begin({
    name: `run ${flow}`,
    kind: "internal",
    parent: run.trace,
    at: run.startedAt,
    attributes: {
      ...about,
      "messaging.message.conversation_id": id,
      "fanfold.state": state,
      ...(customer === undefined ? {} : { "fanfold.customer": customer }),
    },
  });
  for (const step of steps)
    if (step.startedAt !== undefined)
      span
        .within(() => spanOfStep(tracing, flow, step, step.startedAt ?? at, about))
        .end(endOf(step.state, because, step.endedAt ?? at));
  span.end(endOf(state, because, at));
}

function spanOfStep(
  tracing: Tracing,
  flow: string,
  { name, kind, state, total, ok, failed, skipped }: StepStatus,
  at: number,
  about: Readonly<Record<string, string>>,
) {
  const counts =
    kind === "step"
      ? {}
      : {
          "fanfold.sub_jobs.total": total ?? 0,
          "fanfold.sub_jobs.ok": ok,
          "fanfold.sub_jobs.failed": failed,
          "fanfold.sub_jobs.skipped": skipped,
        };
  return tracing.begin({
    name: `step ${flow}/${name}`,
    kind: "internal",
    parent: "active",
    at,
    attributes: { ...about, "fanfold.step": name, "fanfold.state": state, ...counts },
  });
}

function endOf(state: string, because: string | undefined, at: number): Ending {
  if (state !== "failed") return { at };
  return { at, failure: { name: "failed", message: because ?? "it failed" } };
}
