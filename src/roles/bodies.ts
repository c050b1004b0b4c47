/** What plain steps and splits are given: the state of their run, and a time limit. */
import type { Json } from "../core/event.ts";
import type { Flow, State } from "../define/flow.ts";
import { validate } from "../define/schema.ts";
import type { Store } from "../ports/store.ts";
import { loadStoredRun } from "./loading.ts";
import { RetryLaterError, UnavailableError } from "../errors.ts";

/** `input` as the flow's schema makes it, and the results of the steps so far. */
export async function stateOf(
  store: Pick<Store, "load">,
  partition: number,
  run: string,
  flow: Flow,
): Promise<State> {
  const stored = await ours(loadStoredRun(store, partition, run));
  // What the queue still has of a run that was removed: whatever it comes to, nobody waits for it.
  if (stored === undefined) throw new RetryLaterError(againMs, `run "${run}" was removed`);
  const input = await validate(flow.input, stored.input, `input of run "${run}"`);
  const results: [string, Json | undefined][] = Object.entries(stored.results);
  return Object.fromEntries([...results, ["input", input]]);
}

/** After this, what an engine did not answer is tried again. */
const againMs = 1_000;

/** What a body needs of the engine. Where that does not answer, the body is tried again later: it is not the user's failure, and counts as none. */
export async function ours<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof UnavailableError) throw new RetryLaterError(againMs, error.message);
    throw error;
  }
}
