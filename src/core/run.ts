/** One execution of a flow: its steps in order, where it is, and why it waits. Data only; partition.ts decides. */
import type { Failure, Json, Priority, RunState } from "./event.ts";
import type { Sparse } from "./histogram.ts";
import { newFanOut, type FanOut } from "./fan-out.ts";
import type { FlowPlan, StepPlan } from "./plan.ts";
import { anyStep, type AnyStep } from "./step.ts";
import type { Answer } from "./stored.ts";
import type { Trace } from "./trace.ts";
import type { Lane } from "./window.ts";
import { assert } from "../errors.ts";

export type Plain = AnyStep & {
  readonly kind: "step";
  /** Durations of its attempts. */
  took: Sparse;
  tookUs: number;
};

export type Step = Plain | FanOut;

/** Updated in place, by the manager that decides on it. */
export type Run = {
  readonly id: string;
  readonly flow: string;
  readonly plan: FlowPlan;
  readonly input: Json;
  readonly request: string;
  readonly customer: string | undefined;
  priority: Priority;
  deadlineAt: number | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly trace: Trace | undefined;
  /** Of one that waits: when it is to begin. */
  startedAt: number;
  state: RunState;
  endedAt: number | undefined;
  /** The step it is at; the number of steps when it is done. */
  at: number;
  results: Record<string, Json | undefined>;
  because: string | undefined;
  /** Stands still, and obeys a redrive or a cancel only: halt.ts. */
  halted: boolean;
  error: Failure | undefined;
  /** The deadline that has passed; when the forecast was first found beyond it. */
  lateAt: number | undefined;
  riskAt: number | undefined;
  answers: Answer[];
  /** None as long as it waits to begin: a hundred thousand may. */
  steps: readonly Step[];
  readonly lanes: (Lane | undefined)[];
  /** When each step asked to be woken; undefined where it did not. */
  readonly armedAt: (number | undefined)[];
  /** When its deadlines are looked at next. */
  watchAt: number | undefined;
};

/** Nothing for any step: as long as there are steps, since what grows by itself takes room for sixteen more, and very many runs may wait. */
export function noneYet(plan: FlowPlan | undefined): undefined[] {
  return (plan?.steps ?? []).map(() => undefined);
}

export function newStep(plan: StepPlan): Step {
  if (plan.kind === "fan-out") return newFanOut(plan, 0);
  return { kind: "step", ...anyStep(plan.name), took: [], tookUs: 0 };
}

/** A job by itself: its one step is that job, and its one sub-job the run's input. */
export function isSent({ plan }: Run): boolean {
  const [first] = plan.steps;
  return first?.kind === "fan-out" && first.isSent === true;
}

export function isEnded({ state }: Pick<Run, "state">): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** A step and its plan, by position. */
export function stepAt(
  run: Run,
  position: number,
): { readonly step: Step; readonly plan: StepPlan } {
  const step = run.steps[position];
  const plan = run.plan.steps[position];
  assert(step !== undefined && plan !== undefined, `run "${run.id}" has no step ${position}`);
  return { step, plan };
}

export function positionOf(run: Run, name: string): number {
  return run.plan.steps.findIndex((plan) => plan.name === name);
}
