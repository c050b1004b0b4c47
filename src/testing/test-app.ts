/** An app in a test: everything it is made of is real, only time, the store and the workers are not. */
import { app, type App, type Start } from "../app/app.ts";
import type { Part } from "../app/parts.ts";
import { tell, type Told } from "../app/listeners.ts";
import { isOver, type Run } from "../app/run.ts";
import type { ScheduleHandle, ScheduleStatus } from "../app/schedules.ts";
import { prefixes, keys } from "../core/ids.ts";
import { durationMs, type Duration } from "../define/duration.ts";
import type { Flow, State } from "../define/flow.ts";
import type { Awaitable, Job } from "../define/job.ts";
import { memoryEngine } from "../engines/memory/engine.ts";
import { ConflictError, UnavailableError, UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { aboutRuns } from "../roles/about.ts";
import { host as hostOf } from "../roles/host.ts";
import { reader as readerOf } from "../roles/reader.ts";
import { news as newsOf } from "../roles/news.ts";
import { worker as workerOf, type Worker } from "../roles/worker.ts";
import { newLife, simClock, type Life } from "../sim/clock.ts";
import { driver } from "../sim/drive.ts";
import { faultyEngine } from "../sim/ports.ts";
import { clear } from "../sim/weather.ts";
import { placed, type Stub, type StubCtx } from "./stubs.ts";

export type TestOptions = {
  /** Sub-jobs at once. Default 10. */
  readonly workers?: number;
  /** Fixes who comes first where it could be either. Default 1. */
  readonly seed?: number;
  /** When the test begins, as an ISO instant. Default 2026-01-01T00:00:00Z. */
  readonly from?: string;
};

/**
 * Time passes only while one of its functions is awaited, and jumps over what nobody has to wait for.
 *
 * It stands still while user code runs, so real I/O in a body takes no virtual time. Runs stay as they are between two calls.
 */
export type TestApp = {
  readonly now: Date;
  /** As App.start; without an id it gets one. */
  readonly start: <I, S, R>(
    flow: Flow<string, I, S, R>,
    input: NoInfer<I>,
    options?: Partial<Start>,
  ) => Promise<Run<S, R>>;
  /** As App.send; without an id it gets one. */
  readonly send: <I, R>(
    job: Job<string, I, R>,
    input: NoInfer<I>,
    options?: Partial<Start>,
  ) => Promise<Run<unknown, R>>;
  /** A run that something else has started: a schedule. */
  readonly run: (id: string) => Run;
  /** A schedule of the app, as App.schedule. */
  readonly schedule: (name: string) => ScheduleHandle;
  readonly schedules: () => Promise<readonly ScheduleStatus[]>;
  /** From now on, this is done in the place of the job's own code. */
  readonly stub: <I, R>(
    job: Job<string, I, R>,
    how: (input: NoInfer<I>, ctx: StubCtx) => Awaitable<NoInfer<R>>,
  ) => void;
  readonly advance: (duration: Duration) => Promise<void>;
  /** Until nothing more can happen: every run has ended, or is held. */
  readonly settle: () => Promise<void>;
  /** Kills the process with all that it is doing, and starts it again: what was in memory is lost. */
  readonly crash: () => Promise<void>;
};

/** What listeners have heard is hinted at by nobody: it is looked at this often. */
const lookMs = 100;

/** One life of the process. */
type Process = {
  readonly life: Life;
  readonly app: App;
  readonly worker: Worker;
  readonly listeners: readonly Told[];
};

export function testApp(tested: App, options: TestOptions = {}): TestApp {
  const { workers = 10, seed = 1, from = "2026-01-01T00:00:00Z" } = options;
  const start = Date.parse(from);
  if (Number.isNaN(start)) throw new UsageError(`from must be an ISO instant, got "${from}"`);
  const clock = simClock(start);
  const memory = memoryEngine({ clock: clock.clockOf(newLife()) });
  const stubs = new Map<string, Stub>();
  let changed = true;
  let lookedAt = start;
  const listens = tested.parts.some(({ kind }) => kind === "listener");
  let failure: unknown;
  let lives = 0;
  let runs = 0;
  memory.onHint(() => {
    changed = true;
  });
  const drive = driver({
    clock,
    isQuiet,
    hasChanged() {
      const isDue = listens && clock.now() >= lookedAt + lookMs;
      const has = changed || isDue;
      changed = false;
      if (has) lookedAt = clock.now();
      return has;
    },
    failure: () => failure,
  });
  const flowsOf = tested.parts.filter((part): part is Flow => part.kind === "flow");
  const reader = readerOf({
    engine: memory,
    clock: clock.clockOf(newLife()),
    plans: new Map(flowsOf.map(({ name, plan }) => [name, plan])),
  });
  let current = boot();

  function boot(): Process {
    lives += 1;
    const life = newLife();
    const process = { id: lives, name: `worker-${lives}`, life, calls: 0 };
    const between = {
      clock,
      seed,
      weather: () => ({ ...clear, latencyMs: 1 }),
      reachable: () => true,
      server: () => 1,
      crash: () => undefined,
      onFault: () => undefined,
      trace: () => undefined,
    };
    const engine: Engine = {
      ...faultyEngine(memory, process, between, false),
      hintsAreSure: true,
    };
    const itsClock = clock.clockOf(life);
    const place = {
      clock: itsClock,
      hold: drive.hold,
      stubOf: (job: string) => stubs.get(job),
    };
    const parts = placed(tested.parts, place);
    const silent = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
    };
    const itself = app({ name: tested.name, parts, engine, clock: itsClock, log: silent });
    const host = hostOf(engine, itsClock, (role, error) => {
      if (error instanceof UnavailableError || error instanceof ConflictError) return;
      failure = new Error(`${role} failed (seed ${seed})`, { cause: error });
    });
    const flows = new Map(
      parts.flatMap((part) => (part.kind === "flow" ? [[part.name, part]] : [])),
    );
    const jobs = new Map(parts.flatMap((part) => (part.kind === "job" ? [[part.name, part]] : [])));
    const queues = [...flows.values()].flatMap(({ plan }) => plan.steps.map(({ queue }) => queue));
    const worker = workerOf({
      engine,
      clock: itsClock,
      worker: process.name,
      slots: workers,
      queues: [...new Set([...queues, ...[...jobs.values()].map(({ plan }) => plan.queue)])],
      leaseMs: Infinity,
      flows,
      jobs,
      log: () => undefined,
    });
    host.add(worker);
    const news = newsOf(engine);
    for (const role of news.roles) host.add(role);
    const telling = {
      engine,
      clock: itsClock,
      host,
      news,
      about: aboutRuns(engine),
      isHolder: () => true,
    };
    const listeners = parts.flatMap((part) =>
      part.kind === "listener" ? [tell(telling, part, () => undefined)] : [],
    );
    return { life, app: itself, worker, listeners };
  }

  /** All that was written was read and told, nobody works, and whoever lives is held or paused: it waits for a person. */
  async function isQuiet(): Promise<boolean> {
    if (current.worker.busy() > 0) return false;
    for (let partition = 0; partition < memory.partitions; partition += 1) {
      const { offset } = await memory.store.position(partition);
      const end = await memory.log.end(partition);
      if (offset < end) return false;
      if (!current.listeners.every((one) => one.hasRead(partition, end))) return false;
      for (const [key] of await memory.store.scan(
        partition,
        prefixes.live,
        Number.MAX_SAFE_INTEGER,
      )) {
        const [run] = await memory.store.load(partition, [
          keys.run(key.slice(prefixes.live.length)),
        ]);
        const { state } = JSON.parse(String(run)) as { readonly state: string }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a stored run
        if (state !== "held" && !(await isPaused(key.slice(prefixes.live.length)))) return false;
      }
    }
    return true;
  }

  async function isPaused(id: string): Promise<boolean> {
    const { paused = [] } = (await reader.status(id)) ?? {};
    return paused.length > 0;
  }

  function handle<S, R>(id: string, created: boolean): Run<S, R> {
    const ask = <T>(what: (run: Run<S, R>) => Promise<T>): Promise<T> =>
      drive.until(async () => {
        const run: Run<State> | undefined = await current.app.run(id);
        if (run === undefined) throw new UsageError(`there is no run "${id}"`);
        return what(run as unknown as Run<S, R>); // oxlint-disable-line typescript/no-unsafe-type-assertion -- it was started with these types
      });
    async function* exported(query: Parameters<Run<S, R>["export"]>[0]) {
      const run: Run<S, R> = await ask((one) => Promise.resolve(one));
      yield* run.export(query);
    }
    return {
      id,
      created,
      result: (how) => ask((run) => run.result(how)),
      status: () => ask((run) => run.status()),
      async *history(of) {
        const run: Run<S, R> = await ask((one) => Promise.resolve(one));
        yield* run.history(of);
      },
      async *events(from) {
        const all = (await ask(async (run) => run.events(from)))[Symbol.asyncIterator]();
        for (;;) {
          const next = await drive.until(() => all.next());
          if (next.done === true) return;
          yield next.value;
        }
      },
      async *watch() {
        for (;;) {
          const status = await ask((run) => run.status());
          yield status;
          if (isOver(status)) return;
          await drive.advance(1_000);
        }
      },
      subJob: (step, key) => ask((run) => run.subJob(step, key)),
      export: (query) => exported(query),
      why: (step, key) => ask((run) => run.why(step, key)),
      async select(where) {
        const selected = await ask((run) => run.select(where));
        return {
          ...selected,
          redrive: (by) => drive.until(() => selected.redrive(by)),
          skip: (reason, by) => drive.until(() => selected.skip(reason, by)),
        };
      },
      redrive: (where, by) => ask((run) => run.redrive(where, by)),
      skip: (reason, where, by) => ask((run) => run.skip(reason, where, by)),
      release: (reason, by) => ask((run) => run.release(reason, by)),
      close: (reason, by) => ask((run) => run.close(reason, by)),
      cancel: (reason, by) => ask((run) => run.cancel(reason, by)),
      reopen: (reason, by) => ask((run) => run.reopen(reason, by)),
      adjust: (to, reason, by) => ask((run) => run.adjust(to, reason, by)),
      pause: (reason, by) => ask((run) => run.pause(reason, by)),
      resume: (reason, by) => ask((run) => run.resume(reason, by)),
    };
  }

  /** This life's own of a part. */
  function ownOf<P extends Part>(part: P): P {
    const at = tested.parts.indexOf(part);
    if (at === -1) throw new UsageError(`${part.kind} "${part.name}" is not among the app's parts`);
    return current.app.parts[at] as P; // oxlint-disable-line typescript/no-unsafe-type-assertion -- placed keeps their order
  }

  return {
    get now() {
      return new Date(clock.now());
    },
    async start(flow, input, more = {}) {
      runs += 1;
      const id = more.id ?? `${flow.name}-${runs}`;
      const { created } = await drive.until(() =>
        current.app.start(ownOf(flow), input, { ...more, id }),
      );
      return handle(id, created);
    },
    async send(job, input, more = {}) {
      runs += 1;
      const id = more.id ?? `${job.name}-${runs}`;
      const { created } = await drive.until(() =>
        current.app.send(ownOf(job), input, { ...more, id }),
      );
      return handle(id, created);
    },
    run: (id) => handle(id, false),
    schedule(name) {
      const of = (): ScheduleHandle => current.app.schedule(name);
      return {
        fire: (by) => drive.until(() => of().fire(by)),
        pause: (reason, by) => drive.until(() => of().pause(reason, by)),
        resume: (reason, by) => drive.until(() => of().resume(reason, by)),
      };
    },
    schedules: () => drive.until(() => current.app.schedules()),
    stub(job, how) {
      ownOf(job);
      stubs.set(job.name, how as Stub); // oxlint-disable-line typescript/no-unsafe-type-assertion -- stubs see inputs as they are stored, which is what their type says
    },
    advance: (duration) => drive.advance(durationMs(duration, "advance")),
    settle: drive.settle,
    async crash() {
      current.life.alive = false;
      memory.loseQueue();
      current = boot();
      await drive.until(async () => void (await current.app.runs({ limit: 1 })));
    },
  };
}
