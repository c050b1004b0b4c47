/** What people decide, by the second set of rules. */
import type { Adjustment } from "../core/event.ts";
import type { Rate } from "../core/throttle.ts";
import type { Life } from "./life.ts";
import {
  chosenBy,
  failures,
  isBeyond,
  isEnded,
  isOpen,
  type Run,
  type Step,
  type SubJob,
  type Told,
} from "./model.ts";
import type { Pausing } from "./pausing.ts";

export type Commands = {
  /** Does what was asked for, once per request. */
  readonly ask: (run: Run, event: Told) => void;
  /** How many sub-jobs were open; undefined where there is nothing to fold. */
  readonly close: (run: Run, step: Step, at: number) => number | undefined;
  readonly cancel: (run: Run) => number;
};

export function commands(lives: Life, { pauseRun }: Pick<Pausing, "pauseRun">): Commands {
  const { end, endStep, issue, join, joinNow, loseOne, recall, reset, say } = lives;

  function ask(run: Run, event: Told): void {
    const request = String(event["request"]);
    if (run.answers.has(request)) return;
    run.answers.set(request, obey(run, event));
  }

  /** How many sub-jobs it was about; undefined: it was refused. */
  function obey(run: Run, event: Told): number | undefined {
    if (run.state === "waiting" && !/^(cancel|pause|resume)/.test(event.type)) return undefined;
    const step = run.steps[run.at];
    switch (event.type) {
      case "redrive.asked":
        return redrive(run, event);
      case "skip.asked":
        return skip(run, event);
      case "release.asked":
        return run.state === "held" && step !== undefined ? close(run, step, event.at) : undefined;
      case "close.asked":
        return isEnded(run) || step === undefined ? undefined : close(run, step, event.at);
      case "reopen.asked":
        return takeBackCancel(run, event.at);
      case "adjust.asked":
        return isEnded(run) ? undefined : adjust(run, event);
      case "pause.asked":
      case "resume.asked":
        return isEnded(run) ? undefined : pauseRun(run, event);
      default:
        return isEnded(run) ? undefined : cancel(run);
    }
  }

  function adjust(run: Run, event: Told): number | undefined {
    const to = event["to"] as Adjustment; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    const step =
      event.step === undefined
        ? run.steps.slice(run.at).find(({ plan }) => plan.kind === "fan-out")
        : run.steps.slice(run.at).find(({ plan }) => plan.name === event.step);
    const isOfRun = to.priority !== undefined || to.deadlineAt !== undefined;
    const isOfStep = [to.concurrency, to.rate, to.tolerate].some((one) => one !== undefined);
    if (isOfStep && step?.plan.kind !== "fan-out") return undefined;
    if (isOfRun) say({ type: "run.adjusted", run: run.id });
    const deadlineAt = to.deadlineAt ?? undefined;
    if (to.deadlineAt !== undefined && deadlineAt !== run.deadlineAt)
      Object.assign(run, { deadlineAt, isLate: false, isAtRisk: false });
    if (!isOfStep || step === undefined) return isOfRun ? 1 : undefined;
    if (to.concurrency !== undefined) step.concurrency = to.concurrency ?? Infinity;
    if (to.rate !== undefined) step.rate = to.rate ?? undefined;
    step.tolerate = to.tolerate ?? step.tolerate;
    const isHeld = step.state === "held" && step.main.state === "ok";
    if (to.tolerate !== undefined && isHeld && !isBeyond(step)) {
      step.state = "running";
      run.state = "running";
      say({ type: "run.resumed", run: run.id, step: step.plan.name });
    }
    join(run, step, event.at);
    return 1;
  }

  function meant(run: Run, event: Told): number {
    if (typeof event["step"] === "string")
      return run.steps.findIndex(({ plan }) => plan.name === event["step"]);
    if (run.at < run.steps.length) return run.at;
    return run.steps.findIndex((step) => step.subJobs.some(({ state }) => failures.has(state)));
  }

  function redrive(run: Run, event: Told): number | undefined {
    const position = meant(run, event);
    const step = run.steps[position];
    if (run.state === "cancelled" || step === undefined || position > run.at) return undefined;
    const isWhole = event["signature"] === undefined && event["indices"] === undefined;
    const again = step.main.state === "failed" && isWhole;
    if (step.main.state === "failed" && !again && step.total === undefined) return undefined;
    if (step.plan.kind === "step") {
      if (!again) return undefined;
      reopen(run, position);
      renew(run, step, event.at);
      return 1;
    }
    const chosen = step.subJobs.filter(chosenBy(event));
    for (const one of chosen)
      Object.assign(one, {
        state: "open",
        issue: one.issue + 1,
        attempts: 0,
        crashes: 0,
        kills: 0,
      });
    correct(step, chosen, event);
    if (chosen.length > 0 || again) {
      reopen(run, position);
      if (event["rate"] !== undefined) step.rate = event["rate"] as Rate; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    }
    if (again) step.total = undefined;
    join(run, step, event.at);
    if (again) renew(run, step, event.at);
    return chosen.length + (again ? 1 : 0);
  }

  /** Those of the chosen that the event has an input for. */
  function correct(step: Step, chosen: readonly SubJob[], event: Told): void {
    const edits = (event["edits"] ?? []) as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    const items = JSON.parse(event.body ?? "[]") as readonly unknown[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a body is an array
    const limitKeys = event["limitKeys"] as readonly number[] | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    for (const [n, index] of edits.entries()) {
      const one = step.subJobs[index];
      if (one === undefined || !chosen.includes(one)) continue;
      one.edited = { offset: event.offset, issue: one.issue, item: items[n] };
      one.limitKey = limitKeys?.[n] ?? one.limitKey;
    }
  }

  function renew(run: Run, step: Step, at: number): void {
    reset(step);
    issue(run, step, at);
  }

  function reopen(run: Run, position: number): void {
    run.at = position;
    run.state = "running";
    // Paces begin anew.
    for (const step of run.steps) if (step.rate !== undefined) step.rate = { ...step.rate };
    for (const step of run.steps.slice(position + 1)) {
      step.state = "waiting";
      reset(step);
    }
    recall(run, position + 1);
    const step = run.steps[position];
    if (step === undefined) return;
    step.state = "running";
    step.generation += 1;
    say({ type: "run.resumed", run: run.id, step: step.plan.name });
  }

  function skip(run: Run, event: Told): number | undefined {
    const position = meant(run, event);
    const step = run.steps[position];
    if (isEnded(run) || step === undefined || step.plan.kind === "step" || position < run.at)
      return undefined;
    const chosen = step.subJobs.filter(chosenBy(event));
    for (const one of chosen) one.state = "skipped";
    if (chosen.length > 0 && step.state === "held" && step.main.state === "ok") {
      step.state = "running";
      run.state = "running";
      say({ type: "run.resumed", run: run.id, step: step.plan.name });
    }
    join(run, step, event.at);
    return chosen.length;
  }

  function cancelRest(step: Step): number {
    const open = step.subJobs.filter(isOpen);
    for (const one of open) one.state = "cancelled";
    step.total ??= step.subJobs.length;
    return open.length;
  }

  /** What is cancelled is open again; a split that was not over, or a body, is put again. */
  function takeBackCancel(run: Run, at: number): number | undefined {
    const step = run.steps[run.at];
    if (run.state !== "cancelled" || step === undefined) return undefined;
    if (!run.steps.some(({ began }) => began)) return undefined;
    const runDue = run.isLate || run.plan.atDeadline !== "cancel" ? Infinity : run.deadlineAt;
    const stepDue = step.startedAt + (step.plan.deadlineMs ?? Infinity);
    const isStepDue = !step.isLate && step.plan.atDeadline === "cancel" && stepDue <= at;
    if ((runDue ?? Infinity) <= at || isStepDue) return undefined;
    const opened = run.steps
      .slice(run.at)
      .filter(({ state }) => state === "cancelled")
      .flatMap(({ subJobs }) => subJobs.filter(({ state }) => state === "cancelled"));
    for (const one of opened) one.state = "open";
    const isWhole = step.plan.kind === "fan-out" && step.main.state === "ok";
    reopen(run, run.at);
    if (!isWhole) {
      step.total = undefined;
      renew(run, step, at);
    }
    join(run, step, at);
    return opened.length + (isWhole ? 0 : 1);
  }

  function close(run: Run, step: Step, at: number): number | undefined {
    if (step.plan.kind === "step") return undefined;
    const cancelled = cancelRest(step);
    if (step.main.state !== "failed") step.main.state = "ok";
    step.closed = true;
    if (run.state === "held") say({ type: "run.resumed", run: run.id, step: step.plan.name });
    joinNow(run, step, step.plan, at);
    return cancelled;
  }

  function cancel(run: Run): number {
    let cancelled = 0;
    for (const step of run.steps) {
      const isUnderWay = step.state === "running" || step.state === "held";
      if (!isUnderWay && !step.subJobs.some(isOpen)) continue;
      for (const one of step.subJobs) if (one.state === "flying") loseOne(one, "queue");
      if (step.plan.kind === "fan-out") cancelled += cancelRest(step);
      const isOver = step.main.state === "ok" || step.main.state === "failed";
      if (step.plan.kind === "fan-out" && !isOver) step.main.state = "waiting";
      if (isUnderWay) endStep(run, step, "cancelled");
      step.state = "cancelled";
    }
    end(run, "cancelled");
    return cancelled;
  }

  return { ask, close, cancel };
}
