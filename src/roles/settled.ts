/** What the log says came of sub-jobs: one record of it holds the outcomes of many. */
import { decode, type Entry, type Failure, type Json } from "../core/event.ts";
import { firstFrom } from "../core/sorted.ts";
import type { Trace } from "../core/trace.ts";
import type { AttemptRecord } from "../views/status.ts";

/** What the log says of one attempt, and where it says more about the one before. */
export type Outcome = Omit<AttemptRecord, "error"> & {
  readonly error?: Failure | undefined;
  readonly result: Json | undefined;
  readonly previous: number | undefined;
  readonly trace?: Trace | undefined;
};

/** The outcomes of one record, by sub-job; undefined where it has none of it. */
export type Outcomes = (index: number) => Outcome | undefined;

/** Reads a record once, to be asked about as many sub-jobs as one likes. */
export function outcomesIn(entry: Entry): Outcomes {
  const event = decode(entry);
  if (event.type === "task.lost" || event.type === "queue.lost") return () => vanished(event.at);
  if (event.type !== "sub-jobs.settled") return () => undefined;
  const bad = new Map(event.bad?.map((one) => [one.index, one]));
  const again = new Map<number, readonly number[]>();
  for (let at = 0; at + 2 < (event.again?.length ?? 0); at += 3)
    again.set(event.again?.[at] ?? -1, event.again?.slice(at + 1, at + 3) ?? []);
  const places = placesOf(event.ok);
  let results: readonly Json[] | undefined;
  return (index) => {
    const failed = bad.get(index);
    if (failed !== undefined)
      return {
        ...failed,
        at: event.at,
        result: undefined,
        ms: failed.ms,
        previous: failed.previous,
      };
    const place = places(index);
    if (place === undefined) return undefined;
    if (event.body !== undefined) results ??= JSON.parse(event.body) as readonly Json[]; // oxlint-disable-line typescript/no-unsafe-type-assertion -- we wrote it, in roles/outcomes.ts
    const [attempt = 1, previous = -1] = again.get(index) ?? [];
    return {
      at: event.at,
      attempt,
      outcome: "ok",
      error: undefined,
      result: results?.[place],
      ms: event.ms === undefined ? 0 : event.ms[place], // Left out where all were below 1 ms.
      previous: previous < 0 ? undefined : previous,
    };
  };
}

/** Where the result of a sub-job stands among those of its record. */
function placesOf(ok: readonly number[]): (index: number) => number | undefined {
  const ranges: { readonly from: number; readonly end: number; readonly place: number }[] = [];
  let place = 0;
  for (let t = 0; t + 2 < ok.length; t += 3) {
    const [from = 0, count = 0] = ok.slice(t, t + 2);
    ranges.push({ from, end: from + count, place });
    place += count;
  }
  ranges.sort((a, b) => a.from - b.from);
  return (index) => {
    const range = ranges[firstFrom(ranges, ({ from }) => from <= index) - 1];
    if (range === undefined || index >= range.end) return undefined;
    return range.place + index - range.from;
  };
}

/** It was given up on because its workers vanished: there is nobody who could say more. */
function vanished(at: number): Outcome {
  const error = { name: "Poison", message: "its worker vanished while it ran, time and again" };
  return {
    attempt: 1,
    outcome: "poison",
    at,
    ms: undefined,
    error,
    result: undefined,
    previous: undefined,
  };
}
