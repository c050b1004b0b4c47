/** A run, as its caller holds it: what it is at, what comes of it, and what people decide about it. */
import type { Adjustment, Json, Priority, Selection } from "../core/event.ts";
import { partitionOf, sentPrefix } from "../core/ids.ts";
import { toldOf, wholeOf, type RunEvent } from "../core/run-event.ts";
import { sentResult } from "../define/sent.ts";
import type { StepName } from "../define/flow.ts";
import {
  durationMs,
  instantOf,
  tolerance,
  type Duration,
  type Percent,
  type RateText,
} from "../define/duration.ts";
import { between, oneOf } from "../define/work.ts";
import { NotFoundError, RunEndedError, UnavailableError, UsageError } from "../errors.ts";
import type { StoredRun } from "../core/stored.ts";
import type { ExportQuery } from "../roles/export.ts";
import type { HistoryEvent } from "../roles/history.ts";
import type { ExportedSubJob, Status, SubJobRecord } from "../views/status.ts";
import type { Why } from "../views/why.ts";
import { awaited, type Awaited } from "./awaited.ts";
import { askRun, paceOf, removed, type Asking, type By, type RedriveBy } from "./deciding.ts";
import { history, type HistoryOf } from "./history.ts";
import type { Node } from "./node.ts";
import { select, type Selected } from "./selecting.ts";

/** Which failed sub-jobs; all of them if nothing is said. */
export type Where<S> = {
  readonly step?: StepName<S>;
  readonly signature?: string;
  readonly keys?: readonly string[];
  /** Those whose input it takes; it sees what people are shown of it. */
  readonly input?: (input: Json, key: string) => boolean;
};

/** One run: what came of it, and what people decide about it. The same in every process, and after a restart. */
export type Run<S = unknown, R = unknown> = {
  readonly id: string;
  /** False: it existed, and was joined. */
  readonly created: boolean;
  /** Resolves to what the last step returned. Rejects with RunEndedError if it fails or is cancelled, UnavailableError after `timeout` (the run goes on). A held run is waited for: a person decides. */
  readonly result: (options?: { readonly timeout?: Duration }) => Promise<R>;
  /** What is committed by now, at the same price whatever the size of the run. */
  readonly status: () => Promise<Status>;
  /** The status whenever it has changed, at most ten times a second; the last one says how it ended. */
  readonly watch: () => AsyncIterable<Status>;
  /** What the run is told of, as it comes, until it is over. With `after`, an event's offset: from behind that one on; without, from now on. */
  readonly events: (from?: Following) => AsyncIterable<RunEvent>;
  /**
   * What happened to it, oldest first: what people asked for, with author and reason, and what was decided; of one step, or as far as
   * it concerns one sub-job. From where it began to its end, or to now.
   */
  readonly history: (of?: HistoryOf<StepName<S>>) => AsyncIterable<HistoryEvent>;
  /** Everything about one sub-job: input, attempts, errors, result. Undefined if there is none of this key. */
  readonly subJob: (step: StepName<S>, key: string) => Promise<SubJobRecord | undefined>;
  /** What the run, one of its steps or one sub-job waits for: a sentence for each cause, and the command that would change it. */
  readonly why: (step?: StepName<S>, key?: string) => Promise<Why>;
  /**
   * All sub-jobs of a fan-out in their order, with input, result and error; a million pass through the memory of a page. Of the
   * fan-out the run is at, or its last, unless `step` says otherwise; `from` is the index to go on at.
   */
  readonly export: (
    query?: ExportQuery & { readonly step?: StepName<S> },
  ) => AsyncIterable<ExportedSubJob>;
  /** Runs failed sub-jobs again, in a new generation; what succeeded stays. Of a plain step or a split that failed: runs it again. `rate` is the pace of the step from then on, `edit` corrects inputs. */
  readonly redrive: (where?: Where<S>, by?: RedriveBy) => Promise<Matched>;
  /** Freezes which failed sub-jobs are meant: to be counted and shown, decided on, and reported one by one. */
  readonly select: (where?: Where<S>) => Promise<Selected>;
  /** Counts failed sub-jobs as skipped. */
  readonly skip: (reason: string, where?: Where<S>, by?: By) => Promise<Matched>;
  /** Lets a held run go on with the failures it has. */
  readonly release: (reason: string, by?: By) => Promise<void>;
  /** Ends the fan-out it is at: folds what there is, cancels the rest, goes on. */
  readonly close: (reason: string, by?: By) => Promise<void>;
  /** Ends the run. Nothing more is begun; what runs is told to stop, and what it still says is counted as late. */
  readonly cancel: (reason: string, by?: By) => Promise<void>;
  /**
   * Takes a cancel back: what it cancelled is open again, and the run goes on where it was, in a new generation of its step. As long
   * as the run is kept; rejects with ConflictError where it had not begun, or would be cancelled again at once by a deadline that has passed.
   */
  readonly reopen: (reason: string, by?: By) => Promise<Matched>;
  /** Changes what it goes by while it runs, at once and for good: what is left out stays as it is. */
  readonly adjust: (to: Adjust, reason: string, by?: By & OfStep<S>) => Promise<void>;
  /** Begins nothing more of the run, or of one step, until it is resumed; what runs may finish. Heard by every worker within a second. */
  readonly pause: (reason: string, by?: By & OfStep<S>) => Promise<void>;
  /** The run, or the step, goes on. */
  readonly resume: (reason?: string, by?: By & OfStep<S>) => Promise<void>;
};

/** "none" takes a limit or a deadline away. Concurrency, rate and tolerance are of a fan-out: the one named, or the one the run is at or comes to next. */
export type Adjust = {
  readonly concurrency?: number | "none";
  /** How many of its sub-jobs may be begun per time, beside what their job may: "10/s", "100/m". */
  readonly rate?: RateText | "none";
  readonly tolerate?: number | Percent;
  /** From now, or an instant. */
  readonly deadline?: Duration | Date | "none";
  readonly priority?: Priority;
};

/** From where an event is told, and until when. */
export type Following = {
  readonly after?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
};

/** How many sub-jobs a decision was about, when it was made. */
export type Matched = { readonly matched: number };

/** Of this step only. */
export type OfStep<S> = { readonly step?: StepName<S> };

/** At most so often does watch say something. */
const watchEveryMs = 100;
/** A hint may be lost: who waits looks for itself after this. */
const lookMs = 1_000;

export function runHandle<S, R>(node: Node, id: string, created: boolean): Run<S, R> {
  async function status(): Promise<Status> {
    const known = await node.reader.status(id);
    if (known === undefined) throw removed(id);
    return known;
  }

  async function* watch(): AsyncGenerator<Status> {
    let said = "";
    for (;;) {
      const now = await status();
      const { at: _, asOf: __, ...what } = now;
      const saying = JSON.stringify(what);
      if (saying !== said) yield now;
      said = saying;
      if (isOver(now)) return;
      await node.clock.sleep(watchEveryMs);
    }
  }

  const ask = (
    type: Parameters<typeof askRun>[2],
    more: Asking,
    by: By = {},
  ): Promise<{ readonly matched: number }> => askRun(node, id, type, more, by);

  /** What names single sub-jobs is frozen when it is asked for; all, or all of a kind, are those that have failed when it is decided. */
  async function selection(where: Where<S>): Promise<Selection> {
    const { step, signature, keys, input } = where;
    if (keys === undefined && input === undefined) return given({ step, signature });
    const { step: found, indices } = await select(node, id, where);
    return { step: found, indices };
  }

  async function result({ timeout }: { readonly timeout?: Duration } = {}): Promise<R> {
    const until =
      timeout === undefined
        ? Infinity
        : node.clock.now() + durationMs(timeout, "timeout of result");
    const changed = changesOf(node, id);
    try {
      for (;;) {
        const stored = await node.reader.run(id);
        if (stored === undefined) throw removed(id);
        if (stored.state === "done") return resultOf(stored) as R; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the last step of this flow returned it
        if (isOver(stored)) throw ended(stored);
        if (node.clock.now() >= until)
          throw new UnavailableError(
            `run "${id}" did not end in ${timeout}: it is ${stored.state}, and goes on`,
          );
        await changed.next(Math.min(lookMs, Math.max(1, until - node.clock.now())));
      }
    } finally {
      changed.forget();
    }
  }

  async function* events({ after, signal }: Following = {}): AsyncGenerator<RunEvent> {
    const partition = partitionOf(id, node.engine.partitions);
    const changed = changesOf(node, id);
    const stop = (): void => changed.wake();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      const end = await node.engine.log.end(partition);
      let at = after === undefined ? end : Math.min(after + 1, end);
      while (signal?.aborted !== true) {
        const stored = await node.reader.run(id);
        if (stored === undefined) throw removed(id);
        const { events, next } = await node.news.read(partition, at);
        for (const event of events)
          if (toldOf(event).run === id) yield wholeOf(event, partition, stored);
        // It was over before this was read: nothing more will come.
        if (next === at && isOver(stored)) return;
        if (next === at) await changed.next(lookMs);
        at = next;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      changed.forget();
    }
  }

  return {
    id,
    created,
    result,
    status,
    watch,
    events,
    history: (of = {}) => history(node, id, of),
    subJob: (step, key) => node.reader.subJob(id, step, key),
    export: (query = {}) => node.subJobs(id, query),
    async why(step, key) {
      const why = await node.why(id, step, key);
      if (why !== undefined) return why;
      const what = [id, step, key].filter((part) => part !== undefined).join("/");
      throw new NotFoundError(`there is no "${what}"`);
    },
    select: (where = {}) => select(node, id, where),
    redrive: async (where = {}, { edit, ...by } = {}) => {
      if (edit !== undefined) return (await select(node, id, where)).redrive({ ...by, edit });
      const { reason, rate, ...who } = by;
      const asked = given({ reason, rate: paceOf(rate, `rate of redrive of run "${id}"`) });
      return ask("redrive.asked", { ...(await selection(where)), ...asked }, who);
    },
    skip: async (reason, where = {}, by) =>
      ask("skip.asked", { ...(await selection(where)), reason }, by),
    release: async (reason, by) => void (await ask("release.asked", { reason }, by)),
    close: async (reason, by) => void (await ask("close.asked", { reason }, by)),
    cancel: async (reason, by) => void (await ask("cancel.asked", { reason }, by)),
    reopen: (reason, by) => ask("reopen.asked", { reason }, by),
    adjust: async (to, reason, { step, ...by } = {}) => {
      const adjusted = adjustment(to, id, node.clock.now());
      await ask("adjust.asked", { reason, to: adjusted, ...given({ step }) }, by);
    },
    pause: async (reason, { step, ...by } = {}) =>
      void (await ask("pause.asked", { reason, ...given({ step }) }, by)),
    resume: async (reason, { step, ...by } = {}) =>
      void (await ask("resume.asked", { ...given({ reason, step }) }, by)),
  };
}

function adjustment(to: Adjust, id: string, now: number): Adjustment {
  const { concurrency, rate, tolerate, deadline, priority } = to;
  const of = (what: string): string => `${what} of run "${id}"`;
  if (Object.values(to).every((value) => value === undefined))
    throw new UsageError(
      `adjust of run "${id}" says nothing: expected one of concurrency, rate, tolerate, deadline, priority`,
    );
  if (concurrency !== undefined && concurrency !== "none")
    between(concurrency, 1, Number.MAX_SAFE_INTEGER, of("concurrency"));
  if (priority !== undefined) oneOf(priority, ["low", "normal", "high", "urgent"], of("priority"));
  return given({
    concurrency: concurrency === "none" ? null : concurrency,
    rate: rate === "none" ? null : paceOf(rate, of("rate")),
    tolerate: tolerate === undefined ? undefined : tolerance(tolerate, of("tolerate")),
    deadlineAt: deadline === "none" ? null : instantOf(deadline, now, of("deadline")),
    priority,
  });
}

/** Without what was not said. */
function given<T extends object>(said: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(said).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- some of its own entries
}

function resultOf({ flow, results, steps }: StoredRun): Json | undefined {
  const last = results[steps.at(-1) ?? ""];
  return flow.startsWith(sentPrefix) ? sentResult(last) : last;
}

function ended({ run, state, because = "" }: StoredRun): RunEndedError {
  const how = state === "failed" ? "failed" : "was cancelled";
  return new RunEndedError(`run "${run}" ${how}: ${because}`, { details: { run, state } });
}

/** What is told about a run from now on. */
function changesOf(node: Node, id: string): Awaited {
  return awaited(node.clock, (wake) => node.onRun(id, wake));
}

export function isOver({ state }: { readonly state: Json }): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}
