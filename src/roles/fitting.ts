/** Looks through the runs under way whether this program can go on with them. */
import { limits } from "../core/limits.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import type { Flow } from "../define/flow.ts";
import type { Job } from "../define/job.ts";
import { validate, type Schema } from "../define/schema.ts";
import { UsageError } from "../errors.ts";
import type { Engine } from "../ports/engine.ts";
import { misfitsOf, told, type FlowFit, type Found } from "../views/fit.ts";
import type { Exporter } from "./export.ts";
import { liveRuns, loadStoredSteps } from "./loading.ts";

export type FittingOptions = {
  readonly engine: Pick<Engine, "store" | "partitions">;
  readonly flows: ReadonlyMap<string, Flow>;
  readonly jobs: ReadonlyMap<string, Job>;
  readonly subJobs: Exporter["subJobs"];
};

/** What is known of one flow while its runs are looked through. */
type Sum = {
  runs: number;
  inputs: number;
  items: number;
  readonly found: Map<string, { readonly found: Found; readonly run: string; runs: number }>;
};

/** Of one run: its neighbours are mostly alike. */
const itemsOfRun = 20;

/**
 * Each flow that has runs under way, by name, and what of them does not fit. It looks at every run; by the schemas, at so many inputs
 * of each flow as `limits.fitSamples` says.
 */
export async function fitOf(options: FittingOptions): Promise<readonly FlowFit[]> {
  const { engine, flows } = options;
  const { store } = engine;
  const sums = new Map<string, Sum>();

  for (let partition = 0; partition < engine.partitions; partition += 1)
    for await (const run of liveRuns(store, partition))
      if (run.endedAt === undefined) await look(run, await loadStoredSteps(store, partition, run));

  async function look(run: StoredRun, steps: readonly (StoredStep | undefined)[]): Promise<void> {
    const sum = sums.get(run.flow) ?? { runs: 0, inputs: 0, items: 0, found: new Map() };
    sums.set(run.flow, sum);
    sum.runs += 1;
    const found = misfitsOf(run, steps, flows.get(run.flow)?.plan);
    const refusals = await refused(run, steps[run.at], sum, options);
    for (const one of [...found, ...refusals]) {
      const name = JSON.stringify([one.of, one.step, one.about]);
      const same = sum.found.get(name) ?? { found: one, run: run.run, runs: 0 };
      sum.found.set(name, same);
      same.runs += 1;
    }
  }

  return [...sums]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([flow, { found, ...sum }]) => ({
      flow,
      ...sum,
      misfits: [...found.values()].map((one) => told(one.found, one.runs, one.run)),
    }));
}

/** What the schemas say of the input of the run, and of some of its sub-jobs that are to come. */
async function refused(
  { run, flow: name, input }: StoredRun,
  step: StoredStep | undefined,
  sum: Sum,
  { flows, jobs, subJobs }: FittingOptions,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const flow = flows.get(name);
  if (flow !== undefined && sum.inputs < limits.fitSamples) {
    sum.inputs += 1;
    const about = await refusal(flow.input, input);
    if (about !== undefined) found.push({ of: "input", step: undefined, about });
  }
  const plan = flow?.plan.steps.find((one) => one.name === step?.name);
  if (plan?.kind !== "fan-out" || step?.kind !== "fan-out") return found;
  const job = jobs.get(plan.job.name);
  let left = Math.min(itemsOfRun, limits.fitSamples - sum.items);
  if (job === undefined || left <= 0) return found;
  for await (const one of subJobs(run, { step: step.name, only: "open", isWhole: true })) {
    sum.items += 1;
    left -= 1;
    const about = await refusal(job.input, one.input);
    if (about !== undefined) return [...found, { of: "item", step: step.name, about }];
    if (left <= 0) break;
  }
  return found;
}

/** In the schema's own words. */
async function refusal(schema: Schema, value: unknown): Promise<string | undefined> {
  try {
    await validate(schema, value, "");
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message.replace(/^: /, "");
    return error instanceof Error ? error.message : String(error); // The schema's own code threw.
  }
}
