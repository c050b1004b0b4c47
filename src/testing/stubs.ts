/** The parts of an app as a test runs them: with stubs in the place of jobs, and time that stands still while user code runs. */
import type { Part } from "../app/parts.ts";
import type { Ctx } from "../define/ctx.ts";
import { durationMs, type Duration } from "../define/duration.ts";
import type { Flow, FlowStep } from "../define/flow.ts";
import type { Awaitable, Job } from "../define/job.ts";
import type { Schema } from "../define/schema.ts";
import type { RunEvent } from "../core/run-event.ts";
import type { Clock } from "../ports/clock.ts";

/** What a stub is given besides its input. */
export type StubCtx = Ctx & {
  /** This attempt takes so long, in virtual time; several add up. */
  readonly takes: (duration: Duration) => void;
};

export type Stub = (input: unknown, ctx: StubCtx) => Awaitable<unknown>;

export type Place = {
  readonly clock: Clock;
  /** User code runs; returns how to say that it is done. */
  readonly hold: () => () => void;
  readonly stubOf: (job: string) => Stub | undefined;
};

export function placed(parts: readonly Part[], place: Place): readonly Part[] {
  const jobs = new Map<string, Job>();
  for (const part of parts) if (part.kind === "job") jobs.set(part.name, placedJob(part, place));
  const flows = new Map<string, Flow>();
  for (const part of parts)
    if (part.kind === "flow") flows.set(part.name, placedFlow(part, jobs, place));
  return parts.map((part) => {
    switch (part.kind) {
      case "webhook":
        return part; // testApp sends nothing: nobody else should hear of a test.
      case "schedule": {
        const own = (part.run.kind === "job" ? jobs : flows).get(part.run.name);
        return { ...part, run: own ?? part.run };
      }
      case "job":
        return jobs.get(part.name) ?? part;
      case "flow":
        return flows.get(part.name) ?? part;
      case "listener":
        return { ...part, run: (event: RunEvent) => held(place, () => part.run(event)) };
    }
  });
}

function placedJob(job: Job, place: Place): Job {
  return {
    ...job,
    input: asGiven(job.input, () => place.stubOf(job.name) !== undefined),
    run(input, ctx) {
      const stub = place.stubOf(job.name);
      return stub === undefined
        ? held(place, () => job.run(input, ctx))
        : perform(place, ctx, (given) => stub(input, given));
    },
  };
}

/** A stub sees the input as it is stored, whatever the schema makes of it: so its type is the one it was declared with. */
function asGiven(schema: Schema, isStubbed: () => boolean): Schema {
  const { validate } = schema["~standard"];
  return {
    "~standard": {
      ...schema["~standard"],
      validate(value) {
        const result = validate(value);
        if (!isStubbed() || result instanceof Promise || result.issues !== undefined) return result;
        return { value };
      },
    },
  };
}

function placedFlow(flow: Flow, jobs: ReadonlyMap<string, Job>, place: Place): Flow {
  return { ...flow, steps: flow.steps.map((step) => placedStep(step, jobs, place)) };
}

function placedStep(step: FlowStep, jobs: ReadonlyMap<string, Job>, place: Place): FlowStep {
  if (step.kind === "step")
    return { ...step, run: (state, ctx) => held(place, () => step.run(state, ctx)) };
  const job = jobs.get(step.job.name) ?? step.job;
  const { over } = step;
  if (typeof over !== "function")
    return {
      ...step,
      job,
      over: {
        kind: "pages",
        page: (state, cursor, ctx) => held(place, () => over.page(state, cursor, ctx)),
      },
    };
  return {
    ...step,
    job,
    over: async (state, ctx) => {
      const source = await held(place, () => over(state, ctx));
      return isAsync(source) ? heldItems(place, source) : source;
    },
  };
}

/** Runs user code with time standing still. */
function held<T>(place: Place, run: () => Awaitable<T>): Awaitable<T> {
  const done = place.hold();
  try {
    const result = run();
    if (!(result instanceof Promise)) {
      done();
      return result;
    }
    return result.finally(done);
  } catch (thrown) {
    done();
    throw thrown;
  }
}

async function* heldItems(place: Place, source: AsyncIterable<unknown>): AsyncGenerator {
  const items = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await held(place, () => items.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await items.return?.();
  }
}

/** Runs a stub, and lets as much time pass as it said, before what came of it is heard. */
async function perform(
  place: Place,
  ctx: Ctx,
  run: (ctx: StubCtx) => Awaitable<unknown>,
): Promise<unknown> {
  let ms = 0;
  const takes = (duration: Duration): void => {
    ms += durationMs(duration, "takes");
  };
  const given = Object.create(ctx, { takes: { value: takes } }) as StubCtx; // oxlint-disable-line typescript/no-unsafe-type-assertion -- ctx, and what is added to it
  try {
    return await held(place, () => run(given));
  } finally {
    if (ms > 0) await place.clock.sleep(ms, ctx.signal);
    // Like code that heeds the signal: it was told to stop before it was done.
    if (ms > 0) ctx.signal.throwIfAborted();
  }
}

function isAsync(source: unknown): source is AsyncIterable<unknown> {
  return typeof source === "object" && source !== null && Symbol.asyncIterator in source;
}
