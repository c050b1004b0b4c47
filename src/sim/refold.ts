/**
 * The rules of Fanfold, a second time, written as plainly as they can be: what follows from the events of a run.
 *
 * It imports nothing that decides. It keeps an object per sub-job and walks over all of them where core keeps counters, so the two
 * agree only if both are right. What it cannot know from the log alone, that is when the window let a sub-job into the queue, it
 * reads from the tasks of the commits (checkers.ts); what it cannot know at all, it asks to be told (`resync`).
 */
import type { FanOutPlan, FlowPlan } from "../core/plan.ts";
import { commands } from "./commands.ts";
import { life, type Life } from "./life.ts";
import {
  indicesOf,
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
  /** Of which nothing is kept any more, and those of which something still is: removed in portions, as the log does not say. */
  readonly removed: ReadonlySet<string>;
  readonly leaving: ReadonlySet<string>;
  /** Takes in the next event. `takesLast` says of an expired run whether the store removed the last of it then. */
  readonly take: (event: Told, takesLast: boolean) => void;
  readonly followed: Life["followed"];
  readonly folds: () => number;
};

function deadlineOf(plan: FlowPlan, event: Told, beginAt: number): number | undefined {
  const own = event["deadlineAt"];
  if (typeof own === "number") return own;
  return plan.deadlineMs === undefined ? undefined : beginAt + plan.deadlineMs;
}

/** What managers say: to a manager it is no news, not even of the time. */
export const outputTypes: ReadonlySet<string> = new Set([
  "schedule.ticked",
  "run.removed",
  "run.delayed",
  "run.began",
  "step.began",
  "step.ended",
  "fan-out.joined",
  "run.held",
  "run.resumed",
  "run.adjusted",
  "run.late",
  "run.at-risk",
  "run.ended",
]);

export function refold(plans: ReadonlyMap<string, FlowPlan>): Refold {
  const runs = new Map<string, Run>();
  const paused = new Set<string>();
  const lives = life(paused);
  const { beginRun, failMain, goOn, isCurrent, isFresh, issue, join } = lives;
  const { loseMain, loseOne, say } = lives;
  const pauses = pausing(runs, paused, lives);
  const { pauseAll, adopt } = pauses;
  const { ask, close, cancel } = commands(lives, pauses);
  const removed = new Set<string>();
  const leaving = new Set<string>();
  let folds = 0;

  // ---- outcomes

  function succeed(step: Step, index: number, issue: number, result: unknown): void {
    const one = step.subJobs[index];
    if (one === undefined) return;
    if (issue < (one.edited?.issue ?? 0)) step.stale += 1;
    else if (isOpen(one)) {
      Object.assign(one, { state: "ok", result });
      folds += 1;
    } else if (one.state === "ok") step.duplicate += 1;
    else step.late += 1;
  }

  function fail(step: Step, plan: FanOutPlan, bad: Bad): void {
    const one = step.subJobs[bad.index];
    if (one === undefined) return;
    if (!isOpen(one)) step.late += 1;
    else if (one.issue !== bad.issue) step.stale += 1;
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

  // ---- time

  /** What was to be tried again by now is; what was out for too long is taken for lost. */
  function wake(at: number): void {
    for (const run of runs.values()) {
      late(run, at);
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

  function noteEnds(at: number): void {
    for (const run of runs.values()) run.endedAt = isEnded(run) ? (run.endedAt ?? at) : undefined;
  }

  /** Deadlines that have passed, the earliest first, and what is to follow. */
  function late(run: Run, at: number): void {
    for (;;) {
      const step = run.steps[run.at];
      if (isEnded(run) || run.state === "waiting" || step === undefined) return;
      const stepAt = step.startedAt + (step.plan.deadlineMs ?? Infinity);
      const runDue = run.isLate ? Infinity : (run.deadlineAt ?? Infinity);
      const stepDue = step.isLate ? Infinity : stepAt;
      if (Math.min(runDue, stepDue) > at) return;
      const of = runDue <= stepDue ? "run" : "step";
      (of === "run" ? run : step).isLate = true;
      const { atDeadline = "go on" } = of === "run" ? run.plan : step.plan;
      const deadlineAt = Math.min(runDue, stepDue);
      say({ type: "run.late", run: run.id, step: step.plan.name, of, deadlineAt, atDeadline });
      if (atDeadline === "close") close(run, step, at);
      if (atDeadline === "cancel") cancel(run);
    }
  }

  // ---- events

  function start(event: Told): void {
    const plan = plans.get(String(event["flow"]));
    if (plan === undefined || runs.has(event.run) || leaving.has(event.run)) return;
    removed.delete(event.run);
    const beginAt = Math.max(event.at, Number(event["beginAt"] ?? 0));
    const run: Run = {
      id: event.run,
      customer: String(event["customer"]),
      plan,
      beginAt,
      input: event["input"],
      trace: event["trace"],
      steps: plan.steps.map(newStep),
      state: "waiting",
      endedAt: undefined,
      at: 0,
      deadlineAt: deadlineOf(plan, event, beginAt),
      isLate: false,
      isAtRisk: false,
      answers: new Map(),
    };
    runs.set(run.id, run);
    if (beginAt <= event.at) return beginRun(run, event.at);
    say({ type: "run.delayed", run: run.id, flow: plan.name, beginAt });
  }

  /** What has ended, and was to be kept no longer than this after it, goes: at once, or in portions. */
  function expire(event: Told, takesLast: boolean): void {
    const run = runs.get(event.run);
    const isOver =
      run?.endedAt !== undefined &&
      run.plan.name === event["flow"] &&
      run.endedAt + Number(event["retentionMs"]) <= event.at;
    if (!isOver && !leaving.has(event.run)) return;
    runs.delete(event.run);
    if (!takesLast) return void leaving.add(event.run);
    leaving.delete(event.run);
    removed.add(event.run);
    say({ type: "run.removed", run: event.run, flow: event["flow"], by: event.offset });
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
      main.trace = event["trace"];
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
    const limitKeys = event["limitKeys"] as readonly number[] | undefined; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    for (let n = 0; n < keys.length; n += 1) step.subJobs.push(newSubJob(limitKeys?.[n] ?? 0));
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
    const size = step.subJobs.length;
    const bads = (event["bad"] ?? []) as readonly Bad[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    const all = [...indicesOf(event["ok"], 3), ...bads.map(({ index }) => index)];
    if (all.some((index) => index >= size)) {
      step.stale += 1; // Of one of the same id that was removed.
      return;
    }
    let place = 0;
    for (const [index, issue] of issuesOf(event["ok"])) {
      succeed(step, index, issue, results[place]);
      place += 1;
    }
    for (const bad of bads) fail(step, plan, bad);
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
    const triples = event["subJobs"] as readonly number[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- as core/event.ts has it
    for (let t = 0; t + 2 < triples.length; t += 3)
      if ((triples[t] ?? 0) + (triples[t + 1] ?? 0) > step.subJobs.length) step.stale += 1;
    for (const [index, issue] of issuesOf(triples)) {
      const one = step.subJobs[index];
      if (one !== undefined && isOpen(one) && one.issue === issue) loseOne(one, why);
    }
    join(run, step, event.at);
  }

  function loseQueue(event: Told): void {
    const why = event["clean"] === true ? "queue" : "crash";
    for (const run of runs.values()) {
      if (isEnded(run)) continue;
      for (const step of run.steps) {
        const isOut = step.main.state === "in-flight" && step.state === "running";
        const isSent = step.plan.kind === "fan-out" && step.plan.isSent === true;
        if (isOut && !isSent && !isFresh(run, step)) loseMain(run, step, why, event.at);
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

  function take(event: Told, takesLast: boolean): void {
    wake(event.at);
    noteEnds(event.at);
    if (event.type === "run.expired") return expire(event, takesLast);
    if (event.type === "run.started") return start(event);
    if (event.type === "queue.lost") return loseQueue(event);
    if (event.type === "pauses.told") return adopt(event);
    if (event.type.startsWith("pause-all") || event.type.startsWith("resume-all"))
      return pauseAll(event);
    const run = runs.get(event.run);
    if (run === undefined) return;
    if (event.type.endsWith(".asked")) return ask(run, event);
    const step = run.steps.find(({ plan }) => plan.name === event.step);
    // Who reports to one that has not begun means another of the same id, which was removed.
    const hasBegun = run.steps.some(({ began }) => began);
    if (step !== undefined && hasBegun) takeOfStep(run, step, event);
  }

  return {
    runs,
    paused,
    removed,
    leaving,
    folds: () => folds,
    take(event, takesLast) {
      if (outputTypes.has(event.type)) return; // Whoever decided it knew it then.
      take(event, takesLast);
      noteEnds(event.at);
    },
    followed: lives.followed,
  };
}
