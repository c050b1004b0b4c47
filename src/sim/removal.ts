/** What must be true of runs that were removed: judged by the log, and by what is left in the store. */
import type { Entry } from "../core/event.ts";
import { prefixes } from "../core/ids.ts";
import type { Commit, Store } from "../ports/store.ts";
import type { Checked } from "./checkers.ts";

type Told = { readonly run: string; readonly by: number };

const beginning = '{"type":"run.removed"';

/** Offsets of the events with which the store removed the last of a run. */
export function lastOf({ events }: Commit): ReadonlySet<number> {
  const removals = events.filter((text) => text.startsWith(beginning));
  return new Set(removals.map((text) => toldIn(text).by));
}

function toldIn(text: string): Told {
  return JSON.parse(text) as Told; // oxlint-disable-line typescript/no-unsafe-type-assertion -- managers write nothing else
}

/** Whether the run was removed, and nobody has started it again since. */
export function isGone(entries: readonly Entry[], run: string): boolean {
  const last = entries.findLast(
    ({ text }) => text.startsWith(beginning) && toldIn(text).run === run,
  );
  if (last === undefined) return false;
  const { by } = toldIn(last.text);
  return !entries.some(
    ({ offset, text }) => offset > by && text.startsWith(`{"type":"run.started","run":"${run}"`),
  );
}

/** Of a run that was removed, nothing is left; of one that is leaving, the rest is still to be removed. */
export async function checkGone(
  store: Store,
  partition: number,
  { removed, leaving, runs }: Checked,
  entries: readonly Entry[],
): Promise<readonly string[]> {
  const left: string[] = [];
  const { offset: consumed } = await store.position(partition);
  for (const run of leaving) {
    const more = `{"type":"run.expired","run":"${run}"`;
    const [record] = await store.load(partition, [`run/${run}`]);
    const isDue = entries.some(({ offset, text }) => offset >= consumed && text.startsWith(more));
    if (record !== undefined && !isDue) left.push(`run ${run} is leaving, and never leaves`);
  }
  for (const run of removed) {
    if (runs.has(run)) continue;
    for (const prefix of [...prefixes.ofRun(run), `run/${run}`, `live/${run}`])
      for (const [key] of await store.scan(partition, prefix, 1))
        if (key.startsWith(`${prefix}/`) || key === prefix || prefix.endsWith("/"))
          left.push(`run ${run} was removed, and ${key} is still there`);
  }
  return left;
}
