/** By which plan a stored run goes on, when the program may have changed since. */
import { assert } from "../errors.ts";
import type { FlowPlan, Plans, StepPlan } from "./plan.ts";
import type { StoredRun, StoredStep } from "./stored.ts";

type Kinds = ReadonlyMap<string, { readonly step: StoredStep }>;

/**
 * The program's own, if the run can go on by it. A run that ended gets one from what is stored of it otherwise: enough to be
 * asked about and to count what comes late.
 *
 * Throws CorruptError for a run under way: it must not be guessed how it goes on.
 */
export function planOfRun(plans: Plans, run: StoredRun, steps: Kinds): FlowPlan {
  const plan = plans.get(run.flow);
  const problem = plan === undefined ? unknownFlow(run) : misfit(plan, run, steps);
  if (plan !== undefined && problem === undefined) return plan;
  const isOver = run.state === "done" || run.state === "failed" || run.state === "cancelled";
  assert(isOver, problem ?? "");
  return {
    name: run.flow,
    version: 0,
    priority: run.priority,
    steps: run.steps.map((name) => remembered(name, steps.get(name)?.step.kind ?? "step")),
  };
}

function unknownFlow({ run, flow }: StoredRun): string {
  return `run "${run}" is under way, and this app does not know its flow "${flow}": add it to parts`;
}

/** Why the run cannot go on by this plan. */
function misfit(
  plan: FlowPlan,
  { run, flow, steps: names, at, state }: StoredRun,
  steps: Kinds,
): string | undefined {
  if (state === "waiting") return undefined; // It begins by whatever the flow is by then.
  const current = names[at];
  if (current !== undefined && !plan.steps.some(({ name }) => name === current))
    return `run "${run}" is at step "${current}", and flow "${flow}" no longer has it: keep the step until the run is over`;
  const changed = plan.steps.find(
    ({ name, kind }) => (steps.get(name)?.step.kind ?? kind) !== kind,
  );
  if (changed === undefined) return undefined;
  const was = changed.kind === "step" ? "fan-out" : "step";
  return `step "${changed.name}" of run "${run}" was a ${was} when it ran, and is a ${changed.kind} now: give it another name`;
}

function remembered(name: string, kind: StepPlan["kind"]): StepPlan {
  const work = {
    queue: "default",
    retry: { attempts: 1, backoff: "fixed", firstMs: 0, maxMs: 0 },
    timeoutMs: 0,
  } as const;
  if (kind === "step") return { kind, name, ...work };
  return { kind, name, ...work, job: { name, ...work }, tolerate: { count: 0 }, beyond: "hold" };
}
