/**
 * The rules of Fanfold, a second time, written as plainly as they can be: what follows from the events of a run.
 *
 * It imports nothing that decides. It keeps an object per sub-job and walks over all of them where core keeps counters, so the two
 * agree only if both are right. What it cannot know from the log alone, that is when the window let a sub-job into the queue, it
 * reads from the tasks of the commits (checkers.ts); what it cannot know at all, it asks to be told (`resync`).
 */
import type { Adjustment } from "../core/event.ts";
import type { FanOutPlan, FlowPlan } from "../core/plan.ts";
import { life, type Life } from "./life.ts";
import {
  chosenBy,
  failures,
  indicesOf,
  isBeyond,
  isEnded,
  isOpen,
  issuesOf,
  newStep,
  newSubJob,
  patienceMs,
  signatureOf,
  type Bad,
  type Paused,
  type Run,
  type Step,
  type Told,
} from "./model.ts";
import { pausing } from "./pausing.ts";

export type Refold = {
  readonly runs: Map<string, Run>;
  readonly paused: Paused;
  /** Takes in the next event. */
  readonly take: (event: Told) => void;
  readonly followed: Life["followed"];
  readonly folds: () => number;
};

export function refold(plans: ReadonlyMap<string, FlowPlan>): Refold {
  const runs = new Map<string, Run>();
  const paused = new Set<string>();
  const lives = life(paused);
  const { beginRun, end, endStep, failMain, goOn, isCurrent, isFresh, issue, join, joinNow } =
    lives;
  const { loseMain, loseOne, recall, reset, say } = lives;
  const { pauseRun, pauseAll, adopt } = pausing(runs, paused, lives);
  let folds = 0;

  // ---- outcomes

  function succeed(step: Step, index: number, result: unknown): void {
    const one = step.subJobs[index];
    if (one === undefined) return;
    if (isOpen(one)) {
      Object.assign(one, { state: "ok", result });
      folds += 1;
    } else if (one.state === "ok") step.duplicate += 1;
    else step.late += 1;
  }

  function fail(step: Step, plan: FanOutPlan, bad: Bad): void {
    const one = step.subJobs[bad.index];
    if (one === undefined) return;
    if (!isOpen(one)) step.late += 1;
    else if (one.state !== "flying" || one.issue !== bad.issue) step.stale += 1;
    else if (bad.outcome === "skipped") one.state = "skipped";
    else {
      const counted = bad.outcome === "retry-later" ? 0 : 1;
      const isLast = bad.fatal === true || one.attempts + 1 >= plan.job.retry.attempts;
      if (counted === 1 && isLast) {
        one.state = bad.outcome === "timed-out" ? "timed-out" : "failed";
        one.signature = signatureOf(bad.error?.name ?? "", bad.error?.message ?? "");
      } else
        Object.assign(one, {
          state: "open",
          issue: one.issue + 1,
          attempts: one.attempts + counted,
        });
    }
  }

  // ---- what people ask for

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
    const isOfStep = to.concurrency !== undefined || to.tolerate !== undefined;
    if (isOfStep && step?.plan.kind !== "fan-out") return undefined;
    if (isOfRun) say({ type: "run.adjusted", run: run.id });
    if (!isOfStep || step === undefined) return isOfRun ? 1 : undefined;
    if (to.concurrency !== undefined) step.concurrency = to.concurrency ?? Infinity;
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
    if (chosen.length > 0 || again) reopen(run, position);
    if (again) step.total = undefined;
    join(run, step, event.at);
    if (again) renew(run, step, event.at);
    return chosen.length + (again ? 1 : 0);
  }

  function renew(run: Run, step: Step, at: number): void {
    reset(step);
    issue(run, step, at);
  }

  function reopen(run: Run, position: number): void {
    run.at = position;
    run.state = "running";
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
    if (step.main.state !== "failed") step.main.state = "ok";
    step.closed = true;
    step.total ??= step.subJobs.length;
    return open.length;
  }

  function close(run: Run, step: Step, at: number): number | undefined {
    if (step.plan.kind === "step") return undefined;
    const cancelled = cancelRest(step);
    if (run.state === "held") say({ type: "run.resumed", run: run.id, step: step.plan.name });
    joinNow(run, step, step.plan, at);
    return cancelled;
  }

  function cancel(run: Run): number {
    let cancelled = 0;
    for (const step of run.steps) {
      const isUnderWay = step.state === "running" || step.state === "held";
      if (!isUnderWay && !step.subJobs.some(isOpen)) continue;
      if (isUnderWay) endStep(run, step, "cancelled");
      step.state = "cancelled";
      if (step.plan.kind === "fan-out") cancelled += cancelRest(step);
    }
    end(run, "cancelled");
    return cancelled;
  }

  // ---- time

  /** What was to be tried again by now is; what was out for too long is taken for lost. */
  function wake(at: number): void {
    for (const run of runs.values()) {
      if (isEnded(run)) continue;
      if (run.state === "waiting") {
        if (run.beginAt <= at) beginRun(run, at);
        continue;
      }
      for (const step of run.steps) {
        const { main, plan } = step;
        if (step.state !== "running") continue;
        if (main.state === "retrying" && main.at <= at) issue(run, step, at);
        else if (main.state === "in-flight" && main.at + patienceMs(plan.timeoutMs) <= at)
          loseMain(run, step, "queue", at);
      }
    }
  }

  // ---- events

  function start(event: Told): void {
    const plan = plans.get(String(event["flow"]));
    if (plan === undefined || runs.has(event.run)) return;
    const beginAt = Math.max(event.at, Number(event["beginAt"] ?? 0));
    const run: Run = {
      id: event.run,
      customer: String(event["customer"]),
      plan,
      beginAt,
      input: event["input"],
      steps: plan.steps.map(newStep),
      state: "waiting",
      at: 0,
      answers: new Map(),
    };
    runs.set(run.id, run);
    if (beginAt <= event.at) return beginRun(run, event.at);
    say({ type: "run.delayed", run: run.id, flow: plan.name, beginAt });
  }

  function settleMain(run: Run, step: Step, event: Told): void {
    const { main, plan } = step;
    const outcome = event["outcome"];
    if (!isCurrent(run, step)) step.late += 1;
    else if (outcome === "ok" && plan.kind === "step" && event["generation"] === step.generation) {
      main.state = "ok";
      goOn(run, step, event.at);
    } else if (outcome === "ok") step.stale += 1;
    else if (main.state !== "in-flight" || event["issue"] !== main.issue) step.stale += 1;
    else {
      if (outcome !== "retry-later") main.attempts += 1;
      const isLast = event["fatal"] === true || main.attempts >= plan.retry.attempts;
      if (outcome !== "retry-later" && isLast) return failMain(run, step);
      const { firstMs, maxMs } = plan.retry; // The backoff of the simulator's steps is fixed.
      const delayMs =
        outcome === "retry-later" ? Number(event["delayMs"]) : Math.min(firstMs, maxMs);
      Object.assign(main, { state: "retrying", at: event.at + delayMs });
    }
  }

  function grow(step: Step, event: Told): void {
    const keys = event["keys"] as readonly string[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- a page has keys
    const isNext = step.main.state === "in-flight" && event["issue"] === step.main.issue;
    if (!isNext || step.total !== undefined || event["from"] !== step.subJobs.length) {
      step.stale += 1;
      return;
    }
    if (keys.length > 0) step.pages.set(step.subJobs.length, event.offset);
    for (let n = 0; n < keys.length; n += 1) step.subJobs.push(newSubJob());
    step.duplicateKeys += Number(event["duplicates"]);
    step.main.at = event.at;
    if (keys.length > 0 || event["cursor"] !== undefined) step.main.crashes = 0;
  }

  function seal(step: Step, event: Told): void {
    const isNext = step.main.state === "in-flight" && event["issue"] === step.main.issue;
    if (!isNext || step.total !== undefined || event["total"] !== step.subJobs.length) {
      step.stale += 1;
      return;
    }
    step.main.state = "ok";
    step.total = step.subJobs.length;
    step.duplicateKeys += Number(event["duplicates"]);
  }

  function settle(step: Step, plan: FanOutPlan, event: Told): void {
    const results = event.body === undefined ? [] : (JSON.parse(event.body) as readonly unknown[]); // oxlint-disable-line typescript/no-unsafe-type-assertion -- a body is an array
    let place = 0;
    for (const index of indicesOf(event["ok"], 3)) {
      succeed(step, index, results[place]);
      place += 1;
    }
    for (const bad of (event["bad"] ?? []) as readonly Bad[]) fail(step, plan, bad); // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
  }

  function lose(run: Run, step: Step, event: Told): void {
    const crashed = event["killed"] === true ? "kill" : "crash";
    const why = event["clean"] === true ? "queue" : crashed;
    if (event["subJobs"] === undefined) {
      const { main } = step;
      if (main.state === "in-flight" && main.issue === event["issue"] && isCurrent(run, step))
        loseMain(run, step, why, event.at);
      return;
    }
    for (const [index, issue] of issuesOf(event["subJobs"])) {
      const one = step.subJobs[index];
      if (one?.state === "flying" && one.issue === issue) loseOne(one, why);
    }
    join(run, step, event.at);
  }

  function loseQueue(event: Told): void {
    const why = event["clean"] === true ? "queue" : "crash";
    for (const run of runs.values()) {
      if (isEnded(run)) continue;
      for (const step of run.steps) {
        if (step.main.state === "in-flight" && step.state === "running" && !isFresh(run, step))
          loseMain(run, step, why, event.at);
        for (const one of step.subJobs) if (one.state === "flying") loseOne(one, why);
        join(run, step, event.at);
      }
    }
  }

  function takeOfStep(run: Run, step: Step, event: Told): void {
    const { plan } = step;
    if (event.type === "step.settled") return settleMain(run, step, event);
    if (event.type === "task.lost") return lose(run, step, event);
    if (plan.kind !== "fan-out") return;
    if (event.type === "fan-out.grown") grow(step, event);
    else if (event.type === "fan-out.sealed") seal(step, event);
    else if (event.type === "sub-jobs.settled") settle(step, plan, event);
    else return;
    join(run, step, event.at);
  }

  return {
    runs,
    paused,
    folds: () => folds,
    take(event) {
      wake(event.at);
      if (event.type === "run.started") return start(event);
      if (event.type === "queue.lost") return loseQueue(event);
      if (event.type === "pauses.told") return adopt(event);
      if (event.type.startsWith("pause-all") || event.type.startsWith("resume-all"))
        return pauseAll(event);
      const run = runs.get(event.run);
      if (run === undefined) return;
      if (event.type.endsWith(".asked")) return ask(run, event);
      const step = run.steps.find(({ plan }) => plan.name === event.step);
      if (step !== undefined) takeOfStep(run, step, event);
    },
    followed: lives.followed,
  };
}
