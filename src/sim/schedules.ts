/** Schedules of a simulated world, and what must be true of their ticks: judged by the log and the commits alone. */
import type { Entry } from "../core/event.ts";
import type { SchedulePlan } from "../core/schedule.ts";
import type { Commit } from "../ports/store.ts";
import type { Draw } from "./draw.ts";

export type SimSchedule = SchedulePlan & { readonly everyMs: number; readonly until: number };

/** They tick until this instant, so that the world comes to an end. */
export function drawSchedules(draw: Draw, flow: string, until: number): readonly SimSchedule[] {
  const count = draw.pick([0, 0, 1, 2], "schedules");
  return Array.from({ length: count }, (_, n) => {
    const name = `schedule-${n}`;
    const everyMs = draw.pick([1_000, 3_000, 7_000], name, "every");
    return {
      name,
      flow,
      everyMs,
      until,
      rule: `every ${everyMs}`,
      missed: draw.pick(["latest", "all", "none"], name, "missed"),
      overlap: draw.pick(["skip", "queue", "allow"], name, "overlap"),
      next(after) {
        const at = (Math.floor(after / everyMs) + 1) * everyMs;
        return at <= until ? at : undefined;
      },
      stamp: (at) => new Date(at).toISOString().replace(".000", ""),
      input: (at) => ({ at }),
    };
  });
}

type Told = {
  readonly type: string;
  readonly run?: string;
  readonly request?: string;
  readonly schedule?: string;
  readonly tick?: number;
  readonly outcome?: string;
  readonly started?: string;
};

export type ScheduleHistory = {
  readonly entries: readonly Entry[];
  readonly commits: readonly { readonly from: number; readonly commit: Commit }[];
};

const told = (text: string): Told => JSON.parse(text.split("\n", 1)[0] ?? "") as Told; // oxlint-disable-line typescript/no-unsafe-type-assertion -- every record is one event

/** What is wrong with the ticks of this schedule, in the partition where it lives. */
export function checkSchedule(schedule: SimSchedule, history: ScheduleHistory): readonly string[] {
  const { name, everyMs, until, missed, overlap } = schedule;
  const { entries, commits } = history;
  const wrong: string[] = [];
  const taken = new Set<number>();
  const queued = new Set<number>();
  const begun = new Set<string>();
  const open = new Set<string>();

  /** Due at one of these times, and the one that the policy means. */
  function isDue(tick: number, ats: readonly number[]): boolean {
    return ats.some(
      (at) => tick <= at && (missed === "all" || tick + everyMs > at || tick + everyMs > until),
    );
  }

  function take({ tick = NaN, outcome, started = "" }: Told, ats: readonly number[]): void {
    const what = `${name}: tick ${tick}`;
    if (tick % everyMs !== 0 || tick > until) wrong.push(`${what} is none of its rule`);
    if (!queued.delete(tick)) {
      if (taken.has(tick)) wrong.push(`${what} was taken twice`);
      if (!isDue(tick, ats)) wrong.push(`${what} was not the one due at ${ats.join(", ")}`);
    }
    taken.add(tick);
    if (outcome === "queued") queued.add(tick);
    if (outcome !== "started") return;
    if (overlap !== "allow" && open.size > 0)
      wrong.push(`${what} was started although ${[...open].join(", ")} had not ended`);
    open.add(started);
    if (started !== `${name}@${schedule.stamp(tick)}`) wrong.push(`${what} started ${started}`);
  }

  for (const { from, commit } of commits) {
    const ats = entries.slice(from, commit.to).map(({ at }) => at);
    for (const event of commit.events.map(told)) {
      if (event.type === "run.ended") open.delete(event.run ?? "");
      if (event.type === "schedule.ticked" && event.schedule === name) take(event, ats);
      if (event.type === "run.started" && event.run?.startsWith(`${name}@`) === true) {
        if (begun.has(event.run)) wrong.push(`${name}: ${event.run} was started twice`);
        begun.add(event.run);
      }
    }
  }

  // Between the first time it was seen and the last, nothing was forgotten.
  const since = entries[0]?.at ?? 0;
  const last = commits.at(-1)?.commit.to ?? 0;
  const to = Math.min(entries[last - 1]?.at ?? 0, until);
  for (let tick = (Math.floor(since / everyMs) + 1) * everyMs; tick <= to; tick += everyMs) {
    const isLast = tick + everyMs > to;
    if ((missed === "all" || (missed === "latest" && isLast)) && !taken.has(tick))
      wrong.push(`${name}: tick ${tick} was forgotten`);
  }
  return wrong;
}
