/** What a user holds in hand: start runs, ask about them, work. */
import type { Pause } from "../core/pauses.ts";
import type { RunEvent, RunEventType } from "../core/run-event.ts";
import { checkRunId, partitionOf, sentPrefix } from "../core/ids.ts";
import type { SchedulePlan } from "../core/schedule.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Log } from "../define/ctx.ts";
import type { Flow, State } from "../define/flow.ts";
import type { Awaitable, Job } from "../define/job.ts";
import { hearer, type EventOf } from "../define/listener.ts";
import { maskUrl } from "../engines/open.ts";
import { uniqueId } from "../engines/system.ts";
import { ConflictError, UnavailableError, UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { RunQuery, RunRow } from "../ports/views.ts";
import { askAll, pausesOf, type By, type Everywhere } from "./deciding.ts";
import { eventsOf, type Tailing } from "./events.ts";
import { earsOf } from "./listeners.ts";
import { fitOf } from "../roles/fitting.ts";
import type { RetentionStatus } from "../roles/removals.ts";
import { listRuns } from "../roles/run-list.ts";
import type { Standing } from "../roles/standing.ts";
import type { Tracing } from "../roles/tracing.ts";
import { knownStatistics, type Known, type StatisticsOf } from "../roles/statistics.ts";
import { logTo } from "./logging.ts";
import { openNode, type Node } from "./node.ts";
import { checkFlow, checkPausable, sorted, type Part } from "./parts.ts";
import { ownerVariable, tokenVariable } from "./processes.ts";
import { askedFor, type Delay, type Start } from "./starting.ts";
import { spansOfRuns, startSpan } from "./tracing.ts";
import { startWithin, type SqlTransaction, type StartedWithin, type Within } from "./within.ts";
import { runHandle, type Run } from "./run.ts";
import type { FailureQuery, Failures } from "../views/failures.ts";
import type { FlowFit } from "../views/fit.ts";
import { webhookLedger, type Webhooks } from "../webhooks/ledger.ts";
import {
  listSchedules,
  scheduleHandle,
  type ScheduleHandle,
  type ScheduleStatus,
} from "./schedules.ts";
import { workOn, type WorkOptions } from "./work.ts";

/** What a program knows, and where its data is. */
export type AppDefinition = {
  readonly name: string;
  /** Every flow, job, schedule, listener and webhook that it starts, works on or tells. */
  readonly parts: readonly Part[];
  /**
   * Where the engine is: sqlite:path, sqlite::memory:, postgres://user@host/database, http://host:port. Without one: what FANFOLD_URL
   * says, or sqlite:.fanfold/dev.db; in production, that is refused.
   */
  readonly url?: string | undefined;
  /** Where `ctx.log` and the app's own messages go; standard error if left out. */
  readonly log?: Log;
  /** An engine of your own; `url` is not looked at then. */
  readonly engine?: Engine;
  readonly clock?: Clock;
  /** False: ticks start nothing in this process, as in development; `fire` does. When they are on again, they count from then. */
  readonly schedules?: boolean;
  /** Makes spans of starts, runs, steps and sub-jobs: `openTelemetry()` of fanfold/opentelemetry. */
  readonly tracing?: Tracing;
};

export type { Delay, Start };

/** What a program holds in hand: it starts runs, works on them, and asks and decides about them. Nothing is opened before the first call. */
export type App = {
  readonly kind: "app";
  readonly name: string;
  readonly parts: readonly Part[];
  /** What it was made of: `app({ ...one.definition, url })` is the same app elsewhere. */
  readonly definition: AppDefinition;
  /** Where the engine is, with secrets masked. Throws UsageError where it is not said and must be. */
  readonly url: string;
  /**
   * Starts a run, or joins the one that has this id and input. When it resolves, the run survives a crash.
   *
   * Rejects with ConflictError where the id has another input, and with UsageError where the flow's schema refuses this one.
   */
  readonly start: <I, S, R>(
    flow: Flow<string, I, S, R>,
    input: NoInfer<I>,
    options: Start,
  ) => Promise<Run<S, R>>;
  /**
   * Runs one job by itself: durable, tried again, redriven and cancelled as any run, whose one step is the job.
   *
   * The same id and input again joins it; the same id with another input is a ConflictError. Its result is what the job
   * returned, undefined where it skipped itself.
   */
  readonly send: <I, R>(
    job: Job<string, I, R>,
    input: NoInfer<I>,
    options: Start,
  ) => Promise<Run<unknown, R>>;
  /** What is started there begins when that transaction commits, and never if it is rolled back. Of an engine in the same PostgreSQL database. */
  readonly within: (transaction: SqlTransaction) => Within;
  /** A run by its id; undefined if there is none. */
  readonly run: (id: string) => Promise<Run<State> | undefined>;
  /** Newest start first, all that the log says at the call; at most 50, or `limit`. */
  readonly runs: (query?: Partial<RunQuery>) => Promise<readonly RunRow[]>;
  /** Begins nothing more for a customer, of a job, of a flow, or in a queue, in any run, until it is resumed; what runs may finish. Heard by every worker within a second. */
  readonly pause: (what: Everywhere, reason: string, by?: By) => Promise<void>;
  /** Lets go on what was paused by the same words. */
  readonly resume: (what: Everywhere, reason?: string, by?: By) => Promise<void>;
  /** All that is paused now: runs, steps, customers, jobs, flows, queues; the oldest first. */
  readonly pauses: () => Promise<readonly Pause[]>;
  /**
   * Calls `run` with every event of these types (all: "*") from now on, in the order of each run, while the app is open; until
   * the returned function is called. What it throws is logged, and harms nobody. For one that misses nothing over restarts: `listener`.
   *
   * Not in the processes that `work({ processes })` starts: the one that started them tells.
   */
  readonly on: <const T extends RunEventType, F extends Flow = Flow>(
    events: T | readonly T[] | "*",
    run: (event: EventOf<T, F>) => Awaitable<unknown>,
    of?: { readonly flows?: readonly F[] },
  ) => () => void;
  /**
   * Events of all runs, one after the other: from now on, since an instant, or from an offset; where the log was trimmed, from what is
   * left of it. For one that goes on where it was after a restart: `listener`.
   */
  readonly events: (tailing?: Tailing) => AsyncIterable<RunEvent>;
  /**
   * What came of runs, steps and jobs across all runs that ended: outcomes, durations, throughput, cost, failures. A moment behind
   * the log; `asOf` says up to where.
   */
  readonly statistics: (of?: StatisticsOf) => Promise<Known>;
  /** Whether the runs under way can go on by the flows, steps, folds and schemas of this app: per flow, what does not fit. Looks only. */
  readonly fit: () => Promise<readonly FlowFit[]>;
  /** What is given up on now, in all runs that are not over: by kind, with some of the runs of each and the command that runs them again. */
  readonly failures: (of?: FailureQuery) => Promise<Failures>;
  /** Who works, what waits in which queue, and how far everybody who reads the log has come. */
  readonly standing: () => Promise<Standing>;
  /** How long runs are kept after their end, how many are overdue, and what was removed lately. */
  readonly retention: () => Promise<RetentionStatus>;
  /** What is sent to webhooks, and what came of it. */
  readonly webhooks: Webhooks;
  /** All schedules of the engine, by name: when each comes next, and what came of its last tick. */
  readonly schedules: () => Promise<readonly ScheduleStatus[]>;
  /** One of this app's. Throws NotFoundError if it has none of this name. */
  readonly schedule: (name: string) => ScheduleHandle;
  /** Works on what there is to do until SIGTERM or SIGINT (or the signal given), then drains and resolves. Not needed where other processes work. */
  readonly work: (options?: WorkOptions) => Promise<void>;
  /** Stops the work as a signal does, and ends what the app has open; may be called twice. Runs stay where they are, and go on when somebody opens them again. */
  readonly close: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/**
 * Puts flows and jobs together with where their data is; says at once which part is missing. Importing a file that calls it opens nothing.
 *
 * Without `url`, FANFOLD_URL says where, or it is a file in .fanfold/, here. Throws UsageError for what cannot be meant.
 */
export function app(definition: AppDefinition): App {
  const { name, parts, tracing } = definition;
  const { flows, jobs, listeners, schedules, webhooks } = sorted(parts);
  const isQuiet = definition.schedules === false;
  const log = logTo(definition.log);
  let opened: Promise<Node> | undefined;
  const ears = earsOf(log);
  const spans = tracing && spansOfRuns(tracing);
  const works = new Set<Promise<unknown>>();
  let stopWorks = new AbortController();

  function node(): Promise<Node> {
    opened ??= open();
    opened.catch(() => {
      opened = undefined;
    });
    return opened;
  }

  async function open(): Promise<Node> {
    const node = await openNode({
      url: urlOf(definition.url, name),
      name,
      token: process.env[tokenVariable],
      flows,
      schedules: new Map(
        [...schedules].map(([one, { plan }]) => [one, isQuiet ? silent(plan) : plan]),
      ),
      engine: definition.engine,
      clock: definition.clock,
      onError: (role, error) =>
        log(error instanceof ConflictError ? "debug" : "warn", `${role}: ${messageOf(error)}`, {}),
      onDecided: spans?.onDecided,
      placed: ears.placed,
    });
    spans?.open(node.reader);
    await ears.open(node);
    return node;
  }

  async function start<I, S, R>(
    flow: Flow<string, I, S, R>,
    input: NoInfer<I>,
    options: Start,
  ): Promise<Run<S, R>> {
    checkFlow(flows, flow);
    return begin(flow, input, options);
  }

  async function send<I, R>(
    job: Job<string, I, R>,
    input: NoInfer<I>,
    options: Start,
  ): Promise<Run<unknown, R>> {
    return begin(flowOfJob(job), input, options);
  }

  function flowOfJob(job: Job): Flow {
    const flow = flows.get(`${sentPrefix}${job.name}`);
    if (flow === undefined || jobs.get(job.name) !== job)
      throw new UsageError(`job "${job.name}" is not in app({ parts }): add it`);
    return flow;
  }

  async function begin<S, R>(flow: Flow, input: unknown, options: Start): Promise<Run<S, R>> {
    const asked = await askedFor(flow, input, options);
    const { id } = asked;
    const at = await node();
    const partition = partitionOf(id, at.engine.partitions);
    const existing = await at.reader.run(id);
    const request = uniqueId();
    if (existing === undefined) {
      await startSpan(
        tracing,
        flow.name,
        id,
      )(at.clock, async (trace) => {
        const event = asked.event(request, at.clock.now(), trace);
        await at.ask(partition, event);
      });
    }
    const run = existing ?? (await startedRun(at, id));
    const created = run.request === request;
    if (!created) asked.join(run);
    return runHandle<S, R>(at, id, created);
  }

  async function beginWithin(
    transaction: SqlTransaction,
    flow: Flow,
    input: unknown,
    options: Start,
  ): Promise<StartedWithin> {
    const asked = await askedFor(flow, input, options);
    await ears.placed();
    return startWithin(await node(), transaction, asked, startSpan(tracing, flow.name, asked.id));
  }

  /** What works is drained first, so that nothing of it is lost. */
  async function close(): Promise<void> {
    stopWorks.abort();
    stopWorks = new AbortController();
    await Promise.allSettled(works);
    await closeNode();
  }

  async function closeNode(): Promise<void> {
    const open = opened;
    opened = undefined;
    if (open === undefined) return;
    await ears.close();
    await spans?.made();
    await (await open).close();
  }

  async function work(options: WorkOptions): Promise<void> {
    const given = options.signal === undefined ? [] : [options.signal];
    const signal = AbortSignal.any([stopWorks.signal, ...given]);
    const worked = workOn(
      await node(),
      { flows, jobs, listeners, webhooks, log, tracing },
      { ...options, signal },
    );
    works.add(worked);
    try {
      if ((await worked) === "aborted") return;
    } finally {
      works.delete(worked);
    }
    // SIGTERM has told all of them; the last one to be drained closes.
    if (works.size === 0) await closeNode();
  }

  return {
    kind: "app",
    name,
    parts,
    definition,
    get url() {
      return definition.engine?.name ?? maskUrl(urlOf(definition.url, name));
    },
    start,
    send,
    within: (transaction) => ({
      async start(flow, input, options) {
        checkFlow(flows, flow);
        return beginWithin(transaction, flow, input, options);
      },
      send: async (job, input, options) => beginWithin(transaction, flowOfJob(job), input, options),
    }),
    async run(id) {
      const at = await node();
      return (await at.reader.run(checkRunId(id))) === undefined
        ? undefined
        : runHandle(at, id, false);
    },
    runs: async (query = {}) => listRuns((await node()).engine, { limit: 50, ...query }),
    async pause(what, reason, by = {}) {
      checkPausable({ flows, jobs }, what);
      await askAll(await node(), "pause-all.asked", what, reason, by);
    },
    async resume(what, reason, by = {}) {
      await askAll(await node(), "resume-all.asked", what, reason, by);
    },
    pauses: async () => pausesOf(await node()),
    on(events, run, { flows } = {}) {
      const wanted = events === "*" ? undefined : typeof events === "string" ? [events] : events;
      return ears.on(hearer({ events: wanted, flows }, run, "on"));
    },
    async *events(tailing = {}) {
      yield* eventsOf(await node(), tailing);
    },
    statistics: async (of = {}) => knownStatistics((await node()).engine, of),
    async fit() {
      const { engine, subJobs } = await node();
      return fitOf({ engine, flows, jobs, subJobs });
    },
    retention: async () => (await node()).retention(),
    failures: async (of = {}) => (await node()).failures(of),
    standing: async () => (await node()).standing,
    webhooks: webhookLedger(node, webhooks, uniqueId),
    schedules: async () => listSchedules(await node(), schedules),
    schedule: (one) => scheduleHandle(node, schedules, one),
    work: (options = {}) => work(options),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** How long a removal that is under way is waited for, and how often it is looked at. */
const leavingMs = 5_000;
const leavingLookMs = 20;

/** Where the one that had this id before is just being removed, the start waits for that. */
async function startedRun({ reader, clock }: Node, id: string): Promise<StoredRun> {
  for (const until = clock.now() + leavingMs; ; await clock.sleep(leavingLookMs)) {
    const run = await reader.run(id);
    if (run !== undefined) return run;
    if (clock.now() >= until)
      throw new UnavailableError(`run "${id}" was started, and cannot be found yet: ask again`);
  }
}

/** A child of `work({ processes })` asks its owner, whatever its program says. */
function urlOf(url: string | undefined, name: string): string {
  const given = [process.env[ownerVariable], url, process.env["FANFOLD_URL"]].find(
    (one) => one !== undefined && one !== "",
  );
  if (given !== undefined) return given;
  if (process.env["NODE_ENV"] === "production")
    throw new UsageError(
      `NODE_ENV=production and app "${name}" has no url: refusing to keep production data in a file of this container; ` +
        "set FANFOLD_URL, or pass a url (sqlite:/data/billing.db says that a file is meant)",
    );
  return "sqlite:.fanfold/dev.db";
}

/** The schedule, with a rule by which nothing ever comes. */
function silent(plan: SchedulePlan): SchedulePlan {
  return { ...plan, rule: `${plan.rule} (off)`, next: () => undefined };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
