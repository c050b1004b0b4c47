/** Schedules, as people see them and decide about them. */
import { encode } from "../core/event.ts";
import { partitionOf } from "../core/ids.ts";
import { newSchedule, storedSchedule, type StoredSchedule } from "../core/schedule.ts";
import type { RunState } from "../core/event.ts";
import type { Schedule } from "../define/schedule.ts";
import { uniqueId } from "../engines/system.ts";
import { ConflictError, NotFoundError, UnavailableError } from "../errors.ts";
import { loadSchedules } from "../roles/loading.ts";
import type { By } from "./deciding.ts";
import type { Node } from "./node.ts";

/** How long a run that was fired is waited for, and how often it is looked for. */
const startedMs = 30_000;
const lookMs = 5;

/** A line in the list of schedules. Instants in epoch ms. */
export type ScheduleStatus = {
  readonly schedule: string;
  /** "0 2 1 * * Europe/Berlin", "every 15m" */
  readonly rule: string;
  /** The flow or job it starts; undefined where this program does not have the schedule. */
  readonly starts: string | undefined;
  /** Undefined while it is paused, where nothing comes any more, and where this program does not have it. */
  readonly nextAt: number | undefined;
  readonly paused: StoredSchedule["paused"];
  readonly last:
    | {
        readonly at: number;
        readonly run: string | undefined;
        readonly state: RunState | undefined;
        /** Why there is no run. */
        readonly because: string | undefined;
      }
    | undefined;
  /** Ticks that wait for a run to end, and those that were skipped because one had not. */
  readonly queued: number;
  readonly skipped: number;
};

/** A schedule of this app, in the hand of a person. */
export type ScheduleHandle = {
  /** Starts a run now, whatever its rule says and whatever runs; resolves to the run's id. */
  readonly fire: (by?: By & { readonly reason?: string }) => Promise<{ readonly run: string }>;
  /** No tick starts anything any more. What was queued goes on. */
  readonly pause: (reason: string, by?: By) => Promise<void>;
  /** From the next tick on; those that came meanwhile are gone. */
  readonly resume: (reason: string, by?: By) => Promise<void>;
};

/** All of them, those of other programs on the same engine too, by name. */
export async function listSchedules(
  { engine, reader }: Node,
  schedules: ReadonlyMap<string, Schedule>,
): Promise<readonly ScheduleStatus[]> {
  const known = new Map<string, StoredSchedule>();
  for (const { plan } of schedules.values())
    known.set(plan.name, { ...storedSchedule(newSchedule(plan)), rule: plan.rule });
  for (let partition = 0; partition < engine.partitions; partition += 1)
    for (const stored of await loadSchedules(engine.store, partition))
      known.set(stored.schedule, stored);
  const all = [...known.values()].toSorted((a, b) => (a.schedule < b.schedule ? -1 : 1));
  return Promise.all(
    all.map(async ({ schedule, rule, nextAt, paused, last, queue, skipped }) => {
      const own = schedules.get(schedule);
      const run = last?.run === undefined ? undefined : await reader.run(last.run);
      return {
        schedule,
        rule,
        starts: own?.run.name,
        nextAt: own === undefined ? undefined : nextAt,
        paused,
        last:
          last === undefined
            ? undefined
            : { at: last.tick, run: last.run, state: run?.state, because: last.because },
        queued: queue.length,
        skipped,
      };
    }),
  );
}

/** Throws NotFoundError where the program does not have it: nobody here could decide about it. */
export function scheduleHandle(
  node: () => Promise<Node>,
  schedules: ReadonlyMap<string, Schedule>,
  name: string,
): ScheduleHandle {
  if (!schedules.has(name)) {
    const names = [...schedules.keys()].map((one) => `"${one}"`).join(", ");
    throw new NotFoundError(
      `there is no schedule "${name}": ${names === "" ? "this app has none in parts" : `this app has ${names}`}`,
    );
  }

  async function ask(
    what: "fire" | "pause" | "resume",
    { reason, ...by }: By & { readonly reason?: string },
  ) {
    const at = await node();
    const partition = partitionOf(name, at.engine.partitions);
    const { request = uniqueId(), author = at.name } = by;
    const event = encode({
      type: "schedule.asked",
      schedule: name,
      what,
      request,
      author,
      ...(reason === undefined ? {} : { reason }),
    });
    await at.ask(partition, event);
    const stored = await loadSchedules(at.engine.store, partition);
    const answer = stored
      .find(({ schedule }) => schedule === name)
      ?.answers.find((one) => one.request === request);
    if (answer === undefined) throw new UnavailableError(`schedule "${name}" did not answer`);
    if (answer.refused !== undefined) throw new ConflictError(answer.refused);
    // Its start stands on the log, and is taken in with the next commit.
    const until = at.clock.now() + startedMs;
    while (
      answer.run !== undefined &&
      (await at.reader.run(answer.run)) === undefined &&
      at.clock.now() < until
    )
      await at.clock.sleep(lookMs);
    return answer;
  }

  return {
    fire: async (by = {}) => ({ run: (await ask("fire", by)).run ?? "" }),
    pause: async (reason, by = {}) => void (await ask("pause", { ...by, reason })),
    resume: async (reason, by = {}) => void (await ask("resume", { ...by, reason })),
  };
}
