/** Collects outcomes until they are written down, many in one event: per step, successes as ranges, the rest one by one. */
import { encode, type Unsettled } from "../core/event.ts";
import { bucketOf } from "../core/histogram.ts";
import { limits } from "../core/limits.ts";

/** The step that outcomes belong to. */
export type Home = {
  readonly partition: number;
  readonly run: string;
  readonly step: string;
  readonly generation: number;
};

/** A record to append. */
export type Written = { readonly partition: number; readonly text: string };

export type Outcomes = {
  /** `result` is JSON text; undefined where the job returned nothing. */
  readonly ok: (
    home: Home,
    index: number,
    issue: number,
    result: string | undefined,
    us: number,
    again?: { readonly attempt: number; readonly previous: number | undefined },
  ) => void;
  readonly bad: (home: Home, bad: Unsettled, us: number) => void;
  readonly isEmpty: () => boolean;
  /** There is a whole event's worth. */
  readonly isFull: () => boolean;
  /** All that was collected, as records; what comes from now on is collected anew. */
  readonly take: () => readonly Written[];
};

type Batch = {
  readonly home: Home;
  readonly ok: number[];
  readonly results: (string | undefined)[];
  hasResults: boolean;
  readonly ms: number[];
  hasMs: boolean;
  readonly bad: Unsettled[];
  readonly again: number[];
  readonly took: Map<number, number>;
  us: number;
  size: number;
};

/** Characters of results in one event, about: bounds what reading one outcome decodes. */
const batchLength = 262_144;

export function outcomes(worker: string): Outcomes {
  /** Of the step that had the last outcome, because the next is most likely its. */
  let last: Batch | undefined;
  const open = new Map<string, Batch>();
  let full: Batch[] = [];

  function batchOf(home: Home): Batch {
    if (last !== undefined && last.home === home) return last;
    const name = `${home.run}/${home.step}/${home.generation}`;
    let batch = open.get(name);
    if (batch === undefined) {
      batch = emptyBatch(home);
      open.set(name, batch);
    }
    last = batch;
    return batch;
  }

  function count(batch: Batch, us: number, length: number): void {
    const bucket = bucketOf(us);
    batch.took.set(bucket, (batch.took.get(bucket) ?? 0) + 1);
    batch.us += us;
    batch.size += 1 + (length * limits.outcomesPerEvent) / batchLength;
    if (batch.size < limits.outcomesPerEvent) return;
    const { run, step, generation } = batch.home;
    open.delete(`${run}/${step}/${generation}`);
    full.push(batch);
    last = undefined;
  }

  return {
    ok(home, index, issue, result, us, again) {
      const batch = batchOf(home);
      const { ok } = batch;
      const end = ok.length;
      if (end > 0 && (ok[end - 3] ?? 0) + (ok[end - 2] ?? 0) === index && ok[end - 1] === issue)
        ok[end - 2] = (ok[end - 2] ?? 0) + 1;
      else ok.push(index, 1, issue);
      batch.results.push(result);
      if (again !== undefined) batch.again.push(index, again.attempt, again.previous ?? -1);
      if (result !== undefined) batch.hasResults = true;
      const ms = Math.round(us / 1_000);
      batch.ms.push(ms);
      if (ms > 0) batch.hasMs = true;
      count(batch, us, result?.length ?? 0);
    },
    bad(home, bad, us) {
      const batch = batchOf(home);
      batch.bad.push(bad);
      count(batch, us, bad.error?.message.length ?? 0);
    },
    isFull: () => full.length > 0,
    isEmpty: () => open.size === 0 && full.length === 0,
    take() {
      const written = [...full, ...open.values()].map((batch) => ({
        partition: batch.home.partition,
        text: textOf(worker, batch),
      }));
      full = [];
      open.clear();
      last = undefined;
      return written;
    },
  };
}

function emptyBatch(home: Home): Batch {
  return {
    home,
    ok: [],
    results: [],
    hasResults: false,
    ms: [],
    hasMs: false,
    bad: [],
    again: [],
    took: new Map(),
    us: 0,
    size: 0,
  };
}

function textOf(worker: string, batch: Batch): string {
  const { run, step, generation } = batch.home;
  const histogram = [...batch.took].toSorted(([a], [b]) => a - b).flat();
  return encode(
    {
      type: "sub-jobs.settled",
      run,
      step,
      generation,
      worker,
      ok: batch.ok,
      ...(batch.hasMs ? { ms: batch.ms } : {}),
      took: { us: Math.round(batch.us), histogram },
      ...(batch.again.length === 0 ? {} : { again: batch.again }),
      ...(batch.bad.length === 0 ? {} : { bad: batch.bad }),
    },
    batch.hasResults ? `[${batch.results.map((result) => result ?? "null").join(",")}]` : undefined,
  );
}
