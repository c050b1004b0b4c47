/** How a run lives, by the second set of rules: from step to step, into a hold, through a join, to its end. */
import { limits } from "../core/limits.ts";
import { outcomeNames } from "../core/ledger.ts";
import type { FanOutPlan } from "../core/plan.ts";
import {
  failures,
  isBeyond,
  isOpen,
  isPaused,
  signatureOf,
  valueOf,
  type Issued,
  type Output,
  type Run,
  type Step,
  type SubJob,
} from "./model.ts";

/** A worker crashed or was killed, or only the queue lost it. */
export type Loss = "crash" | "kill" | "queue";

export type Life = {
  readonly beginRun: (run: Run, at: number) => void;
  /** Begins the step that the run is at, or ends the run. */
  readonly begin: (run: Run, at: number) => void;
  readonly issue: (run: Run, step: Step, at: number) => void;
  readonly end: (run: Run, state: string) => void;
  readonly endStep: (run: Run, step: Step, outcome: string) => void;
  /** The step is done, and the run goes on. */
  readonly goOn: (run: Run, step: Step, at: number) => void;
  /** The body or the split of a step has failed for good. */
  readonly failMain: (run: Run, step: Step) => void;
  readonly loseMain: (run: Run, step: Step, why: Loss, at: number) => void;
  readonly loseOne: (one: SubJob, why: Loss) => void;
  /** As new, but that it was issued is not forgotten. */
  readonly reset: (step: Step) => void;
  /** From this step on, what is in the queue waits again. */
  readonly recall: (run: Run, from: number) => void;
  readonly isCurrent: (run: Run, step: Step) => boolean;
  /** Joins where everything is there, and holds or fails the run where too much has failed. */
  readonly join: (run: Run, step: Step, at: number) => void;
  readonly joinNow: (run: Run, step: Step, plan: FanOutPlan, at: number) => void;
  readonly say: (output: Output) => void;
  /** Put into the queue since the last call of followed. */
  readonly isFresh: (run: Run, step: Step) => boolean;
  /** What followed since the last call. */
  readonly followed: () => {
    readonly outputs: readonly Output[];
    readonly issued: readonly Issued[];
  };
};

export function life(paused: Set<string>): Life {
  let outputs: Output[] = [];
  let issued: Issued[] = [];

  function beginRun(run: Run, at: number): void {
    run.state = "running";
    outputs.push({ type: "run.began", run: run.id, flow: run.plan.name });
    begin(run, at);
  }

  function begin(run: Run, at: number): void {
    const step = run.steps[run.at];
    if (step === undefined) return end(run, "done");
    if (step.began) step.generation += 1;
    if (!step.began) step.startedAt = at;
    step.began = true;
    step.total = undefined;
    step.state = "running";
    reset(step);
    outputs.push({
      type: "step.began",
      run: run.id,
      step: step.plan.name,
      generation: step.generation,
    });
    issue(run, step, at);
  }

  function issue(run: Run, step: Step, at: number): void {
    if (isPaused(paused, run, step, false)) {
      step.main.state = "waiting";
      return;
    }
    Object.assign(step.main, { state: "in-flight", issue: step.main.issue + 1, at });
    if (step.plan.kind === "fan-out" && step.plan.isSent === true) return splitSent(run, step);
    const { issue, trace: after } = step.main;
    issued.push({ run: run.id, step: step.plan.name, issue, after });
  }

  /** Of a job by itself, the manager writes the page and the seal. */
  function splitSent(run: Run, step: Step): void {
    const about = { run: run.id, step: step.plan.name, issue: step.main.issue };
    if (step.subJobs.length === 0)
      outputs.push({ type: "fan-out.grown", ...about, from: 0, keys: [run.id] });
    outputs.push({ type: "fan-out.sealed", ...about, total: 1 });
  }

  function end(run: Run, state: string): void {
    run.state = state;
    for (const name of paused)
      if (name === `run ${run.id}` || name.startsWith(`step ${run.id}/`)) paused.delete(name);
    recall(run, 0);
    outputs.push({ type: "run.ended", run: run.id, state });
  }

  function reset(step: Step): void {
    Object.assign(step.main, { state: "waiting", attempts: 0, crashes: 0, trace: undefined });
    step.closed = false;
  }

  function recall(run: Run, from: number): void {
    for (const { subJobs } of run.steps.slice(from))
      for (const one of subJobs) if (one.state === "flying") loseOne(one, "queue");
  }

  function endStep(run: Run, step: Step, outcome: string): void {
    step.state = outcome === "ok" ? "done" : outcome;
    const came = outcomeNames.map((one) => step.subJobs.filter((sub) => sub.state === one).length);
    step.ends.push(came);
    outputs.push({
      type: "step.ended",
      run: run.id,
      step: step.plan.name,
      generation: step.generation,
      outcome,
    });
  }

  function goOn(run: Run, step: Step, at: number): void {
    endStep(run, step, "ok");
    run.state = "running";
    run.at += 1;
    begin(run, at);
  }

  function hold(run: Run, step: Step): void {
    step.state = "held";
    run.state = "held";
    outputs.push({ type: "run.held", run: run.id, step: step.plan.name });
  }

  function failStep(run: Run, step: Step): void {
    endStep(run, step, "failed");
    end(run, "failed");
  }

  function failMain(run: Run, step: Step): void {
    step.main.state = "failed";
    if (step.plan.kind === "fan-out" && step.plan.beyond === "hold") hold(run, step);
    else failStep(run, step);
  }

  function loseMain(run: Run, step: Step, why: Loss, at: number): void {
    step.main.crashes += why === "queue" ? 0 : 1;
    const atMost = why === "kill" ? limits.stepKills : limits.stepCrashes;
    if (why !== "queue" && step.main.crashes >= atMost) failMain(run, step);
    else issue(run, step, at);
  }

  function isCurrent(run: Run, step: Step): boolean {
    return step.state === "running" && run.steps[run.at] === step;
  }

  function join(run: Run, step: Step, at: number): void {
    const { plan } = step;
    if (plan.kind !== "fan-out" || !isCurrent(run, step)) return;
    if (step.total === undefined || step.subJobs.some(isOpen)) return;
    if (!isBeyond(step)) joinNow(run, step, plan, at);
    else if (plan.beyond === "hold") hold(run, step);
    else failStep(run, step);
  }

  function joinNow(run: Run, step: Step, plan: FanOutPlan, at: number): void {
    const of = (...states: readonly string[]): number =>
      step.subJobs.filter(({ state }) => states.includes(state)).length;
    outputs.push({
      type: "fan-out.joined",
      run: run.id,
      step: plan.name,
      generation: step.generation,
      total: step.subJobs.length,
      ok: of("ok"),
      failed: of(...failures),
      skipped: of("skipped"),
      value: plan.folds === undefined ? undefined : valueOf(step, plan),
    });
    goOn(run, step, at);
  }

  function loseOne(one: SubJob, why: Loss): void {
    if (why === "crash") one.crashes += 1;
    if (why === "kill") one.kills += 1;
    if (one.crashes + Math.floor(one.kills / limits.killsPerCrash) < limits.crashes)
      Object.assign(one, { state: "open", issue: one.issue + 1 });
    else
      Object.assign(one, {
        state: "poison",
        signature: signatureOf(
          "Poison",
          `its worker vanished ${one.crashes + one.kills} times while it ran`,
        ),
      });
  }

  return {
    beginRun,
    begin,
    issue,
    end,
    endStep,
    goOn,
    failMain,
    loseMain,
    loseOne,
    reset,
    recall,
    isCurrent,
    join,
    joinNow,
    say: (output) => void outputs.push(output),
    isFresh: (run, step) => issued.some((one) => one.run === run.id && one.step === step.plan.name),
    followed() {
      const all = { outputs, issued };
      outputs = [];
      issued = [];
      return all;
    },
  };
}
