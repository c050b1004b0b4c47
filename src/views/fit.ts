/** Whether the runs under way can go on by the flows of this program. Pure; what schemas say of data is asked elsewhere. */
import { foldsProblem } from "../core/fold.ts";
import type { FlowPlan } from "../core/plan.ts";
import type { StoredRun, StoredStep } from "../core/stored.ts";
import { be, counted, number } from "./words.ts";

/** What does not fit, and of how many runs. */
export type Misfit = {
  readonly of: "flow" | "step" | "kind" | "folds" | "input" | "item" | "added" | "removed";
  /** True: they stand still, or fail. False: they go on, and not as the flow says now. */
  readonly isFatal: boolean;
  readonly step: string | undefined;
  readonly runs: number;
  /** The first of them. */
  readonly run: string;
  /** One sentence, without its first word in capitals and without its full stop. */
  readonly because: string;
  /** What to do about it; undefined where it may be meant. */
  readonly next: string | undefined;
};

/** Whether the runs under way of a flow can go on by the app as it is, and what does not fit. */
export type FlowFit = {
  readonly flow: string;
  /** Under way. */
  readonly runs: number;
  /** Looked at by their schemas, of the runs under way: inputs of runs, and inputs of sub-jobs that are still open. */
  readonly inputs: number;
  readonly items: number;
  readonly misfits: readonly Misfit[];
};

/** What one run does not fit; runs that say the same of the same step are told as one. */
export type Found = Pick<Misfit, "of" | "step"> & {
  /** What the sentence says besides: what was, or what the schema says. */
  readonly about?: string;
};

/** What of the plan one run does not fit. Of one that has not begun, nothing: it begins by whatever the flow is then. */
export function misfitsOf(
  run: StoredRun,
  steps: readonly (StoredStep | undefined)[],
  plan: FlowPlan | undefined,
): readonly Found[] {
  if (plan === undefined) return [{ of: "flow", step: undefined }];
  if (run.state === "waiting") return [];
  const current = run.steps[run.at];
  const position = plan.steps.findIndex(({ name }) => name === current);
  if (position === -1) return [{ of: "step", step: current }];
  const found: Found[] = [];
  for (const [n, stored] of steps.entries()) {
    const step = plan.steps.find(({ name }) => name === run.steps[n]);
    if (step === undefined && n > run.at) found.push({ of: "removed", step: run.steps[n] });
    if (stored === undefined || step === undefined) continue;
    if (stored.kind !== step.kind) found.push({ of: "kind", step: step.name, about: stored.kind });
    else if (n === run.at && stored.kind === "fan-out" && step.kind === "fan-out") {
      const about = foldsProblem(step.folds, stored.folds);
      const hasBegun = stored.folds !== undefined || stored.size > 0;
      if (about !== undefined && hasBegun) found.push({ of: "folds", step: step.name, about });
    }
  }
  const known = new Set(run.steps);
  const added = plan.steps.slice(0, position).filter(({ name }) => !known.has(name));
  return [...found, ...added.map(({ name }): Found => ({ of: "added", step: name }))];
}

/** What runs of one flow have in common. */
export function told(found: Found, runs: number, run: string): Misfit {
  const { of, step } = found;
  const { because, next, isFatal = true } = sentence(found, runs);
  return { of, step, isFatal, runs, run, because, next };
}

type Sentence = Pick<Misfit, "because" | "next"> & { readonly isFatal?: boolean };

function sentence({ of, step = "", about = "" }: Found, count: number): Sentence {
  const runs = counted(count, "run");
  const it = count === 1 ? "it is" : "they are";
  switch (of) {
    case "flow":
      return {
        because: `${runs} ${be(count, "are")} under way, and this program has no such flow`,
        next: `keep it among the app's parts until ${it} over`,
      };
    case "step":
      return {
        because: `${runs} ${be(count, "are")} at step "${step}", which this program no longer has`,
        next: `keep the step until ${it} over`,
      };
    case "kind":
      return {
        because: `step "${step}" of ${runs} was a ${about} when it ran, and is another kind of step now: its partition is not served`,
        next: "give the step another name",
      };
    case "folds":
      return { because: `step "${step}" of ${runs}: ${about}`, next: undefined };
    case "input":
      return {
        because: `the input of ${runs} is refused by the schema that the flow has now: ${about}`,
        next: "let the schema take what was stored before, too",
      };
    case "item":
      return {
        because: `step "${step}" of ${runs} has sub-jobs to come that the schema of its job refuses now: ${about}`,
        next: "let the schema take what was stored before, too",
      };
    case "removed":
      return {
        isFatal: false,
        because: `${runs} ${be(count, "were")} to come to step "${step}", which this program no longer has: ${count === 1 ? "it goes" : "they go"} on without it`,
        next: undefined,
      };
    case "added":
      return {
        isFatal: false,
        because: `${runs} ${be(count, "are")} past the place of step "${step}", which is new: it does not run for ${count === 1 ? "it" : "them"}`,
        next: undefined,
      };
  }
}

/** "14 runs, 1,000 inputs and 20 sub-jobs looked at" */
export function lookedAt({ runs, inputs, items }: FlowFit): string {
  const parts = [
    ...(inputs > 0 ? [counted(inputs, "input")] : []),
    ...(items > 0 ? [`${number(items)} sub-job${items === 1 ? "" : "s"} to come`] : []),
  ];
  const looked = parts.length === 0 ? "" : `, with ${parts.join(" and ")} looked at`;
  return `${counted(runs, "run")} under way ${be(runs, "fit")}${looked}`;
}
