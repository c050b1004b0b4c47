/**
 * Every event of ours, and how it stands on the log.
 *
 * A record is text: a JSON header and, after one newline, a body that most readers never parse: the items of a page, the
 * results of a batch. JSON never contains a raw newline, so the first one ends the header.
 *
 *   {"type":"fan-out.grown","run":"r","step":"invoices",…,"keys":",c1,c2"}\n[{"customer":"c1"},{"customer":"c2"}]
 *
 * Input events come from outside the manager (clients, workers, the ticker). Output events are written only by a manager,
 * inside a commit; the manager that reads them again ignores them.
 */
import { CorruptError } from "../errors.ts";
import type { Counted } from "./counted.ts";
import type { Edited } from "./edits.ts";
import { packedKeys, unpackedKeys } from "./packed-keys.ts";
import type { Pause, PauseEverywhere } from "./pauses.ts";
import type { AtDeadline, Tolerance } from "./plan.ts";
import type { Rate } from "./throttle.ts";
import type { Trace } from "./trace.ts";

/** What can be stored: plain JSON. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Whose turn it is first, among runs. */
export type Priority = "low" | "normal" | "high" | "urgent";
/** How a sub-job or a step came out, once. */
export type Outcome = "ok" | "failed" | "timed-out" | "cancelled" | "skipped" | "poison";
/** Where a run stands. Held: a person must decide. */
export type RunState = "waiting" | "running" | "held" | "done" | "failed" | "cancelled";

/** What is kept of something thrown: message cut to limits.errorLength, `at` the first frame in user code. */
export type Failure = {
  readonly name: string;
  readonly message: string;
  readonly at?: string;
  readonly code?: string;
};

type OfRun = { readonly run: string };
type OfStep = OfRun & { readonly step: string; readonly generation: number };
type OfDeadline = OfRun & {
  readonly step: string;
  readonly of: "run" | "step";
  readonly deadlineAt: number;
};
type By = {
  /** Chosen by the asker; the same request twice is done once. */
  readonly request: string;
  readonly author?: string;
  readonly reason?: string;
};
type Asked = OfRun & By;
type AskedOfAll = By & { readonly of: PauseEverywhere; readonly name: string };

/** Which sub-jobs a command is about; all of the failed ones if nothing is said. `indices` are [from, count, from, count, …]. */
export type Selection = {
  readonly step?: string;
  readonly signature?: string;
  readonly indices?: readonly number[];
};

/** What is to be otherwise from now on; null takes a limit away. Concurrency, rate and tolerance are of a fan-out, the rest of the run. */
export type Adjustment = {
  readonly concurrency?: number | null;
  /** How many of the step may be put per time, beside what its job may. */
  readonly rate?: Rate | null;
  readonly tolerate?: Tolerance;
  readonly priority?: Priority;
  readonly deadlineAt?: number | null;
};

/** A sub-job that did not simply succeed. `previous` is the offset of its outcome before this one. */
export type Unsettled = {
  readonly index: number;
  readonly key: string;
  readonly issue: number;
  readonly attempt: number;
  readonly outcome: "failed" | "timed-out" | "skipped" | "retry-later";
  readonly fatal?: boolean;
  readonly error?: Failure;
  readonly delayMs?: number;
  /** Of retry-later: nothing of the job, or of what has the same key, is to be put until then. */
  readonly of?: "job" | "key";
  readonly ms?: number;
  readonly previous?: number;
  /** The span of the attempt, where there was one. */
  readonly trace?: Trace;
};

export type InputEvent =
  | (OfRun & {
      readonly type: "run.started";
      readonly flow: string;
      readonly input: Json;
      /** Names this very call, so that its caller learns whether it created the run. */
      readonly request: string;
      readonly customer?: string;
      readonly priority?: Priority;
      readonly deadlineAt?: number;
      /** Not before this; at once if left out. */
      readonly beginAt?: number;
      readonly tags?: Readonly<Record<string, string>>;
      /** Where it was started: what comes of it belongs to that trace. */
      readonly trace?: Trace;
    })
  /** The outcome of a plain step's attempt, or of a split's. */
  | (OfStep & {
      readonly type: "step.settled";
      readonly issue: number;
      readonly outcome: "ok" | "failed" | "timed-out" | "retry-later";
      readonly fatal?: boolean;
      readonly result?: Json;
      readonly error?: Failure;
      readonly delayMs?: number;
      readonly ms: number;
      /** The span of the attempt, where there was one. */
      readonly trace?: Trace;
    })
  /** A page of a split; body: the items as a JSON array, parallel to keys. */
  | (OfStep & {
      readonly type: "fan-out.grown";
      readonly issue: number;
      readonly from: number;
      readonly keys: readonly string[];
      /** Parallel to keys, where the job is limited by key: the hash of what it is limited by, 0 for nothing. */
      readonly limitKeys?: readonly number[];
      /** Repeated keys left out since the page before. */
      readonly duplicates: number;
      /** Where to go on reading after this page, for sources with a cursor. */
      readonly cursor?: Json;
    })
  | (OfStep & {
      readonly type: "fan-out.sealed";
      readonly issue: number;
      readonly total: number;
      readonly duplicates: number;
    })
  /** Outcomes of many sub-jobs; body: the results of `ok` in order, as a JSON array (null where undefined); none if all are. */
  | (OfStep & {
      readonly type: "sub-jobs.settled";
      readonly worker: string;
      /** Successes as flat triples: from, count, issue. */
      readonly ok: readonly number[];
      /** Durations of `ok` in whole ms, in order; left out where all are below 1 ms. */
      readonly ms?: readonly number[];
      /** Durations of all attempts in this event: total in µs, and a sparse histogram [bucket, count, …] (core/histogram.ts). */
      readonly took: { readonly us: number; readonly histogram: readonly number[] };
      /** Of successes that were not the first try: index, attempt, offset of the outcome before (-1 if none), … */
      readonly again?: readonly number[];
      readonly bad?: readonly Unsettled[];
    })
  /** The queue handed this task out again: whoever had it is gone. `subJobs` as in SliceTask. */
  | (OfStep & {
      readonly type: "task.lost";
      readonly kind: "step" | "split" | "slice";
      /** Of a step or split: its issue. */
      readonly issue?: number;
      /** Of a slice: flat triples from, count, issue. */
      readonly subJobs?: readonly number[];
      /** Nobody vanished: a worker that stops gives back what it has not done. */
      readonly clean?: boolean;
      /** Its process did not end by itself: somebody killed it, or the machine did. */
      readonly killed?: boolean;
    })
  | (OfStep & {
      readonly type: "sub-jobs.progressed";
      readonly index: number;
      readonly done: number;
      readonly of?: number;
    })
  /** A worker says that it is there; it repeats this, and what is not repeated until `until` no longer counts. */
  | {
      readonly type: "worker.seen";
      readonly worker: string;
      readonly slots: number;
      readonly queues: readonly string[];
      readonly until: number;
    }
  | { readonly type: "worker.gone"; readonly worker: string }
  /** The queue was in memory and is empty now. clean: its workers had stopped, so nothing crashed. */
  | { readonly type: "queue.lost"; readonly clean: boolean }
  | { readonly type: "ticked" }
  | {
      readonly type: "schedule.asked";
      readonly schedule: string;
      readonly what: "fire" | "pause" | "resume";
      readonly request: string;
      readonly author?: string;
      readonly reason?: string;
    }
  | (Asked & {
      readonly type: "redrive.asked";
      /** Of a fan-out: the pace of the step from now on. */
      readonly rate?: Rate;
    } & Selection &
      Edited)
  | (Asked & { readonly type: "skip.asked" } & Selection)
  | (Asked & { readonly type: "release.asked" })
  | (Asked & { readonly type: "close.asked" })
  | (Asked & { readonly type: "cancel.asked" })
  /** The cancel was a mistake. */
  | (Asked & { readonly type: "reopen.asked" })
  | (Asked & { readonly type: "adjust.asked"; readonly step?: string; readonly to: Adjustment })
  /** Of the run, or of one of its steps. */
  | (Asked & { readonly type: "pause.asked"; readonly step?: string })
  | (Asked & { readonly type: "resume.asked"; readonly step?: string })
  /** It is to be kept no longer than this after its end, and as far as the list of runs knows, that is over. */
  | (OfRun & { readonly type: "run.expired"; readonly flow: string; readonly retentionMs: number })
  /** Of a customer, a job, a flow or a queue, in every partition; the first one decides. */
  | (AskedOfAll & { readonly type: "pause-all.asked" })
  | (AskedOfAll & { readonly type: "resume-all.asked" })
  /** What the first partition has decided, told to another: all that is paused everywhere. */
  | { readonly type: "pauses.told"; readonly version: number; readonly pauses: readonly Pause[] };

export type OutputEvent =
  /** It is there, and begins when its time has come and there is room for it. */
  | (OfRun & {
      readonly type: "run.delayed";
      readonly flow: string;
      readonly beginAt: number;
      readonly customer?: string;
      readonly priority: Priority;
      readonly deadlineAt?: number;
      readonly tags?: Readonly<Record<string, string>>;
    })
  | (OfRun & {
      readonly type: "run.began";
      readonly flow: string;
      readonly customer?: string;
      readonly priority: Priority;
      readonly deadlineAt?: number;
      readonly tags?: Readonly<Record<string, string>>;
    })
  | (OfStep & { readonly type: "step.began" })
  | (OfStep & {
      readonly type: "step.ended";
      readonly outcome: "ok" | "failed" | "cancelled";
      /** For statistics; not there before 0.1. */
      readonly counted?: Counted;
    })
  | (OfStep & {
      readonly type: "fan-out.joined";
      readonly total: number;
      readonly ok: number;
      readonly failed: number;
      readonly skipped: number;
      readonly value?: Json;
    })
  | (OfRun & { readonly type: "run.held"; readonly step: string; readonly because: string })
  | (OfRun & { readonly type: "run.resumed"; readonly step: string })
  /** The deadline of the run, or of the step it is at, has passed; `atDeadline` is what follows. */
  | (OfDeadline & { readonly type: "run.late"; readonly atDeadline: AtDeadline })
  /** As things go, it will pass before the step is through. */
  | (OfDeadline & {
      readonly type: "run.at-risk";
      readonly forecastAt: number;
      readonly riskAt: number;
    })
  /** As it is now. */
  | (OfRun & {
      readonly type: "run.adjusted";
      readonly priority: Priority;
      readonly deadlineAt?: number;
    })
  | (OfRun & {
      readonly type: "run.ended";
      readonly state: "done" | "failed" | "cancelled";
      readonly because?: string;
      /** For statistics. */
      readonly counted?: { readonly flow: string; readonly startedAt: number };
    });

/** A tick of a schedule, as the manager of its partition took it. */
export type ScheduleEvent = {
  readonly type: "schedule.ticked";
  readonly schedule: string;
  readonly tick: number;
  readonly outcome: "started" | "queued" | "skipped";
  /** The run. */
  readonly started?: string;
  readonly because?: string;
};

/** Nothing of a run is kept any more: it went with the event at offset `by`, and what comes after that finds no such run. */
export type RemovalEvent = OfRun & {
  readonly type: "run.removed";
  readonly flow: string;
  readonly by: number;
};

export type Event = InputEvent | OutputEvent | ScheduleEvent | RemovalEvent;

/** What a manager decides, by what it is about: people and programs are told of runs. */
const outputs: Readonly<
  Record<OutputEvent["type"], "run"> &
    Record<ScheduleEvent["type"], "schedule"> &
    Record<RemovalEvent["type"], "removal">
> = {
  "run.delayed": "run",
  "run.began": "run",
  "step.began": "run",
  "step.ended": "run",
  "fan-out.joined": "run",
  "run.held": "run",
  "run.resumed": "run",
  "run.adjusted": "run",
  "run.late": "run",
  "run.at-risk": "run",
  "run.ended": "run",
  "schedule.ticked": "schedule",
  "run.removed": "removal",
};

export function isOutputType(type: string): type is keyof typeof outputs {
  return typeof type === "string" && Object.hasOwn(outputs, type); // A record that is no event may have anything there.
}

export function isRunEventType(type: string): type is OutputEvent["type"] {
  return isOutputType(type) && outputs[type] === "run";
}

export const runEventTypes: readonly OutputEvent["type"][] =
  Object.keys(outputs).filter(isRunEventType);

/** Says what a manager has decided: to a manager that is nothing new, not even the time. */
export function isOutput(
  event: Recorded,
): event is Recorded<OutputEvent | ScheduleEvent | RemovalEvent> {
  return isOutputType(event.type);
}

/** What a manager writes: what followed, and input for its own next decision that nobody else has to make. */
export type Written =
  | OutputEvent
  | ScheduleEvent
  | RemovalEvent
  | Extract<
      InputEvent,
      { readonly type: "ticked" | "run.started" | "run.expired" | "fan-out.sealed" }
    >
  | (Extract<InputEvent, { readonly type: "fan-out.grown" }> & { readonly body: string });

/** An event as the log returns it: `at` is the log's time in epoch ms, never the producer's. */
export type Recorded<E extends Event = Event> = E & {
  readonly offset: number;
  readonly at: number;
  readonly body?: string;
};

/** One record as the log keeps it. */
export type Entry = { readonly offset: number; readonly at: number; readonly text: string };

export function encode(event: Event, body?: string): string {
  const header = JSON.stringify(
    event.type === "fan-out.grown" ? { ...event, keys: packedKeys(event.keys) } : event,
  );
  return body === undefined ? header : `${header}\n${body}`;
}

/** Every record of ours begins so. */
const beginning = '{"type":"';

/** What the record says that it is, without reading the rest: most are outcomes of sub-jobs, and only few want those. */
export function typeIn({ text }: Pick<Entry, "text">): string {
  return text.slice(beginning.length, text.indexOf('"', beginning.length));
}

/** Reads what encode wrote. Throws CorruptError on anything else. */
export function decode(entry: Entry): Recorded {
  const end = entry.text.indexOf("\n");
  const header = end === -1 ? entry.text : entry.text.slice(0, end);
  let event: unknown;
  try {
    event = JSON.parse(header);
  } catch (cause) {
    throw new CorruptError(`the record at offset ${entry.offset} is not one of ours`, { cause });
  }
  if (typeof event !== "object" || event === null || !("type" in event))
    throw new CorruptError(`the record at offset ${entry.offset} is not one of ours`);
  const recorded = event as { offset: number; at: number; body?: string } & Event; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in encode; a fresh object, nobody else has it
  recorded.offset = entry.offset;
  recorded.at = entry.at;
  if ("keys" in recorded) Reflect.set(recorded, "keys", unpackedKeys(recorded.keys));
  if (end !== -1) recorded.body = entry.text.slice(end + 1);
  return recorded;
}
