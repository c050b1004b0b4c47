/** The split of a job sent by itself: there is nothing for a worker to do. */
import type { FanOut } from "./fan-out.ts";
import { keyHash } from "./limit-keys.ts";
import { limitByKey, type FanOutPlan } from "./plan.ts";
import type { Run } from "./run.ts";
import type { Decided } from "./state.ts";

/** Writes what a worker would write that split it: one item, which is the input, under the id of the run. */
export function splitSent(run: Run, step: FanOut, plan: FanOutPlan, decided: Decided): void {
  const { generation, main, ledger } = step;
  const common = { run: run.id, step: step.name, generation, issue: main.issue, duplicates: 0 };
  if (ledger.size === 0)
    decided.events.push({
      type: "fan-out.grown",
      ...common,
      from: 0,
      keys: [run.id],
      ...limitKeyOf(run, plan),
      body: JSON.stringify([run.input]),
    });
  decided.events.push({ type: "fan-out.sealed", ...common, total: 1 });
}

/** What a worker would say of the one item; a key that cannot be had is none. */
function limitKeyOf(
  { input }: Run,
  { job }: FanOutPlan,
): { readonly limitKeys?: readonly number[] } {
  const key = limitByKey(job)?.key;
  if (key === undefined) return {};
  try {
    return { limitKeys: [keyHash(key(input))] };
  } catch {
    return { limitKeys: [0] };
  }
}
