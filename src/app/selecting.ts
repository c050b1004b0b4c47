/** A selection of failed sub-jobs, frozen when it is made: shown, decided on, and reported one by one. */
import type { Json } from "../core/event.ts";
import { limits } from "../core/limits.ts";
import { addPlace } from "../core/ranges.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { askRun, noSubJob, paceOf, type Asking, type By, type RedriveBy } from "./deciding.ts";
import { editsOf, type EditInput } from "./editing.ts";
import type { Node } from "./node.ts";

/** Which of the failed sub-jobs. */
export type Wanted = {
  readonly step?: string | undefined;
  readonly signature?: string | undefined;
  readonly keys?: readonly string[] | undefined;
  /** Those whose input it takes; it sees what people are shown of it (`redact`). */
  readonly input?: ((input: Json, key: string) => boolean) | undefined;
};

/** What came of a decision: how many were still failed and are meant by it, and how many were no longer, and are left alone. */
export type Decided = {
  readonly matched: number;
  readonly changed: number;
};

/** What has become of one of them. */
export type Became = {
  readonly key: string;
  readonly index: number;
  readonly state: string;
  readonly error: { readonly name: string; readonly message: string } | undefined;
};

/** Failed sub-jobs, frozen when they were selected: who changes meanwhile is left alone, and counted. */
export type Selected = {
  readonly run: string;
  readonly step: string;
  /** How many had failed when the selection was made. Later failures do not join it. */
  readonly count: number;
  /** Where they stand in the step: [from, count, from, count, …]. */
  readonly indices: readonly number[];
  /** Of the first hundred. */
  readonly keys: readonly string[];
  readonly redrive: (by?: RedriveBy) => Promise<Decided>;
  /** How many inputs a redrive with this `edit` would correct. Rejects with UsageError where that would. */
  readonly tryEdit: (edit: EditInput) => Promise<number>;
  readonly skip: (reason: string, by?: By) => Promise<Decided>;
  /** What has become of each by now, in the order of the split. */
  readonly report: () => AsyncIterable<Became>;
};

const shownKeys = 100;

/** Throws NotFoundError for a key that the step does not have, and UsageError where the selection is too scattered to be written down. */
export async function select(node: Node, run: string, wanted: Wanted): Promise<Selected> {
  const step = wanted.step ?? (await fanOutOf(node, run));
  const indices: number[] = [];
  const keys: string[] = [];
  const missing = new Set(wanted.keys);
  let count = 0;
  const query = { step, only: "failed", ...signatureOf(wanted) } as const;
  for await (const { index, key, input } of node.subJobs(run, query)) {
    missing.delete(key);
    if (wanted.keys?.includes(key) === false || wanted.input?.(input, key) === false) continue;
    addPlace(indices, index);
    count += 1;
    if (keys.length < shownKeys) keys.push(key);
    if (indices.length > limits.selection * 2)
      throw new UsageError(
        `more than ${limits.selection} places of step "${step}" are selected: select fewer, or all of a signature`,
      );
  }
  for (const key of missing)
    if ((await node.reader.indexOf(run, step, key)) === undefined) throw noSubJob(run, step, key);
  const decide = async (
    type: "redrive.asked" | "skip.asked",
    said: Omit<Asking, "step" | "indices">,
    by: By,
  ): Promise<Decided> => {
    const { matched } = await askRun(node, run, type, { step, indices, ...said }, by);
    return { matched, changed: count - matched };
  };
  return {
    run,
    step,
    count,
    indices,
    keys,
    redrive: async ({ reason, rate, edit, ...by } = {}) => {
      const pace = paceOf(rate, `rate of redrive of run "${run}"`);
      const said = {
        ...(reason === undefined ? {} : { reason }),
        ...(pace === undefined ? {} : { rate: pace }),
        ...(edit === undefined ? {} : await editsOf(node, run, { step, indices }, edit)),
      };
      return decide("redrive.asked", said, by);
    },
    tryEdit: async (edit) => (await editsOf(node, run, { step, indices }, edit)).edits?.length ?? 0,
    skip: (reason, by = {}) => decide("skip.asked", { reason }, by),
    report: () => report(node, run, step, indices),
  };
}

async function* report(
  node: Node,
  run: string,
  step: string,
  indices: readonly number[],
): AsyncGenerator<Became> {
  for await (const { key, index, state, error } of node.subJobs(run, { step, indices }))
    yield { key, index, state, error: isFailed(state) ? error : undefined };
}

function isFailed(state: string): boolean {
  return state === "failed" || state === "timed-out" || state === "poison";
}

function signatureOf({ signature }: Wanted): { readonly signature?: string } {
  return signature === undefined ? {} : { signature };
}

/** The fan-out it is at, or else the first that has failures. */
async function fanOutOf(node: Node, run: string): Promise<string> {
  const status = await node.reader.status(run);
  if (status === undefined) throw new NotFoundError(`there is no run "${run}"`);
  const fanOuts = status.steps.filter(({ kind }) => kind === "fan-out");
  const step =
    fanOuts.find(({ name }) => name === status.step) ?? fanOuts.find(({ failed }) => failed > 0);
  if (step === undefined) throw new NotFoundError(`nothing has failed in run "${run}"`);
  return step.name;
}
