/** A status as it looks in the demo's time: everything that lasts, lasts `speed` times as long. Pure. */
import type { Status, StepStatus } from "../../views/status.ts";

export function virtual(status: Status, speed: number): Status {
  const from = status.startedAt;
  const at = (instant: number): number => from + (instant - from) * speed;
  const maybe = (instant: number | undefined): number | undefined =>
    instant === undefined ? undefined : at(instant);
  return {
    ...status,
    at: at(status.at),
    endedAt: maybe(status.endedAt),
    deadlineAt: maybe(status.deadlineAt),
    steps: status.steps.map((step) => ({
      ...slowed(step, speed),
      startedAt: maybe(step.startedAt),
      endedAt: maybe(step.endedAt),
    })),
  };
}

function slowed(step: StepStatus, speed: number): StepStatus {
  const { durations, perSecond } = step;
  return {
    ...step,
    seconds: step.seconds * speed,
    perSecond: perSecond === undefined ? undefined : perSecond / speed,
    durations: durations && {
      p50: durations.p50 * speed,
      p90: durations.p90 * speed,
      p99: durations.p99 * speed,
      max: durations.max * speed,
    },
  };
}
