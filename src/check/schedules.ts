/** Schedules: each tick starts one run at most, each run is of one tick, and what is kept of a schedule is what was said of it. */
import { isDeepStrictEqual } from "node:util";
import type { Seen, Tell, Value } from "./store.ts";
import type { Told } from "./told.ts";

export type Ticks = {
  /** A record of the log, in order. */
  readonly take: (told: Told, where: string) => void;
  /** After the last of them. */
  readonly end: (state: ReadonlyMap<string, Value>) => void;
};

type Of = {
  /** By tick, the run that it started; undefined where it starts none. */
  readonly over: Map<number, string | undefined>;
  /** The last that did not wait, as it is kept. */
  last: unknown;
};

/** So a run begins that a schedule started: with the schedule's name, and the time of its tick. */
const prefix = "schedule/";

export function ticksOf(tell: Tell, seen: Seen): Ticks {
  const all = new Map<string, Of>();
  const tickOf = new Map<string, string>();
  /** Said to be started, and no start read yet. */
  const promised = new Set<string>();

  function started(e: Told, of: Of, where: string): void {
    const { schedule, tick, started: run = "" } = e;
    const before = tickOf.get(run);
    if (before !== undefined) tell("G2", where, `a run of its own`, `"${run}", of ${before}`);
    if (!run.startsWith(`${schedule}@`)) tell("G2", where, `a run "${schedule}@…"`, `"${run}"`);
    tickOf.set(run, `tick ${tick}`);
    of.over.set(tick, run);
    promised.add(run);
  }

  return {
    take(e, where) {
      if (e.type === "run.started") promised.delete(e.run);
      if (e.type !== "schedule.ticked") return;
      seen("ticks");
      const of = all.get(e.schedule) ?? { over: new Map(), last: undefined };
      all.set(e.schedule, of);
      const { tick, outcome, started: run, because } = e;
      if (of.over.has(tick))
        tell(
          "G2",
          where,
          `one end of tick ${tick}`,
          `${outcome}, after ${of.over.get(tick) ?? "none"}`,
        );
      if (outcome === "queued") return;
      if (outcome === "started") started(e, of, where);
      else of.over.set(tick, undefined);
      of.last = {
        tick,
        ...(run === undefined ? {} : { run }),
        ...(because === undefined ? {} : { because }),
      };
    },
    end(state) {
      for (const run of promised) tell("G2", `run ${run}`, "the start that its tick says", "none");
      for (const [key, value] of state) {
        if (!key.startsWith(prefix)) continue;
        seen("schedules");
        const stored: unknown = typeof value === "string" ? JSON.parse(value) : undefined;
        const last: unknown = Object(stored).last; // oxlint-disable-line typescript/no-unsafe-type-assertion -- compared, whatever it is
        const said = all.get(key.slice(prefix.length))?.last;
        if (!isDeepStrictEqual(last, said))
          tell("G10", key, JSON.stringify(said) ?? "no tick", JSON.stringify(last) ?? "none");
      }
    },
  };
}
