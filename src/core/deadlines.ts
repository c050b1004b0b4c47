/**
 * Deadlines as policy: a run or a step is *late* when its deadline has passed, and *at risk* when its forecast ends after it. Each is
 * said once per deadline, by an event; then `atDeadline` says what follows. Nothing is ever ended in silence.
 *
 * A deadline is due at the time of the events, so one that passes while nobody manages is acted on by whoever comes next. Risk is looked at
 * each time a twentieth of the time that is left has gone by, but not more than once a second.
 */
import { cancelRun, closeStep } from "./closing.ts";
import type { Recorded } from "./event.ts";
import { concurrencyOf } from "./fan-out.ts";
import { forecastAt } from "./forecast.ts";
import { guarded } from "./halt.ts";
import * as heaps from "./heap.ts";
import * as ledgers from "./ledger.ts";
import type { AtDeadline } from "./plan.ts";
import { isEnded, stepAt, type Run, type Step } from "./run.ts";
import { isPaused, poolOf, watchRun, type Decided, type Partition } from "./state.ts";

/** A deadline that has not passed as far as anybody has said. */
type Open = {
  readonly of: "run" | "step";
  readonly holder: Run | Step;
  readonly at: number;
  readonly atDeadline: AtDeadline;
};

/** Looks at the runs whose deadlines, or whose risk, are to be looked at by now, at most so many; returns how many. */
export function wakeDeadlines(
  state: Partition,
  event: Recorded,
  decided: Decided,
  atMost: number,
): number {
  const { deadlines } = state;
  let woken = 0;
  for (
    let due = heaps.peek(deadlines);
    due !== undefined && due.at <= event.at && woken < atMost;
    due = heaps.peek(deadlines)
  ) {
    heaps.pop(deadlines);
    const run = state.runs.get(due.value);
    if (run === undefined || run.watchAt !== due.at) continue;
    run.watchAt = undefined;
    woken += 1;
    if (!isEnded(run) && !run.halted)
      guarded(state, run.id, event, decided, () => watch(state, run, event, decided));
  }
  return woken;
}

/** Says what is late and what is at risk by now, does what the plan wants done about it, and asks to be woken for the next. */
function watch(state: Partition, run: Run, event: Recorded, decided: Decided): void {
  for (let [due] = openOf(run); due !== undefined && due.at <= event.at; [due] = openOf(run))
    beLate(state, run, due, event, decided);
  const open = openOf(run).filter(({ holder }) => holder.riskAt === undefined);
  const endsAt = open.length === 0 ? undefined : forecastOf(state, run, event.at);
  for (const { of, holder, at } of open) {
    if (endsAt === undefined || endsAt <= at) continue;
    holder.riskAt = event.at;
    state.changed.runs.add(run);
    state.changed.steps.set(stepAt(run, run.at).step, run);
    decided.events.push({
      type: "run.at-risk",
      run: run.id,
      step: stepAt(run, run.at).step.name,
      of,
      deadlineAt: at,
      forecastAt: endsAt,
      riskAt: event.at,
    });
  }
  watchRun(state, run, event.at);
}

/** The deadline by which a cancelled run would be cancelled again at once, if it went on; undefined where there is none. */
export function cancelledAgainAt(run: Run, at: number): number | undefined {
  return openIn(run).find((due) => due.atDeadline === "cancel" && due.at <= at)?.at;
}

function openOf(run: Run): readonly Open[] {
  return isEnded(run) || run.halted || run.at >= run.steps.length ? [] : openIn(run);
}

/** Those of the run and of the step it is at; the earlier one first. */
function openIn(run: Run): readonly Open[] {
  const { step, plan } = stepAt(run, run.at);
  const open: Open[] = [];
  if (run.deadlineAt !== undefined && run.lateAt === undefined) {
    const { atDeadline = "go on" } = run.plan;
    open.push({ of: "run", holder: run, at: run.deadlineAt, atDeadline });
  }
  if (plan.deadlineMs !== undefined && step.startedAt !== undefined && step.lateAt === undefined) {
    const { atDeadline = "go on" } = plan;
    open.push({ of: "step", holder: step, at: step.startedAt + plan.deadlineMs, atDeadline });
  }
  return open.toSorted((a, b) => a.at - b.at);
}

function beLate(
  state: Partition,
  run: Run,
  { of, holder, at, atDeadline }: Open,
  event: Recorded,
  decided: Decided,
): void {
  const { step } = stepAt(run, run.at);
  holder.lateAt = at;
  state.changed.runs.add(run);
  state.changed.steps.set(step, run);
  const { name } = step;
  decided.events.push({
    type: "run.late",
    run: run.id,
    step: name,
    of,
    deadlineAt: at,
    atDeadline,
  });
  if (atDeadline === "close") closeStep(state, run, event, decided); // Of a plain step there is nothing to fold: it goes on.
  if (atDeadline === "cancel") {
    const whose = of === "run" ? "the run" : `step "${name}"`;
    cancelRun(state, run, `the deadline of ${whose} has passed`, event, decided);
  }
}

/** When the step it is at will be through; undefined where it waits for a person, or nothing can be said. */
function forecastOf(state: Partition, run: Run, at: number): number | undefined {
  const { step, plan } = stepAt(run, run.at);
  if (step.kind !== "fan-out" || plan.kind !== "fan-out" || step.state !== "running")
    return undefined;
  if (isPaused(state, run, run.at)) return undefined;
  const { ledger, recent, serviceMs } = step;
  const open = ledgers.open(ledger);
  const { slots } = poolOf(state, plan.job.queue);
  const pace = {
    open,
    settled: ledger.size - open,
    recent,
    serviceMs,
    isEstimated: plan.job.estimateMs !== undefined,
    slots: Math.min(slots, concurrencyOf(step, plan)),
  };
  return forecastAt(pace, at);
}
