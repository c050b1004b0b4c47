/** Corrected inputs of a redrive: asked for one by one, checked as the split would check them, and written down with it. */
import type { Json } from "../core/event.ts";
import { firstDifference } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { unredacted } from "../core/redact.ts";
import { limitByKey } from "../core/plan.ts";
import type { FanOutStep } from "../define/flow.ts";
import { store } from "../define/json.ts";
import { validate } from "../define/schema.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import { limitKeyOf } from "../roles/splitter.ts";
import type { Node } from "./node.ts";

/**
 * The input that a failed sub-job is to have from now on; what it returns unchanged, or as undefined, stays.
 *
 * It is given the whole input. Where what it returns says "[redacted]" of what the job hides, that stays as it is.
 */
export type EditInput = (input: Json, key: string) => unknown;

/** What the event of the redrive says of them. */
export type Written = {
  readonly edits?: readonly number[];
  readonly limitKeys?: readonly number[];
  readonly body?: string;
};

/** Throws UsageError for an input that the split would not have taken, or that would make another sub-job of it. */
export async function editsOf(
  node: Node,
  run: string,
  { step, indices }: { readonly step: string; readonly indices: readonly number[] },
  edit: EditInput,
): Promise<Written> {
  const { here, isSent } = await stepOf(node, run, step);
  const { redact } = here.job.plan;
  const limitKey = limitByKey(here.job.plan)?.key;
  const edits: number[] = [];
  const limitKeys: number[] = [];
  const texts: string[] = [];
  let length = 0;
  for await (const { index, key, input } of node.subJobs(run, { step, indices, isWhole: true })) {
    const what = `input of ${run}/${step}/${key}`;
    const given = edit(structuredClone(input), key);
    if (given === undefined) continue;
    const corrected = unredacted(JSON.parse(store(given, what)) as Json, input, redact); // oxlint-disable-line typescript/no-unsafe-type-assertion -- store made it
    if (firstDifference(input, corrected) === undefined) continue;
    const text = JSON.stringify(corrected);
    await validate(here.job.input, corrected, what);
    const named = isSent ? key : here.key(corrected);
    if (named !== key)
      throw new UsageError(
        `${what}: its key would be "${named}", and a sub-job keeps its key: correct something else of it, or start another run`,
      );
    edits.push(index);
    texts.push(text);
    if (limitKey !== undefined) limitKeys.push(limitKeyOf(limitKey, corrected, what));
    length += text.length;
    if (edits.length > limits.edits || (edits.length > 1 && length > limits.payloadBytes))
      throw new UsageError(
        `one redrive corrects at most ${limits.edits} inputs, of 1 MB together: correct some of them first`,
      );
  }
  if (edits.length === 0) return {};
  return {
    edits,
    ...(limitKey === undefined ? {} : { limitKeys }),
    body: `[${texts.join(",")}]`,
  };
}

async function stepOf(
  { reader, flows }: Node,
  run: string,
  name: string,
): Promise<{ readonly here: FanOutStep; readonly isSent: boolean }> {
  const stored = await reader.run(run);
  if (stored === undefined) throw new NotFoundError(`there is no run "${run}"`);
  const flow = flows.get(stored.flow);
  const here = flow?.steps.find((one) => one.name === name);
  if (here?.kind !== "fan-out")
    throw new UsageError(
      `flow "${stored.flow}" with step "${name}" is not in this program, which could not check a corrected input: add it to parts`,
    );
  const plan = flow?.plan.steps.find((one) => one.name === name);
  return { here, isSent: plan?.kind === "fan-out" && plan.isSent === true };
}
