/** What happened to a run, a line for each event, in the words of the log. */
import type { AttemptRecord, SubJobRecord } from "../views/status.ts";
import type { HistoryEvent } from "../roles/history.ts";
import { duration, instant, iso } from "./format.ts";
import { faint, table } from "./style.ts";
import type { Cell, Line } from "./style.ts";

/** An event of a run, or an attempt at one of its sub-jobs. */
export type Happened = HistoryEvent | (AttemptRecord & { readonly type: "sub-job.tried" });

const columns = [
  { title: "at" },
  { title: "event" },
  { title: "step" },
  { title: "about" },
] as const;

export function eventLines(events: readonly Happened[], now: number): readonly Line[] {
  return table(
    columns,
    events.map((event): readonly Cell[] => [
      instant(event.at, now),
      event.type,
      "step" in event ? (event.step ?? "") : "",
      [...aboutOf(event), faint(byOf(event))],
    ]),
  );
}

/** Those of a sub-job with the attempts at it, in the order of time. */
export function withAttempts(
  events: readonly HistoryEvent[],
  { attempts }: SubJobRecord,
): readonly Happened[] {
  const tried = attempts.map((attempt) => ({ type: "sub-job.tried" as const, ...attempt }));
  return [...events, ...tried].toSorted((a, b) => a.at - b.at);
}

/** As JSON has it. */
export function eventFields(event: Happened): Readonly<Record<string, unknown>> {
  const { counted: _, ...fields }: Readonly<Record<string, unknown>> = { ...event };
  return { ...fields, at: iso(event.at) };
}

function aboutOf(event: Happened): string[] {
  switch (event.type) {
    case "run.started":
    case "run.delayed":
    case "run.began":
      return [event.flow];
    case "run.held":
      return [event.because];
    case "run.ended":
      return [[event.state, event.because].filter(Boolean).join(": ")];
    case "step.ended":
      return [event.outcome];
    case "fan-out.joined":
      return [`${event.ok} ok of ${event.total}, ${event.failed} failed`];
    case "sub-job.tried": {
      const { attempt, outcome, ms, error } = event;
      const took = ms === undefined ? "" : `   ${duration(ms)}`;
      return [
        `attempt ${attempt}: ${outcome}${error === undefined ? "" : `: ${error.message}`}${took}`,
      ];
    }
    default:
      return [];
  }
}

function byOf(event: Happened): string {
  if (!("request" in event) || event.type === "run.started") return "";
  const { author, reason } = event;
  return [author === undefined ? "" : `by ${author}`, reason ?? ""].filter(Boolean).join(": ");
}
