/** Runs the one task of a step: the body of a plain step, or the split of a fan-out. */
import { encode, type Json } from "../core/event.ts";
import type { SplitTask, StepTask } from "../core/task.ts";
import type { Trace } from "../core/trace.ts";
import type { Flow } from "../define/flow.ts";
import { store as stored } from "../define/json.ts";
import type { Clock } from "../ports/clock.ts";
import type { Engine } from "../ports/engine.ts";
import type { Lease } from "../ports/queue.ts";
import { UsageError } from "../errors.ts";
import { abort, ctxOf, meaningOf, type Attempt, type Tools } from "./attempt.ts";
import { stateOf } from "./bodies.ts";
import { lostText } from "./loss.ts";
import type { Outgoing } from "./outgoing.ts";
import { split } from "./splitter.ts";
import { outcomeOf, spanOfTask } from "./traced.ts";
import type { Span, Tracing } from "./tracing.ts";

export type Singles = {
  readonly start: (lease: Lease, task: StepTask | SplitTask) => void;
  /** Ends attempts whose time is over; returns when the next one's will be. */
  readonly expire: () => number | undefined;
  readonly dropRun: (run: string, why: string) => void;
  readonly runs: () => readonly string[];
  /** Steps take a slot each; splits take none, because what they make would wait for them. */
  readonly steps: () => number;
  readonly size: () => number;
  /** Aborts all and says that they are to be tried again, at once and at no cost of an attempt. */
  readonly giveBack: (why: string) => void;
};

export type SinglesOptions = {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly flows: ReadonlyMap<string, Flow>;
  readonly tools: Tools;
  readonly outgoing: Outgoing;
  readonly wake: () => void;
  readonly worker: string;
  readonly tracing?: Tracing | undefined;
};

type Single = {
  readonly attempt: Attempt;
  readonly timeoutMs: number;
  readonly lease: Lease;
  readonly task: StepTask | SplitTask;
  readonly will: number | undefined;
  readonly span: Span | undefined;
};

/** Without a rest, a split keeps the event loop for so long at most: a page of a thousand takes ten ms where its code is new. */
const splitTurnMs = 2;
/** Of a flow that this program does not know: the task fails at once anyway. */
const unknownTimeoutMs = 60_000;

export function singles(options: SinglesOptions): Singles {
  const { engine, clock, flows, tools, outgoing, wake, worker, tracing } = options;
  const running = new Set<Single>();

  function start(lease: Lease, task: StepTask | SplitTask): void {
    const flow = flows.get(task.flow);
    const position = flow?.steps.findIndex(({ name }) => name === task.step) ?? -1;
    const plan = flow?.plan.steps[position];
    const timeoutMs = plan?.timeoutMs ?? unknownTimeoutMs;
    const startedAt = clock.now();
    const attempt: Attempt = {
      run: task.run,
      step: task.step,
      key: "",
      index: -1,
      attempt: task.attempt,
      startedAt,
      endsAt: startedAt + timeoutMs,
      runDeadlineAt: task.deadlineAt,
      tools,
      controller: undefined,
      over: false,
    };
    const { partition } = task;
    const will = engine.wills?.make({ partition, text: lostText(task, [], false) });
    const span = tracing && spanOfTask(tracing, task, worker, startedAt);
    const single: Single = { attempt, timeoutMs, lease, task, will, span };
    running.add(single);
    const work = () => body(flow, position, task, attempt);
    (span === undefined ? work() : span.within(work)).then(
      (event) => end(single, event),
      (thrown: unknown) => end(single, thrownFields(thrown, plan?.retry.unless)),
    );
  }

  /** Tells the outcome, if it still matters; a split that has sealed its step has told all there is. */
  function end(single: Single, event: SettledFields | undefined): void {
    const { attempt, lease, task, will } = single;
    running.delete(single);
    if (will !== undefined) engine.wills?.revoke(will);
    if (attempt.over) return;
    attempt.over = true;
    const now = clock.now();
    endSpan(single, event, now);
    if (event !== undefined)
      outgoing.record({
        partition: task.partition,
        text: settledText(task, { ...event, ...traceFor(single, event) }, now - attempt.startedAt),
      });
    outgoing.over(lease);
    wake();
  }

  async function body(
    flow: Flow | undefined,
    position: number,
    task: StepTask | SplitTask,
    attempt: Attempt,
  ): Promise<SettledFields | undefined> {
    const step = flow?.steps[position];
    if (flow === undefined || step === undefined)
      throw new UsageError(
        `step "${task.step}" of flow "${task.flow}" is not in this worker's program: add it to parts`,
      );
    const state = await stateOf(engine.store, task.partition, task.run, flow);
    const ctx = ctxOf(attempt);
    if (step.kind === "step") {
      const result: unknown = await step.run(state, ctx);
      if (result === undefined) return { outcome: "ok" };
      const text = stored(result, `result of step "${step.name}"`);
      return { outcome: "ok", result: JSON.parse(text) as Json }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the text was checked by stored
    }
    if (task.kind !== "split")
      throw new UsageError(`step "${step.name}" is a fan-out, and its task is not a split`);
    const timeoutMs = attempt.endsAt - attempt.startedAt;
    const alive = (): void => {
      if (attempt.over) throw new UsageError("this split is no longer wanted");
      attempt.endsAt = clock.now() + timeoutMs;
    };
    await split({ engine, task, step, state, ctx, alive, ...turns() });
    return undefined;
  }

  /** A split takes turns with all that the process does besides: above all with deciding on its first pages, for which the slots wait. */
  function turns() {
    let endsAt = clock.now() + splitTurnMs;
    return {
      isTurnOver: () => clock.now() >= endsAt,
      async rest() {
        await clock.sleep(0);
        endsAt = clock.now() + splitTurnMs;
      },
    };
  }

  return {
    start,
    expire() {
      const now = clock.now();
      let next = Infinity;
      for (const single of running) {
        const { attempt } = single;
        if (now < attempt.endsAt) {
          next = Math.min(next, attempt.endsAt);
          continue;
        }
        abort(attempt, "its time is over");
        end(single, {
          outcome: "timed-out",
          error: { name: "TimedOut", message: timedOut(single) },
        });
      }
      return next === Infinity ? undefined : next;
    },
    dropRun(run, why) {
      for (const single of running) {
        if (single.attempt.run !== run) continue;
        running.delete(single);
        if (single.will !== undefined) engine.wills?.revoke(single.will);
        single.attempt.over = true;
        abort(single.attempt, why);
        single.span?.end({ at: clock.now() });
        outgoing.over(single.lease);
      }
    },
    runs: () => [...running].map(({ attempt }) => attempt.run),
    steps: () => [...running].filter(({ task }) => task.kind === "step").length,
    size: () => running.size,
    giveBack(why) {
      for (const single of running) {
        abort(single.attempt, why);
        end(single, {
          outcome: "retry-later",
          delayMs: 0,
          error: { name: "Stopped", message: "its worker stopped" },
        });
      }
    },
  };
}

type SettledFields = {
  readonly outcome: "ok" | "failed" | "timed-out" | "retry-later";
  readonly fatal?: boolean;
  readonly result?: Json;
  readonly error?: { readonly name: string; readonly message: string };
  readonly delayMs?: number;
  readonly trace?: Trace;
};

function endSpan({ span }: Single, event: SettledFields | undefined, at: number): void {
  const { outcome, error } = event ?? { outcome: "ok" as const };
  const isFailure = outcome === "failed" || outcome === "timed-out";
  span?.end({ at, attributes: outcomeOf(outcome), failure: isFailure ? error : undefined });
}

/** The next attempt follows from this one. */
function traceFor({ span }: Single, { outcome }: SettledFields): { readonly trace?: Trace } {
  return outcome === "ok" || span?.trace === undefined ? {} : { trace: span.trace };
}

function thrownFields(
  thrown: unknown,
  unless: ((error: unknown) => boolean) | undefined,
): SettledFields {
  const meaning = meaningOf(thrown, unless);
  const { error } = meaning;
  if (meaning.kind === "retry-later")
    return { outcome: "retry-later", delayMs: meaning.later.delayMs, error };
  // A step cannot be skipped: what comes after it needs its result.
  return {
    outcome: "failed",
    error,
    ...(meaning.kind === "skipped" || meaning.fatal ? { fatal: true } : {}),
  };
}

function settledText(
  { run, step, generation, issue }: StepTask | SplitTask,
  fields: SettledFields,
  ms: number,
): string {
  return encode({
    type: "step.settled",
    run,
    step,
    generation,
    issue,
    ms: Math.round(ms),
    ...fields,
  });
}

function timedOut({ task, timeoutMs }: Single): string {
  return task.kind === "split"
    ? `no page of items within ${timeoutMs} ms`
    : `took longer than ${timeoutMs} ms`;
}
