/** What people decide, as it is asked of a manager: an event with author and reason, and the answer to it. */
import { encode, type Adjustment, type InputEvent, type Selection } from "../core/event.ts";
import { partitionOf } from "../core/ids.ts";
import { everywhere, type Pause, type PauseEverywhere } from "../core/pauses.ts";
import type { Answer } from "../core/stored.ts";
import type { Rate } from "../core/throttle.ts";
import { rateOf, shown, type RateText } from "../define/duration.ts";
import { uniqueId } from "../engines/system.ts";
import { ConflictError, NotFoundError, UnavailableError, UsageError } from "../errors.ts";
import { loadPauses } from "../roles/loading.ts";
import type { EditInput, Written } from "./editing.ts";
import type { Node } from "./node.ts";

/** Who decides, and which decision it is. */
export type By = {
  /** For people: a name, an address. Default: the name of the app. */
  readonly author?: string;
  /** Names this very decision: asked again with the same, it has no second effect, and the answer is that of the first time. */
  readonly request?: string;
};

/** What can be said of a redrive besides. */
export type RedriveBy = By & {
  readonly reason?: string;
  /** The pace of the step from then on, as `adjust` sets it: what has just come back to life is not flooded. */
  readonly rate?: RateText;
  /** Corrects inputs: those it returns must pass the job's schema, and keep their key. */
  readonly edit?: EditInput;
};

/** A customer's runs, the runs of a flow, the sub-jobs of a job, or all that goes through a queue, wherever it is. */
export type Everywhere =
  | { readonly customer: string }
  | { readonly job: string }
  | { readonly flow: string }
  | { readonly queue: string };

type Command = Extract<InputEvent, { readonly run: string; readonly type: `${string}.asked` }>;
/** What a command says besides who asks it of which run. */
export type Asking = Selection & {
  readonly reason?: string | undefined;
  readonly to?: Adjustment;
  readonly rate?: Rate;
} & Written;
type CommandForAll = "pause-all.asked" | "resume-all.asked";

const textLength = 1_024;
/** How long other partitions are waited for, and how often they are looked at. */
const toldMs = 30_000;
const lookMs = 10;

/** Asks it of a run. Rejects with ConflictError where the answer is no, and NotFoundError where there is no such run. */
export async function askRun(
  node: Node,
  run: string,
  type: Command["type"],
  { body, ...more }: Asking,
  by: By,
): Promise<{ readonly matched: number }> {
  const who = decision(node, by, more.reason);
  const answer = async (): Promise<Answer | undefined> => {
    const stored = await node.reader.run(run);
    if (stored === undefined) throw removed(run);
    return stored.answers.find(({ request }) => request === who.request);
  };
  if ((await answer()) === undefined) {
    const partition = partitionOf(run, node.engine.partitions);
    const event = { type, run, ...more, ...who } as InputEvent; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every command has these fields
    await node.ask(partition, encode(event, body));
  }
  return answered(await answer(), `run "${run}"`, type, { run });
}

/** Whoever has a run in hand has found it before. */
export function removed(run: string): NotFoundError {
  return new NotFoundError(
    `there is no run "${run}" any more: it was removed, because the retention of its flow is over`,
    { details: { run } },
  );
}

export function noSubJob(run: string, step: string, key: string): NotFoundError {
  return new NotFoundError(`step "${step}" of run "${run}" has no sub-job "${key}"`, {
    details: { run },
  });
}

/** Asks it of all partitions: the first decides, and this resolves when the others know. */
export async function askAll(
  node: Node,
  type: CommandForAll,
  what: Everywhere,
  reason: string | undefined,
  by: By,
): Promise<void> {
  const { engine, clock } = node;
  const who = decision(node, by, reason);
  const answer = async (): Promise<Answer | undefined> =>
    (await loadPauses(engine.store, 0)).answers.find(({ request }) => request === who.request);
  if ((await answer()) === undefined) {
    const event = encode({ type, ...named(what), ...who });
    await node.ask(0, event);
  }
  answered(await answer(), "the app", type, what);
  const { version } = await loadPauses(engine.store, 0);
  const until = clock.now() + toldMs;
  for (let partition = 1; partition < engine.partitions; partition += 1)
    while ((await loadPauses(engine.store, partition)).version < version) {
      if (clock.now() > until)
        throw new UnavailableError(
          `partition ${partition} was not told in ${toldMs} ms; it will be`,
        );
      await clock.sleep(lookMs);
    }
}

/** Undefined where nothing was said. Throws UsageError. */
export function paceOf(rate: RateText | undefined, what: string): Rate | undefined {
  return rate === undefined ? undefined : rateOf(rate, what);
}

/** All that is paused now. */
export async function pausesOf({ engine }: Node): Promise<readonly Pause[]> {
  const all = new Map<string, Pause>();
  for (let partition = 0; partition < engine.partitions; partition += 1)
    for (const [key, pause] of (await loadPauses(engine.store, partition)).all) all.set(key, pause);
  return [...all.values()].toSorted((a, b) => a.at - b.at);
}

function named(what: Everywhere): { readonly of: PauseEverywhere; readonly name: string } {
  const said = new Map<string, unknown>(Object.entries(what));
  const of = everywhere.find((one) => said.has(one));
  if (of === undefined || said.size !== 1)
    throw new UsageError(`say one of ${everywhere.join(", ")}, got ${shown(what)}`);
  return { of, name: textOf(said.get(of), of) };
}

function decision({ name }: Node, { author = name, request = uniqueId() }: By, reason?: string) {
  return {
    request: textOf(request, "request"),
    author: textOf(author, "author"),
    ...(reason === undefined ? {} : { reason: textOf(reason, "reason") }),
  };
}

function textOf(value: unknown, what: string): string {
  if (typeof value === "string" && value.length > 0 && value.length <= textLength) return value;
  throw new UsageError(
    `${what} must be a text of 1 to ${textLength} characters, got ${shown(value)}`,
  );
}

function answered(
  answer: Answer | undefined,
  who: string,
  type: string,
  details: Readonly<Record<string, unknown>>,
): { readonly matched: number } {
  if (answer === undefined) throw new UnavailableError(`${who} did not answer to ${type}`);
  if (answer.refused !== undefined) throw new ConflictError(answer.refused, { details });
  return { matched: answer.matched };
}
