/**
 * What the manager of a partition decides: given what it knows and the next events, what follows.
 *
 * Pure in what matters: no I/O, no clock, no chance; time is the time of the events. The state is updated in place, because nobody
 * else sees it; if the commit of what was decided fails, all of it is thrown away and read again from the store.
 */
import {
  beginRun,
  changeFanOut,
  endRun,
  endStep,
  failMain,
  loseMain,
  said,
  taskOf,
  type InFanOut,
} from "./advance.ts";
import { chance } from "./chance.ts";
import { obey } from "./commands.ts";
import { isOutput, type InputEvent, type Recorded } from "./event.ts";
import { followEnds, hasRoom } from "./delay.ts";
import * as fanOuts from "./fan-out.ts";
import * as fifos from "./fifo.ts";
import { foldsProblem } from "./fold.ts";
import { guarded, halt } from "./halt.ts";
import { settleWith } from "./outcomes.ts";
import { adoptPauses, obeyForAll } from "./pausing.ts";
import { report } from "./progress.ts";
import { bucketOf, mergeSparse } from "./histogram.ts";
import { expire, startLater } from "./removal.ts";
import { isSound } from "./sound.ts";
import { endOfScheduled, meetSchedules, obeySchedule, wakeSchedules } from "./scheduling.ts";
import * as slices from "./slices.ts";
import { wake } from "./waking.ts";
import { takeKeyed } from "./keyed.ts";
import { limits } from "./limits.ts";
import { backoffMs } from "./retry.ts";
import { isEnded, isSent, noneYet, positionOf, stepAt, type Run } from "./run.ts";
import { retrySingle } from "./single.ts";
import {
  arm,
  countSlots,
  holdJob,
  holdKeyOf,
  offerThrottled,
  wakeRun,
  type Decided,
  type Partition,
} from "./state.ts";
import { traceIn } from "./trace.ts";
import { fill, isLast, type Lane, type Pool } from "./window.ts";

/** Decides on events in their order. Runs that the events name must be in the state, if they exist at all. */
export function decide(state: Partition, events: readonly Recorded[]): Decided {
  const decided: Decided = { events: [], tasks: [] };
  let last: Recorded | undefined;
  let wakes = 0;
  let followed = 0;
  for (const event of events) {
    if (isOutput(event)) continue;
    last = event;
    meetSchedules(state, event, decided);
    wakes += wakeSchedules(state, event, decided, limits.wakesPerTick - wakes);
    wakes += wake(state, event, decided, limits.wakesPerTick - wakes);
    if (!isSound(event) || isPassedOver(state, event)) countStale(state, event);
    else if ("run" in event)
      guarded(state, event.run, event, decided, () => decideOne(state, event, decided));
    else decideOne(state, event, decided);
    followed = followEnds(state, event, decided, followed);
  }
  // More is due than one commit should take: this manager goes on with it at once.
  if (wakes === limits.wakesPerTick) decided.events.push({ type: "ticked" });
  if (last !== undefined) offerThrottled(state, last.at);
  if (last !== undefined)
    for (const [queue, pool] of state.pools) refill(state, queue, pool, last, decided);
  return decided;
}

function decideOne(state: Partition, event: Recorded<InputEvent>, decided: Decided): void {
  switch (event.type) {
    case "run.started":
      return start(state, event, decided);
    case "step.settled":
      return settleMain(state, event, decided);
    case "fan-out.grown":
      return inFanOut(state, event, decided, (run, step) => {
        if (!fanOuts.growBy(step, event)) step.stale += 1;
        else state.changed.keys.push({ run, step, from: event.from, keys: event.keys });
      });
    case "fan-out.sealed":
      return inFanOut(state, event, decided, (_, step) => {
        if (!fanOuts.sealWith(step, event)) step.stale += 1;
      });
    case "sub-jobs.settled":
      return settle(state, event, decided);
    case "task.lost":
      return lose(state, event, decided);
    case "worker.seen":
      state.workers.set(event.worker, {
        slots: event.slots,
        queues: event.queues,
        until: event.until,
      });
      return countSlots(state, event.at);
    case "worker.gone":
      state.workers.delete(event.worker);
      return countSlots(state, event.at);
    case "queue.lost":
      return loseQueue(state, event, decided);
    case "redrive.asked":
    case "skip.asked":
    case "release.asked":
    case "close.asked":
    case "cancel.asked":
    case "reopen.asked":
    case "adjust.asked":
    case "pause.asked":
    case "resume.asked": {
      const run = state.runs.get(event.run);
      if (run !== undefined) obey(state, run, event, decided);
      return;
    }
    case "run.expired":
      return expire(state, event, decided);
    case "pause-all.asked":
    case "resume-all.asked":
      return obeyForAll(state, event, decided);
    case "pauses.told":
      return adoptPauses(state, event, decided);
    case "sub-jobs.progressed": {
      const found = find(state, event.run, event.step);
      if (found === undefined || found.step.state !== "running") return;
      report(found.step.progress, event);
      state.changed.steps.set(found.step, found.run);
      return;
    }
    case "schedule.asked":
      return obeySchedule(state, event, decided);
    case "ticked":
      return;
  }
}

/** A run that stands still takes in nothing but what people decide. */
function isPassedOver(state: Partition, event: Recorded): boolean {
  if (!("run" in event) || event.type.endsWith(".asked") || event.type === "run.expired")
    return false;
  return state.runs.get(event.run)?.halted === true;
}

/** Passes over an event that makes no sense, and counts it where it says where it belongs. */
function countStale(state: Partition, event: Recorded): void {
  if (!("run" in event && "step" in event && event.step !== undefined)) return;
  const found = find(state, event.run, event.step);
  if (found === undefined) return;
  found.step.stale += 1;
  state.changed.steps.set(found.step, found.run);
}

function start(
  state: Partition,
  event: Recorded & { type: "run.started" },
  decided: Decided,
): void {
  if (state.leaving.has(event.run)) return startLater(event, decided);
  const existing = state.runs.get(event.run);
  if (existing !== undefined && isEnded(existing)) endOfScheduled(state, event.run, decided);
  if (existing !== undefined) return; // The id is the idempotency key; whoever asked compares the inputs.
  const plan = state.plans.get(event.flow);
  const beginAt = Math.max(event.at, event.beginAt ?? event.at);
  const run: Run = {
    id: event.run,
    flow: event.flow,
    plan: plan ?? { name: event.flow, version: 0, priority: "normal", steps: [] },
    input: event.input,
    request: event.request,
    customer: event.customer,
    priority: event.priority ?? plan?.priority ?? "normal",
    deadlineAt:
      event.deadlineAt ?? (plan?.deadlineMs === undefined ? undefined : beginAt + plan.deadlineMs),
    tags: event.tags,
    trace: traceIn(event.trace),
    startedAt: beginAt,
    state: "waiting",
    endedAt: undefined,
    at: 0,
    results: {},
    because: undefined,
    error: undefined,
    lateAt: undefined,
    riskAt: undefined,
    halted: false,
    answers: [],
    steps: [],
    lanes: noneYet(plan),
    armedAt: noneYet(plan),
    watchAt: undefined,
  };
  state.runs.set(run.id, run);
  state.changed.runs.add(run);
  if (plan === undefined) {
    const known = [...state.plans.keys()].map((name) => `"${name}"`).join(", ");
    const because = `unknown flow "${run.flow}": this app knows ${known || "none"}`;
    decided.events.push({ type: "run.began", ...said(run) });
    return endRun(state, run, "failed", because, event, decided);
  }
  if (beginAt <= event.at && hasRoom(state, run)) return beginRun(state, run, event, decided);
  decided.events.push({ type: "run.delayed", ...said(run), beginAt });
  if (beginAt <= event.at) fifos.push(state.sent.line, run.id);
  else wakeRun(state, run, 0, beginAt);
}

function settleMain(
  state: Partition,
  event: Recorded & { type: "step.settled" },
  decided: Decided,
): void {
  const found = find(state, event.run, event.step);
  if (found === undefined) return;
  const { run, step, plan, position } = found;
  state.changed.steps.set(step, run);
  if (step.state !== "running" || run.at !== position) {
    step.late += 1;
    return;
  }
  if (step.kind === "step" && event.ms >= 0 && event.ms < Infinity) {
    step.took = mergeSparse(step.took, [bucketOf(event.ms * 1_000), 1]);
    step.tookUs += event.ms * 1_000;
  }
  if (event.outcome === "ok") {
    // A split ends with its seal. And what a step was given may be another thing since a redrive.
    if (step.kind === "fan-out" || event.generation !== step.generation) {
      step.stale += 1;
      return;
    }
    step.main.state = "ok"; // Of any issue: the work is done, whoever did it.
    run.results[step.name] = event.result;
    return endStep(state, run, step, event, decided);
  }
  if (step.main.state !== "in-flight" || event.issue !== step.main.issue) {
    step.stale += 1;
    return;
  }
  step.main.error = event.error;
  step.main.trace = traceIn(event.trace);
  if (event.outcome !== "retry-later") step.main.attempts += 1;
  const giveUp = event.fatal === true || step.main.attempts >= plan.retry.attempts;
  if (event.outcome !== "retry-later" && giveUp)
    return failMain(state, run, step, plan, event, decided);
  const random = chance(run.id, step.name, step.main.issue, event.offset);
  const delayMs =
    event.outcome === "retry-later"
      ? (event.delayMs ?? 0)
      : backoffMs(step.main.attempts, plan.retry, random);
  retrySingle(step.main, event.at + delayMs);
  arm(state, run, position);
}

function settle(
  state: Partition,
  event: Recorded & { type: "sub-jobs.settled" },
  decided: Decided,
): void {
  const found = find(state, event.run, event.step);
  if (found?.step.kind !== "fan-out" || found.plan.kind !== "fan-out") return;
  const { run, step, plan, position } = found;
  const problem = foldsProblem(plan.folds, step.folds);
  if (problem !== undefined) {
    countStale(state, event);
    return halt(state, run, problem, event, decided);
  }
  changeFanOut(state, run, position, event, decided, () => {
    if (!settleWith(step, plan, run.id, event)) step.stale += 1;
    for (const { of, index, delayMs = 0 } of event.bad ?? [])
      if (of === "job") holdJob(state, plan.job, event.at + delayMs);
      else if (of === "key") holdKeyOf(state, step, plan.job, index, event.at + delayMs);
  });
}

function inFanOut(
  state: Partition,
  event: Recorded & { run: string; step: string },
  decided: Decided,
  change: InFanOut,
): void {
  const found = find(state, event.run, event.step);
  if (found === undefined || found.step.kind !== "fan-out" || found.plan.kind !== "fan-out") return;
  changeFanOut(state, found.run, found.position, event, decided, change);
}

function refill(
  state: Partition,
  queue: string,
  pool: Pool,
  event: Recorded,
  decided: Decided,
): void {
  fill(pool, event.at, (lane, max) => {
    let taken = 0;
    guarded(state, lane.run, event, decided, () => {
      const run = state.runs.get(lane.run);
      const slice = takeFrom(lane, max, event.at);
      if (run === undefined || slice === undefined) return;
      const { plan } = stepAt(run, lane.position);
      const job = plan.kind === "fan-out" ? plan.job.name : "";
      decided.tasks.push({
        kind: "slice",
        ...taskOf(state, run, lane.step, run.priority),
        queue,
        job,
        ...slice,
        ...(isLast(pool, lane) ? { last: true } : {}),
      });
      state.changed.steps.set(lane.step, run);
      arm(state, run, lane.position);
      taken = slice.count;
    });
    return taken;
  });
}

function takeFrom(lane: Lane, max: number, at: number): slices.Slice | undefined {
  const { step } = lane;
  return step.keyed === undefined
    ? slices.takeSlice(step, max, at)
    : takeKeyed(lane, step.keyed, max, at);
}

function lose(state: Partition, event: Recorded & { type: "task.lost" }, decided: Decided): void {
  if (event.subJobs !== undefined) {
    const triples = event.subJobs;
    const why = event.clean === true ? "queue" : event.killed === true ? "kill" : "crash";
    return inFanOut(state, event, decided, (_, step) => fanOuts.lose(step, triples, why, event));
  }
  const found = find(state, event.run, event.step);
  if (found === undefined) return;
  const { main } = found.step;
  const isOut = found.step.state === "running" && main.state === "in-flight";
  if (isOut && main.issue === event.issue)
    loseMain(
      state,
      found.run,
      found.position,
      event.clean === true ? 0 : 1,
      event,
      decided,
      event.killed === true ? limits.stepKills : limits.stepCrashes,
    );
}

function loseQueue(
  state: Partition,
  event: Recorded & { type: "queue.lost" },
  decided: Decided,
): void {
  state.workers.clear();
  countSlots(state, event.at);
  const crashes = event.clean ? 0 : 1;
  // What this very commit puts into the queue goes there after the loss.
  const fresh = new Set(decided.tasks.map(({ run, step }) => `${run}/${step}`));
  for (const run of state.runs.values()) {
    if (isEnded(run) || run.halted) continue;
    guarded(state, run.id, event, decided, () => {
      // The page and the seal of a sent job are in the log already, where no queue can lose them.
      const out = run.steps.filter(
        ({ main, state, name }) =>
          main.state === "in-flight" &&
          state === "running" &&
          !fresh.has(`${run.id}/${name}`) &&
          !isSent(run),
      );
      for (const [position, step] of run.steps.entries()) {
        if (out.includes(step)) loseMain(state, run, position, crashes, event, decided);
        changeFanOut(state, run, position, event, decided, (_, fanOut) =>
          fanOuts.loseAll(fanOut, event.clean ? "queue" : "crash", event),
        );
      }
    });
  }
}

function find(state: Partition, runId: string, stepName: string) {
  const run = state.runs.get(runId);
  if (run === undefined) return undefined;
  const position = positionOf(run, stepName);
  if (position === -1 || run.steps.length === 0) return undefined; // It has not begun.
  return { run, position, ...stepAt(run, position) };
}
