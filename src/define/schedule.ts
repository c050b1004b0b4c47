/** When runs start by themselves: the calendar of a schedule, by croner, and its policies. */
import { Cron } from "croner";
import type { SchedulePlan } from "../core/schedule.ts";
import type { Json } from "../core/event.ts";
import { sentPrefix } from "../core/ids.ts";
import { UsageError } from "../errors.ts";
import { type Duration, durationMs, shown } from "./duration.ts";
import type { Flow } from "./flow.ts";
import type { Job } from "./job.ts";
import { store } from "./json.ts";
import { callable, named, oneOf } from "./work.ts";

/** Starts runs of a flow or a job at its ticks: a plan for the core, and what it runs. */
export interface Schedule<N extends string = string> {
  readonly kind: "schedule";
  readonly name: N;
  readonly plan: SchedulePlan;
  readonly run: Flow | Job;
  readonly timezone: string;
}

/** A time at which a run is to start. */
export interface Tick {
  readonly at: Date;
  /** The one before, if there was one. */
  readonly last: Date | undefined;
}

/** When runs of what are started, with which input. */
export interface ScheduleDefinition<I> {
  /** Five fields, or six with seconds first: "0 2 1 * *" is two o'clock on the first. */
  readonly cron?: string;
  /** Instead: at every whole multiple of it, counted from 1970 in UTC. At least 1s, in whole seconds. */
  readonly every?: Duration;
  /** Of cron, by its IANA name. Default UTC, whatever the machine's is. */
  readonly timezone?: string;
  readonly run: Flow<string, I> | Job<string, I>;
  /** The input of the run that starts at this tick. Runs in the manager: no I/O, and nothing that waits. */
  readonly input: (tick: Tick) => NoInfer<I>;
  /** Of ticks that nobody was there for: the latest one (default), all of them (the last 1,000), or none. */
  readonly missed?: "latest" | "all" | "none";
  /** At a tick when a run of it has not ended: skip that tick (default), begin when it has, or begin all the same. */
  readonly overlap?: "skip" | "queue" | "allow";
}

/**
 * Starts runs by itself. The run of a tick is called after it, `month-end@2026-11-01T02:00+01:00`, and is started once.
 *
 * Throws UsageError for what cannot be meant, a calendar on which nothing ever comes among it.
 */
export function schedule<const N extends string, I>(
  name: N,
  definition: ScheduleDefinition<I>,
): Schedule<N> {
  const what = `schedule "${named(name, "name of a schedule")}"`;
  const { run, input, missed = "latest", overlap = "skip" } = definition;
  if (run?.kind !== "flow" && run?.kind !== "job")
    throw new UsageError(`run of ${what} must be a flow or a job, got ${shown(run)}`);
  callable(input, `input of ${what}`);
  oneOf(missed, ["latest", "all", "none"], `missed of ${what}`);
  oneOf(overlap, ["skip", "queue", "allow"], `overlap of ${what}`);
  const calendar = calendarOf(definition, what);
  const plan: SchedulePlan = {
    name,
    flow: run.kind === "job" ? `${sentPrefix}${run.name}` : run.name,
    missed,
    overlap,
    ...calendar,
    stamp: stamper(calendar.timezone),
    input(at, last) {
      const given = input({ at: new Date(at), last: last === undefined ? last : new Date(last) });
      return JSON.parse(store(given, `input of ${what}`)) as Json; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the text was checked by store
    },
  };
  const own: unknown = run;
  return { kind: "schedule", name, plan, run: own as Flow | Job, timezone: calendar.timezone }; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it is a flow or a job, of whatever input
}

type Calendar = Pick<SchedulePlan, "rule" | "next"> & { readonly timezone: string };

function calendarOf(
  { cron, every, timezone }: Pick<ScheduleDefinition<unknown>, "cron" | "every" | "timezone">,
  what: string,
): Calendar {
  if ((cron === undefined) === (every === undefined))
    throw new UsageError(
      `${what} must say either cron or every, got ${cron === undefined ? "neither" : "both"}`,
    );
  if (every === undefined) return byCron(cron ?? "", timezone ?? "UTC", what);
  if (timezone !== undefined)
    throw new UsageError(
      `${what} has every, which knows no timezone: leave timezone out, or write a cron`,
    );
  const everyMs = durationMs(every, `every of ${what}`);
  if (everyMs < 1_000 || everyMs % 1_000 !== 0)
    throw new UsageError(`every of ${what} must be whole seconds, 1s or more, got ${shown(every)}`);
  const next = (after: number): number => (Math.floor(after / everyMs) + 1) * everyMs;
  return { rule: `every ${every}`, next, timezone: "UTC" };
}

function byCron(cron: string, timezone: string, what: string): Calendar {
  try {
    stampFormat(timezone);
  } catch {
    throw new UsageError(
      `timezone of ${what} must be an IANA name such as "Europe/Berlin", got ${shown(timezone)}`,
    );
  }
  try {
    parsed(cron, timezone);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.replace(/^CronPattern: /, "") : "";
    throw new UsageError(`cron of ${what} is not one, got ${shown(cron)}: ${said}`, { cause });
  }
  const next = (after: number): number | undefined =>
    parsed(cron, timezone).nextRun(new Date(after))?.getTime();
  if (next(0) === undefined)
    throw new UsageError(`cron of ${what} never comes: there is no such day, got ${shown(cron)}`);
  return { rule: `${cron} ${timezone}`, next, timezone };
}

/**
 * Calendars that were asked last. One takes 80 KB and a quarter of a millisecond to parse, and is asked once a tick: ten thousand
 * schedules would be 800 MB.
 */
const calendars = new Map<string, Cron>();
const mostCalendars = 100;

function parsed(cron: string, timezone: string): Cron {
  const key = `${cron} ${timezone}`;
  const known = calendars.get(key);
  calendars.delete(key); // The oldest stands first.
  const calendar = known ?? new Cron(cron, { timezone, paused: true });
  calendars.set(key, calendar);
  for (const oldest of calendars.keys()) {
    if (calendars.size <= mostCalendars) break;
    calendars.delete(oldest);
  }
  return calendar;
}

/** One for each time zone, of which there are some hundred: it takes 30 KB. */
const stampFormats = new Map<string, Intl.DateTimeFormat>();

/** Throws where there is no such time zone. */
function stampFormat(timeZone: string): Intl.DateTimeFormat {
  const known = stampFormats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en", {
    timeZone,
    timeZoneName: "longOffset",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  stampFormats.set(timeZone, format);
  return format;
}

/** ISO, as the clock on the wall says it, with what it is off from UTC; seconds and less only where there are any. */
function stamper(timeZone: string): (at: number) => string {
  const format = stampFormat(timeZone);
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const of = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
    const offset = of("timeZoneName").replace("GMT", "");
    const ms = at % 1_000 === 0 ? "" : `.${`${at % 1_000}`.padStart(3, "0")}`;
    const seconds = of("second") === "00" && ms === "" ? "" : `:${of("second")}${ms}`;
    const zone = timeZone === "UTC" ? "Z" : offset === "" ? "+00:00" : offset;
    const day = `${of("year")}-${of("month")}-${of("day")}`;
    return `${day}T${of("hour")}:${of("minute")}${seconds}${zone}`;
  };
}
