/** What people see in the list of runs, beside what the log says: it is as of the call. */
import { decode, type Entry, type RunState } from "../core/event.ts";

/**
 * What is wrong: a state in the list must be one that the log said of the run between the call and the answer.
 *
 * `end` is that of the log at the call; the entries are those at the answer. Of a log that has lost some since, nothing is said.
 */
export function wronglyListed(
  runs: readonly string[],
  listed: ReadonlyMap<string, RunState>,
  entries: readonly Entry[],
  end: number,
): readonly string[] {
  if (entries.length < end) return [];
  const states = new Map<string, RunState>();
  for (const entry of entries.slice(0, end)) follow(states, entry);
  const said = new Map(runs.map((run) => [run, [states.get(run)]]));
  for (const entry of entries.slice(end)) {
    follow(states, entry);
    for (const run of runs) said.get(run)?.push(states.get(run));
  }
  return runs
    .filter((run) => said.get(run)?.includes(listed.get(run)) === false)
    .map(
      (run) =>
        `the list says that run ${run} is ${listed.get(run)}, the log from ${end} on that it is ${said.get(run)?.join(", ")}`,
    );
}

function follow(states: Map<string, RunState>, entry: Entry): void {
  if (!entry.text.startsWith('{"type":"run.')) return;
  const event = decode(entry);
  if (event.type === "run.delayed") states.set(event.run, "waiting");
  if (event.type === "run.began" || event.type === "run.resumed") states.set(event.run, "running");
  if (event.type === "run.held") states.set(event.run, "held");
  if (event.type === "run.ended") states.set(event.run, event.state);
  if (event.type === "run.removed") states.delete(event.run);
}
