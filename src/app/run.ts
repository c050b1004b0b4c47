/** A run, as its caller holds it: what it is at, what comes of it, and what people decide about it. */
import { encode, type InputEvent, type Json, type Selection } from "../core/event.ts";
import { partitionOf } from "../core/ids.ts";
import { uniqueId } from "../engines/system.ts";
import type { StepName } from "../define/flow.ts";
import { durationMs, type Duration } from "../define/duration.ts";
import {
  ConflictError,
  NotFoundError,
  RunEndedError,
  UnavailableError,
  UsageError,
} from "../errors.ts";
import type { StoredRun } from "../core/stored.ts";
import type { Status, SubJobRecord } from "../views/status.ts";
import type { Why } from "../views/why.ts";
import type { Node } from "./node.ts";

/** Which failed sub-jobs; all of them if nothing is said. */
export type Where<S> = {
  readonly step?: StepName<S>;
  readonly signature?: string;
  readonly keys?: readonly string[];
};

export type Run<S = unknown, R = unknown> = {
  readonly id: string;
  /** False: it existed, and was joined. */
  readonly created: boolean;
  /** Resolves to what the last step returned. Rejects with RunEndedError if it fails or is cancelled, UnavailableError after `timeout` (the run goes on). */
  readonly result: (options?: { readonly timeout?: Duration }) => Promise<R>;
  readonly status: () => Promise<Status>;
  /** The status whenever it has changed, at most ten times a second; the last one says how it ended. */
  readonly watch: () => AsyncIterable<Status>;
  /** Everything about one sub-job: input, attempts, errors, result. */
  readonly subJob: (step: StepName<S>, key: string) => Promise<SubJobRecord | undefined>;
  /** What the run, one of its steps or one sub-job waits for: a sentence for each cause, and the command that would change it. */
  readonly why: (step?: StepName<S>, key?: string) => Promise<Why>;
  /** Runs failed sub-jobs again, in a new generation; what succeeded stays. Of a plain step or a split that failed: runs it again. */
  readonly redrive: (where?: Where<S>) => Promise<{ readonly matched: number }>;
  /** Counts failed sub-jobs as skipped. */
  readonly skip: (reason: string, where?: Where<S>) => Promise<{ readonly matched: number }>;
  /** Lets a held run go on with the failures it has. */
  readonly release: (reason: string) => Promise<void>;
  /** Ends the fan-out it is at: folds what there is, cancels the rest, goes on. */
  readonly close: (reason: string) => Promise<void>;
  /** Ends the run. Nothing more is begun; what runs is told to stop, and what it still says is counted as late. */
  readonly cancel: (reason: string) => Promise<void>;
};

type Command = Extract<
  InputEvent,
  { readonly request: string; readonly type: `${string}.asked` }
>["type"];

/** At most so often does watch say something. */
const watchEveryMs = 100;
/** A hint may be lost: who waits looks for itself after this. */
const lookMs = 1_000;

export function runHandle<S, R>(node: Node, id: string, created: boolean): Run<S, R> {
  const partition = partitionOf(id, node.engine.partitions);

  async function status(): Promise<Status> {
    const known = await node.reader.status(id);
    if (known === undefined) throw new NotFoundError(`there is no run "${id}"`);
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

  async function ask(
    type: Command,
    more: Selection & { readonly reason?: string },
  ): Promise<{ readonly matched: number }> {
    if ((await node.reader.run(id)) === undefined)
      throw new NotFoundError(`there is no run "${id}"`);
    const request = uniqueId();
    const event = { type, run: id, request, ...more } as InputEvent; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every command has these fields
    const offset = await node.engine.log.append(partition, [encode(event)]);
    await node.consumed(partition, offset);
    const answer = (await node.reader.run(id))?.answers.find((one) => one.request === request);
    if (answer === undefined) throw new UnavailableError(`run "${id}" did not answer to ${type}`);
    if (answer.refused !== undefined)
      throw new ConflictError(answer.refused, { details: { run: id } });
    return { matched: answer.matched };
  }

  /** Names of sub-jobs become places in the ledger here: the selection is frozen when it is asked for. */
  async function selection({ step, signature, keys }: Where<S>): Promise<Selection> {
    const named = step ?? (keys === undefined ? undefined : (await status()).step);
    const indices: number[] = [];
    for (const key of keys ?? []) {
      if (named === undefined) throw new UsageError("say which step the keys are of");
      const index = await node.reader.indexOf(id, named, key);
      if (index === undefined)
        throw new NotFoundError(`step "${named}" of run "${id}" has no sub-job "${key}"`);
      indices.push(index, 1);
    }
    return {
      ...(named === undefined ? {} : { step: named }),
      ...(signature === undefined ? {} : { signature }),
      ...(keys === undefined ? {} : { indices }),
    };
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
        if (stored === undefined) throw new NotFoundError(`there is no run "${id}"`);
        if (stored.state === "done") return stored.results[stored.steps.at(-1) ?? ""] as R; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the last step of this flow returned it
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

  return {
    id,
    created,
    result,
    status,
    watch,
    subJob: (step, key) => node.reader.subJob(id, step, key),
    async why(step, key) {
      const why = await node.why(id, step, key);
      if (why !== undefined) return why;
      const what = [id, step, key].filter((part) => part !== undefined).join("/");
      throw new NotFoundError(`there is no "${what}"`);
    },
    redrive: async (where = {}) => ask("redrive.asked", await selection(where)),
    skip: async (reason, where = {}) => ask("skip.asked", { ...(await selection(where)), reason }),
    release: async (reason) => void (await ask("release.asked", { reason })),
    close: async (reason) => void (await ask("close.asked", { reason })),
    cancel: async (reason) => void (await ask("cancel.asked", { reason })),
  };
}

function ended({ run, state, because = "" }: StoredRun): RunEndedError {
  const how = state === "failed" ? "failed" : "was cancelled";
  return new RunEndedError(`run "${run}" ${how}: ${because}`, { details: { run, state } });
}

/** What is told about a run from now on: nothing is missed between two calls of next. */
function changesOf(node: Node, id: string) {
  let seen = true; // Look once more after the listener stands.
  let stop: AbortController | undefined;
  const forget = node.onRun(id, () => {
    seen = true;
    stop?.abort(seen);
  });
  return {
    forget,
    async next(ms: number): Promise<void> {
      stop = new AbortController();
      if (!seen) await node.clock.sleep(ms, stop.signal);
      seen = false;
    },
  };
}

export function isOver({ state }: { readonly state: Json }): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}
