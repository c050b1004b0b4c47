/**
 * Spans of what a worker runs. A sub-job of the share that is traced has one for each attempt, in which its code runs; the others
 * run as part of the run's trace, unsampled, so that what they call records nothing either. What fails has a span in any case.
 *
 * It stands around jobs and outcomes, so that the hot path does not know of it.
 */
import { type Failure, type Unsettled } from "../core/event.ts";
import { hashOf } from "../core/hash.ts";
import { traceIn, type Trace } from "../core/trace.ts";
import type { SliceTask, SplitTask, StepTask } from "../core/task.ts";
import type { Job } from "../define/job.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { NotFoundError } from "../errors.ts";
import { attemptOf, isThenable } from "./attempt.ts";
import type { Home, Outcomes } from "./outcomes.ts";
import { pageWith, type UnreadPage } from "./pages.ts";
import { outcomesIn } from "./settled.ts";
import type { Span, Tracing } from "./tracing.ts";

export type Traced = {
  readonly outcomes: Outcomes;
  /** The job, with spans for what this slice runs of it. */
  readonly job: (
    home: Home,
    task: SliceTask,
    job: Job,
    pages: readonly UnreadPage[],
  ) => Promise<Job>;
};

export type TracedOptions = {
  readonly tracing: Tracing;
  readonly clock: Clock;
  readonly worker: string;
  readonly log: Log;
};

/** What failed and was not of the share has a span afterwards, at most so many a second: a million failures are not a million spans. */
const failuresPerSecond = 100;

type Slice = {
  readonly task: SliceTask;
  readonly job: Job;
  /** By index. */
  readonly spans: Map<number, Span>;
  /** Of what is tried again: the span of its attempt before. */
  readonly after: ReadonlyMap<number, Trace>;
};

type About = {
  readonly index: number;
  /** Of the item. */
  readonly key: string;
  readonly attempt: number;
  readonly at: number;
};

export function traced(options: TracedOptions, outcomes: Outcomes): Traced {
  const { tracing, clock, worker, log } = options;
  const slices = new WeakMap<Home, Slice>();
  let second = 0;
  let failures = 0;

  function begin({ task, job, after }: Slice, { index, key, attempt, at }: About): Span {
    const { run, step, queue, flow, trace } = task;
    const about = { run, step, queue, flow, worker, attempt, key: `${run}/${step}/${key}` };
    return tracing.begin({
      name: `process ${job.name}`,
      kind: "consumer",
      parent: trace,
      link: after.get(index),
      at,
      attributes: { ...attributesOf(about), "fanfold.job": job.name },
    });
  }

  function mayTellOfFailure(now: number): boolean {
    const current = Math.floor(now / 1_000);
    failures = current === second ? failures + 1 : 1;
    second = current;
    return failures <= failuresPerSecond;
  }

  /** The spans of the attempts before, of those that are tried again: their outcomes on the log name them. */
  async function before(task: SliceTask, pages: readonly UnreadPage[]) {
    const found = new Map<number, Trace>();
    const read = new Map<number, ReturnType<typeof outcomesIn>>();
    for (const { index, previous } of task.again ?? []) {
      if (previous === undefined || !isOfShare(tracing.subJobs, task, keyOn(pages, index)))
        continue;
      const outcomes = read.get(previous) ?? (await outcomesAt(task.partition, previous));
      read.set(previous, outcomes);
      const trace = traceIn(outcomes(index)?.trace);
      if (trace !== undefined) found.set(index, trace);
    }
    return found;
  }

  /** Of a record that is no longer there, nothing: the attempt goes without its link. */
  async function outcomesAt(partition: number, offset: number) {
    try {
      const [entry] = await log.read(partition, offset, { records: 1, bytes: 1 });
      return entry === undefined ? () => undefined : outcomesIn(entry);
    } catch (error) {
      if (error instanceof NotFoundError) return () => undefined;
      throw error;
    }
  }

  return {
    async job(home, task, job, pages) {
      const after = await before(task, pages);
      const slice = { task, job, spans: new Map<number, Span>(), after };
      slices.set(home, slice);
      const untraced = tracing.inside(unsampled(task));
      return {
        ...job,
        run(input, ctx) {
          const { index, key, attempt, startedAt: at } = attemptOf(ctx);
          if (!isOfShare(tracing.subJobs, task, key)) return untraced(() => job.run(input, ctx));
          const span = begin(slice, { index, key, attempt, at });
          slice.spans.set(index, span);
          const result: unknown = span.within(() => job.run(input, ctx));
          if (isThenable(result)) {
            // Of a run that ended meanwhile, no outcome is told.
            const over = (): void => {
              if (ctx.signal.aborted) void clock.sleep(0).then(() => span.end({ at: clock.now() }));
            };
            result.then(over, over);
          }
          return result;
        },
      };
    },
    outcomes: {
      ...outcomes,
      ok(home, index, issue, result, us, again) {
        endOf(home, index)?.end({ at: clock.now(), attributes: outcomeOf("ok") });
        outcomes.ok(home, index, issue, result, us, again);
      },
      bad(home, bad, us) {
        const { index, key, attempt, outcome, error } = bad;
        const now = clock.now();
        const slice = slices.get(home);
        const isFailure = outcome === "failed" || outcome === "timed-out";
        let span = endOf(home, index);
        if (span === undefined && slice !== undefined && isFailure && mayTellOfFailure(now))
          span = begin(slice, { index, key, attempt, at: now - us / 1_000 });
        span?.end({
          at: now,
          attributes: outcomeOf(outcome),
          failure: isFailure ? failed(outcome, error) : undefined,
        });
        outcomes.bad(home, withTrace(bad, span?.trace), us);
      },
    },
  };

  function endOf(home: Home, index: number): Span | undefined {
    const spans = slices.get(home)?.spans;
    const span = spans?.get(index);
    if (span !== undefined) spans?.delete(index);
    return span;
  }
}

/** The span of one attempt at a step's own task: its body, or its split. */
export function spanOfTask(
  tracing: Tracing,
  task: StepTask | SplitTask,
  worker: string,
  at: number,
): Span {
  const { kind, run, step, flow, queue, attempt, trace, after } = task;
  return tracing.begin({
    name: `${kind === "split" ? "split" : "process"} ${flow}/${step}`,
    kind: "consumer",
    parent: trace,
    link: after,
    at,
    attributes: attributesOf({ run, step, queue, flow, worker, attempt, key: `${run}/${step}` }),
  });
}

export function outcomeOf(outcome: string): Readonly<Record<string, string>> {
  return { "fanfold.outcome": outcome };
}

/** As the conventions for messaging have it, and ours for what they do not know. */
function attributesOf(about: {
  readonly run: string;
  readonly step: string;
  readonly queue: string;
  readonly flow: string;
  readonly worker: string;
  readonly attempt: number;
  readonly key: string;
}): Readonly<Record<string, string | number>> {
  return {
    "messaging.system": "fanfold",
    "messaging.operation.type": "process",
    "messaging.operation.name": "process",
    "messaging.destination.name": about.queue,
    "messaging.message.id": about.key,
    "messaging.message.conversation_id": about.run,
    "messaging.client.id": about.worker,
    "fanfold.flow": about.flow,
    "fanfold.run": about.run,
    "fanfold.step": about.step,
    "fanfold.attempt": about.attempt,
  };
}

function failed(outcome: string, error: Failure | undefined): Failure {
  return error ?? { name: outcome, message: outcome };
}

function withTrace(bad: Unsettled, trace: Trace | undefined): Unsettled {
  return trace === undefined ? bad : { ...bad, trace };
}

/** Of a page that is damaged, none: nothing of it will run. */
function keyOn(pages: readonly UnreadPage[], index: number): string {
  try {
    const page = pageWith(pages, index);
    return page.keys[index - page.from] ?? "";
  } catch {
    return "";
  }
}

/** The same on every attempt and in every process. */
function isOfShare(share: number, { run, step }: SliceTask, key: string): boolean {
  return share > 0 && hashOf(`${run}/${step}/${key}`).h1 / 2 ** 32 < share;
}

/** The run's trace, not sampled. A run without one gets ids of its own, which nobody will ever see. */
function unsampled({ run, trace }: SliceTask): Trace {
  const { h1, h2 } = hashOf(run);
  const hex = (n: number): string => (n || 1).toString(16).padStart(8, "0");
  const made = `00-${hex(h1).repeat(2)}${hex(h2).repeat(2)}-${hex(h2)}${hex(h1)}-00`;
  return { ...trace, traceparent: `${(trace?.traceparent ?? made).slice(0, -2)}00` };
}
